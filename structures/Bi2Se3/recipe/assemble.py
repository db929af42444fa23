"""Write couplings.json and gamma.json from the committed records; needs numpy only."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import couplings
import espresso
import harmonic
import numpy as np
import patterns
import records

DIGITS = 12
CONVENTION = (
    "V3 = sum of value * invariant, each invariant once, eV/(Angstrom sqrt(amu))^3; Q = Qx + i Qy of an E pair, x on "
    "the two-fold axis a1, y in the mirror plane. Three E pairs A B C: Im(A B C); two E pairs and an A1g: S Re(A B*); "
    "an A2u, an Eu and an Eg: Z Re(A B*); singlets: the product. Eigenvectors: gamma.json, Bi atom 1 positive."
)


def rounded(value: Any) -> Any:
    """Return `value` with numbers rounded to DIGITS significant digits and NaN as None."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    number = float(value)
    return None if math.isnan(number) else float(f"{number:.{DIGITS - 1}e}")


def fields(results: Path, found: dict[str, harmonic.Mode], name: str = "fields") -> espresso.Record | None:
    """Return ε∞, Born charges with and without the acoustic sum rule, and mode charges (e/√amu); None without a record.

    The tensors are averaged over the point group: in plane and along c, and over equivalent atoms. u and v are those of
    the structure that the record `name` was computed at.
    """
    record = espresso.load_record(results, name)
    if record is None:
        return None
    epsilon = _axial(np.array(record["epsilon"]))
    raw = np.array([_axial(tensor) for tensor in np.array(record["born_charges_e"])])
    for first, second in ((0, 1), (3, 4)):
        raw[[first, second]] = (raw[first] + raw[second]) / 2
    violation = raw.sum(axis=0)
    charges = raw - violation / len(raw)
    names = {"Bi": 0, "Se1": 2, "Se2": 3}
    weights = 1 / np.sqrt(patterns.ATOM_MASSES)
    positions = np.array(record["positions_A"])
    return {
        "settings": record["settings"],
        "u": positions[0, 2] / patterns.C,
        "v": positions[3, 2] / patterns.C,
        "epsilon": epsilon,
        "born_charges_e": {name: charges[atom] for name, atom in names.items()},
        "born_charges_raw_e": {name: raw[atom] for name, atom in names.items()},
        "sum_rule_violation_e": violation,
        "mode_charges_e_per_root_amu": {
            name: float(charges[:, 0 if name.startswith("E") else 1] @ (mode.pattern * weights))
            for name, mode in found.items()
            if "u" in name
        },
    }


def _axial(tensor: np.ndarray) -> np.ndarray:
    """Return the in-plane mean and the element along c, (2,), of a tensor (3, 3)."""
    return np.array([(tensor[0, 0] + tensor[1, 1]) / 2, tensor[2, 2]])


def gamma(results: Path) -> espresso.Record:
    """Return cell, relaxed parameters, frequencies, patterns and charges."""
    found = harmonic.modes(results)
    equilibrium = records.record(results, "equilibrium")
    positions = records.reference_positions(results)
    meshes = harmonic.mesh_change(results, found)
    table = {}
    for name, mode in found.items():
        frequency = patterns.frequency(mode.curvature)
        table[name] = {
            "frequency_THz": frequency,
            "frequency_per_cm": frequency * patterns.INVERSE_CM_PER_THZ,
            "change_of_step_THz": frequency - patterns.frequency(mode.curvature - mode.change),
            "change_of_mesh_THz": meshes.get(name),
            "curvature_eV_per_A2_amu": mode.curvature,
            "pattern": mode.pattern.tolist(),
        }
    return {
        "lattice_A": patterns.LATTICE.tolist(),
        "u": positions[0, 2] / patterns.C,
        "v": positions[3, 2] / patterns.C,
        "residual_force_eV_per_A": float(abs(np.array(equilibrium["forces_eV_per_A"])).max()),
        "settings": equilibrium["settings"],
        "modes": table,
        "largest_asymmetry_eV_per_A2_amu": {label: harmonic.block(results, label)[1] for label in patterns.BLOCKS},
        "fields": fields(results, found),
        "denser_fields": fields(results, found, "k6_fields"),
    }


def anharmonic(results: Path) -> espresso.Record:
    """Return the couplings, with what the fits leave and what other roads give."""
    found = harmonic.modes(results)
    rotation = harmonic.rotation(found)
    cubic = couplings.cubic(results, rotation)
    values = np.array([entry["value"] for entry in cubic["couplings"].values()])
    return {
        "convention": CONVENTION,
        "cubic": cubic["couplings"],
        "fit": cubic["fit"],
        "tests": couplings.tests(results, rotation, values),
        "quartic": couplings.quartic(results, found),
        "Eu1_Eg2_structures": couplings.mixed(results, rotation),
        "reach": couplings.reach(results, rotation),
    }


def cost(results: Path) -> dict[str, float]:
    """Return the number of records and their wall time in s."""
    times = [json.loads(path.read_text())["walltime_s"] for path in sorted(results.glob("*.json"))]
    return {"calculations": len(times), "walltime_s": sum(times)}


def outputs(results: Path) -> dict[str, espresso.Record]:
    """Return the content of each output file by name."""
    content = {"gamma.json": {**gamma(results), "cost": cost(results)}, "couplings.json": anharmonic(results)}
    return {name: rounded(_plain(value)) for name, value in content.items()}


def _plain(value: Any) -> Any:
    """Return `value` with arrays as lists."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def write(results: Path, folder: Path) -> None:
    """Write the output files into `folder`."""
    for name, content in outputs(results).items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")
