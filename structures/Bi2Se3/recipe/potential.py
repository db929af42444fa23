"""Write ../potential.toml: the first-principles couplings of Bi2Se3 in the coordinates of `lattice`.

Run with `lattice` installed: ``python potential.py``. Reads ../couplings.json and ../gamma.json (see their `convention`:
x ∥ a1 is the two-fold axis, y lies in the mirror plane, Bi atom 1 positive) and the bundled crystal.
"""

import json
import sys
from pathlib import Path

import numpy as np

import lattice
from lattice import units
from lattice.anharmonic.polynomial import channel_name, padded, substitute
from lattice.anharmonic.potential import CellRecord
from lattice.modes.modes import real_coordinates

FOLDER = Path(__file__).parents[1]
ASSUMED_LINEWIDTH = 0.10  # THz
MELNIKOV_FREQUENCY = "Melnikov et al., Phys. Rev. B 97, 214304 (2018), films"
MELNIKOV_LINEWIDTH = "amplitude decay time 2 ps, from Melnikov et al., arXiv:2006.11923 (2020)"
MEASURED = {
    "Eg(1)": {"frequency": 1.10, "citation": MELNIKOV_FREQUENCY},
    "Eu(1)": {"frequency": 2.05, "linewidth": 0.16, "citation": f"{MELNIKOV_FREQUENCY}; linewidth: {MELNIKOV_LINEWIDTH}"},
    "A1g(1)": {"frequency": 2.25, "citation": MELNIKOV_FREQUENCY},
    "Eg(2)": {"frequency": 4.05, "citation": MELNIKOV_FREQUENCY},
}
RANGE = {  # Å√amu, largest displacement along the multiplet in the runs
    "Eg(1)": 0.5, "A1g(1)": 0.5, "Eu(1)": 2.0, "Eg(2)": 1.0, "Eu(2)": 1.0, "A2u(1)": 0.5, "A2u(2)": 0.5, "A1g(2)": 0.5,
}  # fmt: skip


def patterns_along(gamma, number):
    """Return names and mass-weighted eigenvectors of the coordinates of couplings.json: x and y of E modes, z of A modes."""
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

    def add(value, *names):
        key = (tuple(sorted(place[name] for name in names)), ())
        polynomial[key] = polynomial.get(key, 0.0) + value

    def add_pair_singlet(value, q, r, s):  # value · S (Q·R)
        for axis in "xy":
            add(value, f"{q}{axis}", f"{r}{axis}", f"{s}z")

    def add_three_pairs(value, q, r, p):  # value · Im(Q₊ R₊ P₊)
        add(value, f"{q}x", f"{r}x", f"{p}y")
        add(-value, f"{q}y", f"{r}y", f"{p}y")
        add(value, f"{q}x", f"{r}y", f"{p}x")
        add(value, f"{q}y", f"{r}x", f"{p}x")

    def add_cubic(value, q, r, p):
        (add_three_pairs if p.startswith("E") else add_pair_singlet)(value, q, r, p)

    def add_quartic(value, q):  # value · |Q|⁴
        for a in "xy":
            for b in "xy":
                add(value, f"{q}{a}", f"{q}{a}", f"{q}{b}", f"{q}{b}")

    tensor = couplings["EuEu_tensor"]
    for receiver in ("Eg1", "Eg2", "A1g1", "A1g2"):
        add_cubic(couplings["Eu1Eu1_Q0"][receiver], "Eu1", "Eu1", receiver)
        add_cubic(2 * tensor["12"][receiver], "Eu1", "Eu2", receiver)  # both orders of the convention's sum
        add_cubic(tensor["22"][receiver], "Eu2", "Eu2", receiver)
    # force on the receiver per P², with E_g2 displaced by P along y: Im(P₊² R₊) → −P² R_y, Im(P₊³) → −P³, S|P|² → P² S
    response = couplings["Eg2y Eg2y: -F_even/P^2"]
    add_cubic(-response["Eg1"], "Eg2", "Eg2", "Eg1")
    add_cubic(-response["Eg2"] / 3, "Eg2", "Eg2", "Eg2")
    add_cubic(response["A1g1"], "Eg2", "Eg2", "A1g1")
    add_cubic(response["A1g2"], "Eg2", "Eg2", "A1g2")
    add_quartic(couplings["Eu1_quartic_b (V4=b|Q|^4)"], "Eu1")
    add_quartic(couplings["Eg2_quartic_b_P (V4=b|P|^4)"], "Eg2")
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


def potential():
    """Build the potential from the computed couplings, charges and modes."""
    crystal = lattice.load("Bi2Se3")
    modes = lattice.solve_modes(crystal)
    optical = [i for multiplet in modes.multiplets if not multiplet.acoustic for i in multiplet.indices]
    owner = {i: multiplet for multiplet in modes.multiplets for i in multiplet.indices}
    eigenvectors = real_coordinates(modes)[optical]
    eigenvectors[np.abs(eigenvectors) < 1e-10] = 0.0  # round-off

    gamma = json.loads((FOLDER / "gamma.json").read_text())
    couplings = json.loads((FOLDER / "couplings.json").read_text())
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
        amplitude_range=[RANGE[label] for label in labels],
        crystal=CellRecord(crystal.cell, crystal.positions, ("Bi", "Bi", "Se", "Se", "Se"), crystal.masses),
        source={
            "couplings": "computed: LDA with spin-orbit coupling, Quantum ESPRESSO 6.7, 36 Ry, k 4x4x4; see SOURCE.md",
            "charges": "computed: ph.x, 26 Ry, k 6x6x6, acoustic sum rule imposed; not converged in k; see SOURCE.md",
            "frequencies_computed": "computed: the bundled force constants",
            "linewidth": f"Eu(1) measured ({MELNIKOV_LINEWIDTH}); all others assumed, {ASSUMED_LINEWIDTH:.2f} THz",
        },
    )


def measured_text():
    """Return the [measured] tables."""
    lines = []
    for name, entry in MEASURED.items():
        lines += ["", f'[measured."{name}"]', *(f"{key} = {json.dumps(value)}" for key, value in entry.items())]
    return "\n".join(lines) + "\n"


def main():
    """Write the file that is named on the command line, ../potential.toml by default."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER / "potential.toml"
    potential().save(target)
    with target.open("a", encoding="utf-8") as stream:
        stream.write(measured_text())


if __name__ == "__main__":
    main()
