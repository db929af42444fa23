"""Modes as YAML of phonopy's form, with J, m and irreps beside every mode."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

import lattice
from lattice.observe.mode_table import mode_table
from lattice.structure.species import species_of_numbers

if TYPE_CHECKING:
    from lattice.modes.modes import Modes


def modes_yaml(modes: Modes) -> Iterable[str]:
    """Yield the lines of a file in the form of phonopy's ``qpoints.yaml``.

    Keys that phonopy knows (``natom``, ``lattice``, ``reciprocal_lattice``, ``points``, ``phonon``, ``band``,
    ``frequency`` in THz, ``eigenvector`` in phonopy's convention) are phonopy's; every band has besides ``multiplet``,
    ``irrep``, ``degeneracy``, ``angular_momentum`` ([x, y, z], ħ per phonon), ``pseudo_angular_momentum`` (m about
    ``rotation_axis``), ``ir_active``, ``raman_active``. What is unknown is ``null``. Degenerate modes are circular
    partners.

    Parameters
    ----------
    modes : Modes
    """
    crystal, table = modes.crystal, mode_table(modes)
    yield f"generator: lattice {lattice.__version__}\n"
    yield "nqpoint: 1\n"
    yield f"natom: {crystal.n_atoms}\n"
    yield f"spacegroup: {_word(table['spacegroup'])}\n"
    yield f"rotation_axis: {_list(table['axis'])}\n"
    yield f"rotation_order: {table['rotation_order']}\n"
    yield "angular_momentum_unit: hbar\nfrequency_unit: THz\n"
    yield "reciprocal_lattice:\n"  # rows, without 2π, as phonopy writes them
    yield from (f"- {_list(row)}\n" for row in np.linalg.inv(crystal.cell).T.tolist())
    yield "lattice:\n"
    yield from (f"- {_list(row)}\n" for row in crystal.cell.tolist())
    yield "points:\n"
    for name, position, mass in zip(
        species_of_numbers(crystal.numbers), crystal.positions.tolist(), crystal.masses.tolist(), strict=True
    ):
        yield f"- symbol: {_word(name)}\n  coordinates: {_list(position)}\n  mass: {mass!r}\n"
    yield f"phonon:\n- q-position: {_list(modes.qpoint.tolist())}\n  band:\n"
    for row, vector in zip(table["modes"], modes.eigenvectors, strict=True):
        yield from _band(row, vector)


def _band(row: dict[str, Any], vector: Any) -> Iterable[str]:
    """One mode."""
    yield f"  - frequency: {_value(row['frequency_THz'])}\n"
    yield f"    multiplet: {_word(row['multiplet'])}\n"
    yield f"    irrep: {_word(row['irrep'])}\n"
    yield f"    degeneracy: {row['degeneracy']}\n"
    yield f"    angular_momentum: {_list(row['J'])}\n"
    yield f"    pseudo_angular_momentum: {_value(row['m'])}\n"
    for key in ("ir_active", "raman_active"):
        yield f"    {key}: {'true' if row[key] else 'false'}\n"
    yield "    eigenvector:\n"
    for atom in vector:
        yield "    - " + "\n      ".join(f"- {_list([z.real, z.imag])}" for z in atom.tolist()) + "\n"


def _word(text: str | None) -> str:
    """Text in double quotes (JSON text is YAML text), or null."""
    import json

    return "null" if text is None else json.dumps(text, ensure_ascii=False)


def _value(number: float | None) -> str:
    return "null" if number is None else repr(number + 0)


def _list(numbers: list[Any] | None) -> str:
    return "null" if numbers is None else "[" + ", ".join(_value(x) for x in numbers) + "]"
