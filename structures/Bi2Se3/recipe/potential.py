"""Write the bundled files of Bi2Se3: ../POSCAR, ../BORN, ../phonopy_params.yaml.xz and ../potential.toml.

Run with `lattice` installed: ``python potential.py``. Reads couplings.json and gamma.json of this folder (see their
`convention`: x ∥ a1 is the two-fold axis, y lies in the mirror plane, Bi atom 1 positive).
"""

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "recipe_tools")]

import bundle  # noqa: E402
import invariants  # noqa: E402
import patterns  # noqa: E402

import lattice  # noqa: E402
from lattice import units  # noqa: E402
from lattice.anharmonic.polynomial import channel_name, padded, substitute  # noqa: E402
from lattice.anharmonic.potential import CellRecord  # noqa: E402
from lattice.modes.modes import real_coordinates  # noqa: E402

FOLDER = HERE.parent
ASSUMED_LINEWIDTH = 0.10  # THz
BORN_FACTOR = 14.399652  # eV Å, phonopy's e²/(4πε0)
MELNIKOV_FREQUENCY = "Melnikov et al., Phys. Rev. B 97, 214304 (2018), films"
MELNIKOV_LINEWIDTH = "amplitude decay time 2 ps, from Melnikov et al., arXiv:2006.11923 (2020)"
MEASURED = {
    "Eg(1)": {"frequency": 1.10, "citation": MELNIKOV_FREQUENCY},
    "Eu(1)": {
        "frequency": 2.05,
        "linewidth": 0.16,
        "citation": f"{MELNIKOV_FREQUENCY}; linewidth: {MELNIKOV_LINEWIDTH}",
    },
    "A1g(1)": {"frequency": 2.25, "citation": MELNIKOV_FREQUENCY},
    "Eg(2)": {"frequency": 4.05, "citation": MELNIKOV_FREQUENCY},
}
QUARTIC = ("Eu1", "Eg2")  # pairs with a |Q|⁴ of their own, and with the following of both together
CROSS = ("|Eu1|^2 |Eg2|^2", "Re(Eu1^2 Eg2*^2)")


def read(name):
    """Return a file of this folder."""
    return json.loads((HERE / name).read_text())


def force_constants(gamma):
    """Return the force constants (5, 5, 3, 3), eV/Å², of the optical modes; acoustic ones cost nothing."""
    constants = np.zeros((5, 5, 3, 3))
    root = np.sqrt(patterns.ATOM_MASSES)
    still = np.eye(5) - np.outer(root, root) / (root @ root)  # the file rounds patterns; no translation may be left
    for name, mode in gamma["modes"].items():
        weighted = still @ np.array(mode["pattern"]) * root
        block = mode["curvature_eV_per_A2_amu"] * np.outer(weighted, weighted)
        for axis in (0, 1) if name.startswith("E") else (2,):
            constants[:, :, axis, axis] += block
    return constants


def denser_fields(gamma):
    """Return charges and ε∞ of the denser mesh; without that record there is nothing to write."""
    if gamma["denser_fields"] is None:
        raise SystemExit("gamma.json has no denser_fields: run python recipe.py --work SCRATCH denser_fields assemble")
    return gamma["denser_fields"]


def write_born(model, fields):
    """Write ../BORN: charges and ε∞ of the denser mesh."""
    from phonopy.file_IO import get_BORN_lines

    def tensor(axial):
        return np.diag([axial[0], *axial])

    charges = fields["born_charges_e"]
    names = ("Bi", "Bi", "Se1", "Se2", "Se2")
    born = np.array([tensor(charges[name]) for name in names])
    lines = get_BORN_lines(model.unitcell, born, tensor(fields["epsilon"]))
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    (FOLDER / "BORN").write_text(text.replace("-0.00000000", " 0.00000000"))


def write_crystal():
    """Write ../POSCAR, ../BORN and ../phonopy_params.yaml.xz."""
    from phonopy import Phonopy
    from phonopy.file_IO import parse_BORN
    from phonopy.structure.atoms import PhonopyAtoms

    gamma = read("gamma.json")
    positions = patterns.positions(gamma["u"], gamma["v"]) @ np.linalg.inv(patterns.LATTICE)
    atoms = PhonopyAtoms(
        symbols=list(patterns.SYMBOLS),
        cell=patterns.LATTICE,
        scaled_positions=positions - np.floor(positions),
        masses=patterns.ATOM_MASSES,
    )
    model = Phonopy(atoms, supercell_matrix=np.eye(3, dtype=int), primitive_matrix=np.eye(3))
    model.force_constants = force_constants(gamma)
    write_born(model, denser_fields(gamma))
    charges = parse_BORN(model.primitive, filename=str(FOLDER / "BORN"))
    model.nac_params = {"factor": BORN_FACTOR} | charges  # a first line that is a comment leaves the factor out
    bundle.save_model(model, FOLDER)


def reach():
    """Return the largest |Q| along each multiplet, Å√amu, in the displaced structures that the couplings rest on."""
    couplings, gamma = read("couplings.json"), read("gamma.json")
    return {f"{name[:-1]}({name[-1]})": couplings["reach"][name] for name in gamma["modes"]}


def patterns_along(gamma, number):
    """Names and mass-weighted eigenvectors of the coordinates of couplings.json: x, y of E modes, z of A modes."""
    vectors = {}
    for name, mode in gamma["modes"].items():
        for axis in (0, 1) if name.startswith("E") else (2,):
            vector = np.zeros((number, 3))
            vector[:, axis] = mode["pattern"]
            vectors[f"{name}{'xyz'[axis]}"] = vector
    return vectors


def anharmonic_terms(couplings, place):
    """Return the polynomial in the coordinates of couplings.json, `place[name]` being the number of a coordinate."""
    polynomial = {}

    def add(value, numbers):
        key = (tuple(sorted(numbers)), ())
        polynomial[key] = polynomial.get(key, 0.0) + value

    for name, tensor in invariants.cubic().items():
        value = couplings["cubic"][name]["value"]
        for a, b, c in np.argwhere(abs(tensor) > 1e-12):
            add(value * tensor[a, b, c], [place[invariants.MODES[i]] for i in (a, b, c)])
    for pair in QUARTIC:
        value = couplings["quartic"][f"{pair}^4"]["value"]
        for first in "xy":
            for second in "xy":
                add(value, [place[pair + first]] * 2 + [place[pair + second]] * 2)
    sizes, turns = (couplings["quartic"][name]["value"] for name in CROSS)
    (qx, qy), (px, py) = ([place[pair + axis] for axis in "xy"] for pair in QUARTIC)
    for q, p in ((qx, px), (qx, py), (qy, px), (qy, py)):
        # Re(Q² P*²) = (Q_x² − Q_y²)(P_x² − P_y²) + 4 Q_x Q_y P_x P_y
        add(sizes + (turns if (q == qx) == (p == px) else -turns), [q, q, p, p])
    add(4 * turns, [qx, qy, px, py])
    return polynomial


def table(polynomial, labels):
    """Return coefficient, mode_index, field_axis and channel of the anharmonic terms and of the linear drive."""
    largest = max(abs(c) for c in polynomial.values())
    kept = sorted((key, c) for key, c in polynomial.items() if abs(c) > 1e-9 * largest)
    return (
        [c for _, c in kept],
        [modes for (modes, _), _ in kept],
        [fields for (_, fields), _ in kept],
        [channel_name(labels[s] for s in modes) for (modes, _), _ in kept],
    )


def charges_source(gamma):
    """Return where the charges of ../BORN are from."""
    settings = denser_fields(gamma)["settings"]
    mesh = "x".join(str(number) for number in settings["mesh"][:3])
    cutoff = round(settings["cutoff_Ry"])
    return f"computed: ph.x, {cutoff} Ry, k {mesh}, acoustic sum rule imposed; not converged in k; see SOURCE.md"


def potential():
    """Build the potential from the computed couplings, charges and modes."""
    crystal = lattice.load("Bi2Se3")
    modes = lattice.solve_modes(crystal)
    optical = [i for multiplet in modes.multiplets if not multiplet.acoustic for i in multiplet.indices]
    owner = {i: multiplet for multiplet in modes.multiplets for i in multiplet.indices}
    eigenvectors = real_coordinates(modes)[optical]
    eigenvectors[np.abs(eigenvectors) < 1e-10] = 0.0  # round-off

    gamma, couplings, farthest = read("gamma.json"), read("couplings.json"), reach()
    given = patterns_along(gamma, crystal.n_atoms)
    overlap = np.einsum("ska,tka->st", np.array(list(given.values())), eigenvectors)
    assert np.abs(overlap @ overlap.T - np.eye(len(given))).max() < 1e-8, "couplings.json is not in these modes"
    overlap[np.abs(overlap) < 1e-8] = 0.0
    overlap = np.rint(overlap)  # the two bases differ by signs and the exchange of x and y
    polynomial = substitute(anharmonic_terms(couplings, {n: i for i, n in enumerate(given)}), overlap, np.eye(3))
    labels = [owner[i].label for i in optical]
    coefficient, mode_index, field_axis, channel = table(polynomial, labels)
    charge = np.einsum("kab,skb,k->sa", crystal.born_charges, eigenvectors, crystal.masses**-0.5)
    for s, a in np.argwhere(np.abs(charge) > 1e-9):
        coefficient.append(-units.EV_PER_CHARGE_FIELD_LENGTH * charge[s, a])
        mode_index.append((s,))
        field_axis.append((a,))
        channel.append("light")

    position = {i: s for s, i in enumerate(optical)}
    suffix = ["" if modes.pair[i] < 0 else "x" if modes.pair[i] > i else "y" for i in optical]
    return lattice.Potential(
        axis=modes.axis,
        frequency=modes.frequency[optical],
        linewidth=np.full(len(optical), ASSUMED_LINEWIDTH),
        labels=[label + s for label, s in zip(labels, suffix, strict=True)],
        multiplet=labels,
        irreps=[owner[i].irrep for i in optical],
        coefficient=coefficient,
        mode_index=padded(mode_index),
        field_axis=padded(field_axis),
        channel=channel,
        pair=[position.get(int(modes.pair[i]), -1) for i in optical],
        eigenvectors=eigenvectors,
        mode_numbers=optical,
        amplitude_range=[farthest[label] for label in labels],
        crystal=CellRecord(crystal.cell, crystal.positions, ("Bi", "Bi", "Se", "Se", "Se"), crystal.masses),
        source={
            "couplings": "computed: LDA with spin-orbit coupling, Quantum ESPRESSO 6.7, 36 Ry, k 4x4x4; see SOURCE.md",
            "charges": charges_source(gamma),
            "frequencies_computed": "computed: the bundled force constants",
            "linewidth": f"Eu(1) measured ({MELNIKOV_LINEWIDTH}); all others assumed, {ASSUMED_LINEWIDTH:.2f} THz",
        },
    )


def main():
    """Write all files, or the potential alone into the file that is named on the command line."""
    if len(sys.argv) > 1:
        target = Path(sys.argv[1])
    else:
        target = FOLDER / "potential.toml"
        write_crystal()
    potential().save(target)
    with target.open("a", encoding="utf-8") as stream:
        stream.write(bundle.measured_text(MEASURED))


if __name__ == "__main__":
    main()
