"""From the records of a recipe to the files of a bundled crystal.

POSCAR, BORN and phonopy_params.yaml.xz hold the crystal, potential.toml the couplings that `lattice` fits to the forces
of the displaced cells, numbers.json what the records say about their quality. Of a chiral crystal the same records,
reflected across the plane z = 0, give the opposite enantiomer.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import espresso
import numpy as np
import phonons

import lattice
from lattice.anharmonic.external import read_forces
from lattice.anharmonic.rays import Rays

if TYPE_CHECKING:
    from material import Material
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

MANIFEST = "manifest.json"
REFLECTION = np.array([1.0, 1.0, -1.0])
STABILITY_MESH = (12, 12, 12)


@dataclass(frozen=True)
class Source:
    """Records of a recipe, reflected across z = 0 where `reflected`."""

    results: Path
    reflected: bool = False

    def record(self, name: str) -> espresso.Record:
        """Return the record `name`.

        Raises
        ------
        FileNotFoundError
            It has not been computed.
        """
        found = espresso.load_record(self.results, name)
        if found is None:
            raise FileNotFoundError(f"no record {name}; run the step that computes it")
        return _reflected(found) if self.reflected else found

    def manifest(self) -> dict[str, Any]:
        """Return the plan of the displaced cells.

        Raises
        ------
        FileNotFoundError
            None has been made.
        """
        path = self.results / MANIFEST
        if not path.is_file():
            raise FileNotFoundError(f"no {MANIFEST}; run the step forces")
        manifest: dict[str, Any] = json.loads(path.read_text())
        if self.reflected:
            for table, key in ((manifest["crystal"], "positions"), (manifest["plan"], "eigenvectors")):
                table[key] = (np.array(table[key]) * REFLECTION).tolist()
        return manifest

    def phonon_records(self) -> list[espresso.Record]:
        """Return the records of all irreducible q."""
        first = self.record("phonon_1")
        return [first, *(self.record(f"phonon_{n + 1}") for n in range(1, first["irreducible"]))]


def _reflected(record: espresso.Record) -> espresso.Record:
    """Return a record across the plane z = 0: vectors change the sign of z, tensors that of elements with one index z.

    The plane holds a1 and a2, and c stands on it, so that components along the cell's vectors change as Cartesian ones.
    """
    sign = np.outer(REFLECTION, REFLECTION)
    rules = {"positions_A": REFLECTION, "forces_eV_per_A": REFLECTION, "epsilon": sign, "born_charges_e": sign}
    changed = {key: (np.array(record[key]) * rule).tolist() for key, rule in rules.items() if key in record}
    if "stars" in record:
        changed["stars"] = [
            {key: (np.array(value) * (REFLECTION if key == "q" else sign)).tolist() for key, value in star.items()}
            for star in record["stars"]
        ]
    return {**record, **changed}


def displaced_name(number: int) -> str:
    """Return the name of the record of displaced cell `number`; 0 is not displaced."""
    return f"disp-{number:04d}"


def _rays(manifest: Mapping[str, Any]) -> Rays:
    plan = manifest["plan"]
    return Rays(**{key: np.array(plan[key]) for key in ("directions", "amplitudes", "images", "image_matrices")})


def planned_positions(results: Path) -> np.ndarray:
    """Return the Cartesian positions (n_cells, n_atoms, 3), *Å*, of all planned cells."""
    manifest = Source(results).manifest()
    crystal = manifest["crystal"]
    displaced = np.einsum("rs,ska->rka", _rays(manifest).points(), np.array(manifest["plan"]["eigenvectors"]))
    displaced /= np.sqrt(np.array(crystal["masses"]))[:, None]
    return np.asarray(np.array(crystal["positions"]) @ np.array(crystal["cell"]) + displaced)


def check_numbers(results: Path) -> tuple[int, int, int]:
    """Return the undisplaced cell and the pair ± of the first ray at the largest amplitude."""
    last = 2 * len(_rays(Source(results).manifest()).amplitudes)
    return 0, last - 1, last


def has_phonons(results: Path) -> bool:
    """Return whether every irreducible q has been computed."""
    first = espresso.load_record(results, "phonon_1")
    names = range(1, (first or {}).get("irreducible", 0) + 1)
    return first is not None and all(espresso.load_record(results, f"phonon_{n}") is not None for n in names)


def phonon_model(material: Material, source: Source) -> tuple[Phonopy, dict[str, float]]:
    """Return phonopy's model with symmetrised force constants and charges, and what symmetrisation changed.

    Force constants, *eV/Å²*: largest imaginary part of the transform, largest sum over the second atom, largest change.
    Charges, *e*, and ε∞: largest sum over the atoms, largest change by symmetrisation, largest change from the mesh of
    the phonons to that of `fields`.
    """
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms
    from phonopy.structure.symmetry import symmetrize_borns_and_epsilon

    cell = material.lattice
    positions = np.array(source.record("equilibrium")["positions_A"])
    atoms = PhonopyAtoms(
        symbols=list(material.symbols),
        cell=cell,
        scaled_positions=positions @ np.linalg.inv(cell),
        masses=[material.masses[symbol] for symbol in material.symbols],
    )
    model = Phonopy(atoms, supercell_matrix=np.diag(material.grid), primitive_matrix=np.eye(3))
    records = source.phonon_records()
    blocks, imaginary = phonons.cell_blocks(phonons.matrices(records))
    supercell = model.supercell
    index = np.array([supercell.u2u_map[s] for s in supercell.s2u_map])
    cells = np.rint((supercell.positions - positions[index]) @ np.linalg.inv(cell)).astype(int)
    raw = phonons.full_constants(blocks, cells, index)
    model.force_constants = raw.copy()
    model.symmetrize_force_constants_by_space_group(show_drift=False)
    model.symmetrize_force_constants(level=2, show_drift=False)
    coarse = records[0]
    fields = coarse if material.field_settings is None else source.record("fields")
    charges = np.array(fields["born_charges_e"])
    neutral = charges - charges.mean(axis=0)
    born, epsilon = symmetrize_borns_and_epsilon(neutral, np.array(fields["epsilon"]), atoms)
    model.nac_params = {"born": born, "dielectric": epsilon, "factor": 14.399652}
    changed = {
        "imaginary_eV_per_A2": imaginary,
        "sum_rule_eV_per_A2": float(abs(raw.sum(axis=1)).max()),
        "symmetrisation_eV_per_A2": float(abs(model.force_constants - raw).max()),
        "charge_sum_rule_e": float(abs(charges.sum(axis=0)).max()),
        "charge_symmetrisation_e": float(abs(born - charges).max()),
    }
    if fields is not coarse:
        for name, key in (("charge_change_of_mesh_e", "born_charges_e"), ("epsilon_change_of_mesh", "epsilon")):
            changed[name] = float(abs(np.array(fields[key]) - np.array(coarse[key])).max())
    return model, changed


def save_model(model: Phonopy, folder: Path) -> None:
    """Write POSCAR and phonopy_params.yaml.xz: the cell, the rows of the force constants of one cell, the charges."""
    folder.mkdir(exist_ok=True)
    (folder / "POSCAR").write_text(poscar(model.unitcell))
    model.force_constants = np.ascontiguousarray(model.force_constants[model.primitive.p2s_map])
    settings = {"force_constants": True, "force_sets": False, "displacements": False}
    model.save(str(folder / "phonopy_params.yaml"), settings=settings, compression="xz")


def poscar(atoms: PhonopyAtoms) -> str:
    """Return the text of a POSCAR; atoms of one element stand together, and positions are not moved into the cell."""
    elements = list(dict.fromkeys(atoms.symbols))
    rows = [*atoms.cell, *atoms.scaled_positions]
    numbers = ["".join(f"{x:22.16f}" for x in row) for row in rows]
    counts = " ".join(str(atoms.symbols.count(element)) for element in elements)
    return "\n".join([" ".join(elements), "1.0", *numbers[:3], " ".join(elements), counts, "Direct", *numbers[3:], ""])


def write_crystal(material: Material, source: Source, folder: Path) -> lattice.Crystal:
    """Write POSCAR, BORN and phonopy_params.yaml.xz into `folder` and return the crystal."""
    from phonopy.file_IO import get_BORN_lines

    model, _ = phonon_model(material, source)
    lines = get_BORN_lines(model.unitcell, model.nac_params["born"], model.nac_params["dielectric"])
    save_model(model, folder)
    (folder / "BORN").write_text("\n".join(lines) + "\n")
    return lattice.load(folder)


def fitted_potential(material: Material, source: Source, crystal: lattice.Crystal) -> lattice.Potential:
    """Return the potential that `lattice` fits to the records of the displaced cells."""
    manifest = source.manifest()
    written = manifest["crystal"]
    if abs(np.array(written["positions"]) - crystal.positions).max() > 1e-8:
        raise ValueError(f"the cells of {MANIFEST} belong to other positions than the bundled crystal")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / MANIFEST).write_text(json.dumps(manifest))
        for number in range(len(planned_positions(source.results))):
            folder = place / displaced_name(number)
            folder.mkdir()
            (folder / "forces.extxyz").write_text(_extended_xyz(material, source.record(displaced_name(number))))
        fitted = read_forces(crystal, place, linewidth=material.linewidth)
    return replace(fitted, source=_provenance(material, fitted.source))


def _extended_xyz(material: Material, record: espresso.Record) -> str:
    """Return a record as extended XYZ, which `lattice` recognises by its content."""
    cell = " ".join(f"{x:.12f}" for x in np.ravel(material.lattice))
    rows = np.hstack([record["positions_A"], record["forces_eV_per_A"]])
    head = f'Lattice="{cell}" Properties=species:S:1:pos:R:3:forces:R:3 pbc="T T T"'
    body = (" ".join([s, *(f"{x:.12f}" for x in row)]) for s, row in zip(material.symbols, rows, strict=True))
    return "\n".join([str(len(rows)), head, *body]) + "\n"


def _provenance(material: Material, source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the [source] table: what the fit says, and where the numbers come from."""
    return {
        "couplings": "computed: fitted to first-principles forces; see SOURCE.md",
        "charges": "computed: density-functional perturbation theory, acoustic sum rule imposed; see SOURCE.md",
        "frequencies_computed": "computed: the bundled force constants",
        "linewidth": f"assumed, {material.linewidth:.2f} THz",
        "fit": source["fit"],
        "error": source["error"],
    }


def measured_text(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the [measured] tables of a potential file."""
    lines = []
    for name, entry in entries.items():
        lines += ["", f'[measured."{name}"]', *(f"{key} = {json.dumps(value)}" for key, value in entry.items())]
    return "\n".join(lines) + "\n"


def _change(source: Source, label: str, forces: Callable[[str], np.ndarray]) -> dict[str, float]:
    """Return how much odd and even forces of the check pair change with other settings, relative to their rms."""
    zero, plus, minus = (displaced_name(number) for number in check_numbers(source.results))
    parts = []
    for prefix in ("", f"{label}_"):
        rest, up, down = (forces(prefix + name) for name in (zero, plus, minus))
        parts.append(((up - down) / 2, (up + down) / 2 - rest))
    (odd, even), (other_odd, other_even) = parts
    return {
        "odd": float(np.linalg.norm(other_odd - odd) / np.linalg.norm(odd)),
        "even": float(np.linalg.norm(other_even - even) / np.linalg.norm(even)),
    }


def numbers(material: Material, source: Source, crystal: lattice.Crystal) -> dict[str, Any]:
    """Return what the records say about the quality of the bundled files.

    `checks`: relative change of the odd (harmonic) and even (cubic) forces of one pair of displaced cells.
    """

    def forces(name: str) -> np.ndarray:
        return np.array(source.record(name)["forces_eV_per_A"])

    modes = lattice.solve_modes(crystal)
    optical = {x.label: float(x.frequency) for x in modes.multiplets if not x.acoustic}
    acoustic = [abs(float(x.frequency)) for x in modes.multiplets if x.acoustic]
    mesh = lattice.solve_mesh(crystal, STABILITY_MESH)
    records = [json.loads(path.read_text()) for path in sorted(source.results.glob("*.json")) if path.name != MANIFEST]
    _, changed = phonon_model(material, source)
    return {
        "frequency_THz": optical,
        "largest_acoustic_THz": max(acoustic),
        "smallest_frequency_on_mesh_THz": {"mesh": list(STABILITY_MESH), "value": float(mesh["frequency"].min())},
        "residual_force_eV_per_A": float(abs(forces("equilibrium")).max()),
        "symmetrisation": changed,
        "checks": {label: _change(source, label, forces) for label in material.checks},
        "cost": {"calculations": len(records), "walltime_s": sum(record["walltime_s"] for record in records)},
    }


def write_all(material: Material, results: Path, folder: Path) -> None:
    """Write the bundled files into `folder`, and those of the mirror image into its own folder."""
    pairs = [(Source(results), folder)]
    if material.mirror:
        pairs.append((Source(results, reflected=True), folder.parent / material.mirror))
    for source, target in pairs:
        crystal = write_crystal(material, source, target)
        path = target / "potential.toml"
        fitted_potential(material, source, crystal).save(path)
        measured = {
            name: {"frequency": value, "citation": material.citation} for name, value in material.measured.items()
        }
        if measured:
            path.write_text(path.read_text() + measured_text(measured))
    content = numbers(material, pairs[0][0], lattice.load(folder))
    (results.parent / "numbers.json").write_text(json.dumps(rounded(content), indent=1) + "\n")


def rounded(value: Any, digits: int = 8) -> Any:
    """Return `value` with numbers rounded to `digits` significant digits."""
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    return float(f"{value:.{digits - 1}e}") if isinstance(value, float) else value
