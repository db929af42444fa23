"""Irreps: Mulliken labels and first-order infrared and Raman activity from characters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lattice.modes.axis import rotation_order
from lattice.modes.modes import ComplexArray
from lattice.structure.crystal import FloatArray, IntArray, SpaceGroup
from lattice.structure.symmetry import point_group_setting

if TYPE_CHECKING:
    from phonopy.phonon.symmetry_adapted_modes import LittleGroupOperation

# The tables hold 321 but not 312: the hexagonal axes turned by 30° make one of the other.
_TURNED_BY_30_DEGREES = np.array([[1, 1, 0], [-1, 2, 0], [0, 0, 1]])
_SIXFOLD = np.array([[1, -1, 0], [1, 0, 0], [0, 0, 1]])
_TWOFOLD = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]])


def mulliken_labels(
    characters: ComplexArray,
    operations: Sequence[LittleGroupOperation],
    spacegroup: SpaceGroup,
    qpoint: FloatArray | None = None,
) -> tuple[list[str | None], list[str]]:
    """Name the irreps of multiplets at a q-point.

    The character tables of the 32 point groups are phonopy's. Complex-conjugate irreps that time reversal joins carry
    one name (``E``). The setting of axes is that of the standardised conventional cell. Away from Γ the phase
    exp(−2πi Rq·t) is split off; the name is that of the irrep of the little co-group. On the border of the Brillouin
    zone it refers to the origin of the input: another origin may swap g and u. Where the axes of the co-group do not
    lie as in the table, a label is given only if every way to lay them gives the same one.

    Parameters
    ----------
    characters : ndarray
        ``(n_multiplets, n_operations)`` complex.
    operations : sequence of LittleGroupOperation
        Unitary operations of the little group, in the order of the characters.
    spacegroup : SpaceGroup
    qpoint : ndarray, optional
        ``(3,)``; default Γ.

    Returns
    -------
    tuple
        One label or None for each multiplet, and for each the reason where it is None (empty otherwise).
    """
    q = np.zeros(3) if qpoint is None else qpoint
    rotations = np.array([operation.rotation for operation in operations])
    unnamed: list[str | None] = [None] * len(characters)
    if len({rotation.tobytes() for rotation in rotations}) != len(rotations):
        return unnamed, ["the cell is not primitive, so that folded modes mix"] * len(characters)
    if not _is_ordinary(operations, q):
        projective = "about this origin the little group acts by a projective representation, which has no names"
        return unnamed, [f"{projective}; {_listed(row, rotations)}" for row in characters]
    ordinary = characters * np.array(
        [np.exp(2j * np.pi * q @ np.linalg.inv(o.rotation) @ o.translation) for o in operations]
    )
    whole = len(rotations) == len(spacegroup.rotations)
    symbol, to_standard = (spacegroup.point_group, None) if whole else point_group_setting(rotations)
    found: list[list[str | None]] = []
    for turn in (np.eye(3), _TURNED_BY_30_DEGREES):
        names = _names(ordinary, rotations, symbol, turn @ spacegroup.transformation_matrix)
        if names is not None:
            found = [names]
            break
    if not found and to_standard is not None:
        tried = [_names(ordinary, rotations, symbol, to_table) for to_table in _settings(to_standard)]
        found = [names for names in tried if names is not None]
    if not found:
        return unnamed, [f"no character table of {symbol} fits the setting of the cell"] * len(characters)
    labels = [names[0] if len(set(names)) == 1 else None for names in zip(*found, strict=True)]
    reasons = [
        "" if label is not None else _reason(set(names), row, rotations)
        for label, names, row in zip(labels, zip(*found, strict=True), ordinary, strict=True)
    ]
    return labels, reasons


def _is_ordinary(operations: Sequence[LittleGroupOperation], q: FloatArray) -> bool:
    """Whether the operations, their phases exp(−2πi Rq·t) split off, multiply like rotations: all factors are 1."""
    inverse = np.array([np.linalg.inv(operation.rotation) for operation in operations])
    shift = q @ inverse - q  # (n, 3) reciprocal vectors
    translations = np.array([operation.translation for operation in operations])
    phase = np.einsum("hi,gij,gj->gh", np.rint(shift), inverse, translations)
    return bool(np.abs(np.exp(-2j * np.pi * phase) - 1).max() < 1e-3)


def _names(characters: ComplexArray, rotations: IntArray, symbol: str, to_table: FloatArray) -> list[str | None] | None:
    """Look characters up in phonopy's table; None where it does not hold the setting."""
    from phonopy.phonon.irreps import IrRepLabels

    conventional = to_table @ rotations @ np.linalg.inv(to_table)
    if np.abs(conventional - np.rint(conventional)).max() > 1e-3:
        return None
    try:
        named = IrRepLabels(characters, np.rint(conventional).astype(np.int64), symbol, False)
    except RuntimeError:  # phonopy's word for a setting that its table does not hold
        return None
    return list(named.irrep_labels or [None] * len(characters))


def _settings(to_standard: FloatArray) -> Iterator[FloatArray]:
    """Yield transformations to every proper setting of a point group, from one of them."""
    for permutation in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            turn = np.eye(3)[list(permutation)] * signs
            if np.linalg.det(turn) > 0:
                yield turn @ to_standard
    for power in range(6):
        for flip in (np.eye(3), _TWOFOLD):
            for turn in (np.eye(3), _TURNED_BY_30_DEGREES):
                yield turn @ np.linalg.matrix_power(_SIXFOLD, power) @ flip @ to_standard


def _reason(names: set[str | None], row: ComplexArray, rotations: IntArray) -> str:
    """Say why a multiplet has no label."""
    known = sorted(name for name in names if name is not None)
    if len(known) > 1:
        return f"{' or '.join(known)}: which one depends on a choice of axes that no convention fixes"
    return f"its characters are those of no single irrep of the table; {_listed(row, rotations)}"


def _listed(row: ComplexArray, rotations: IntArray) -> str:
    """List characters by the kind of the operation, as ``characters 1: 2, 2: 0, m: 0``."""
    words: dict[str, list[str]] = {}
    for character, rotation in zip(row, rotations, strict=True):
        n = rotation_order(rotation)
        improper = np.linalg.det(rotation) < 0
        kind = {1: "-1", 2: "m"}.get(n, f"-{n}") if improper else str(n)
        real, imaginary = (float(np.round(x, 3)) + 0.0 for x in (character.real, character.imag))
        words.setdefault(kind, []).append(f"{real:g}" if imaginary == 0 else f"{real:g}{imaginary:+g}i")
    return "characters " + "; ".join(f"{kind}: {', '.join(values)}" for kind, values in words.items())


def activity(characters: ComplexArray, operations: Sequence[LittleGroupOperation]) -> tuple[list[bool], list[bool]]:
    """Return whether multiplets at Γ are infrared active (contain a vector) and Raman active (a symmetric tensor).

    Parameters
    ----------
    characters : ndarray
        ``(n_multiplets, n_operations)`` complex.
    operations : sequence of LittleGroupOperation
        Unitary operations, in the order of the characters.

    Returns
    -------
    tuple of list of bool
        Infrared and Raman activity of each multiplet.
    """
    rotations = np.array([operation.rotation_cartesian for operation in operations])
    vector = np.trace(rotations, axis1=1, axis2=2)
    square = np.trace(rotations @ rotations, axis1=1, axis2=2)
    tensor = (vector**2 + square) / 2
    infrared = (characters.conj() @ vector).real / len(operations)
    raman = (characters.conj() @ tensor).real / len(operations)
    return (infrared > 0.5).tolist(), (raman > 0.5).tolist()
