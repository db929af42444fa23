"""Potentials of a supercell: cubic couplings among phonons at wave vectors ±q, projected from force constants."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, permutations, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lattice import units
from lattice.anharmonic.cubic_tensor import CUBIC, contract_cubic, cubic_of
from lattice.anharmonic.line_channels import check_alike
from lattice.anharmonic.polynomial import channel_name, padded
from lattice.anharmonic.potential import CellRecord, Potential
from lattice.anharmonic.project import FORBIDDEN, LARGEST_DEFECT
from lattice.anharmonic.triples import HOME
from lattice.anharmonic.wave_coordinates import WaveCoordinates, wave_coordinates
from lattice.errors import InputError, SymmetryError
from lattice.modes.modes import MODES, ComplexArray, Modes
from lattice.modes.representation import representation
from lattice.structure import argument
from lattice.structure.cell import Cell
from lattice.structure.commensurate import SAME_Q, commensurate_q, q_text, same_wave, smallest_supercell
from lattice.structure.crystal import FloatArray, IntArray, SpaceGroup
from lattice.structure.cubic import CubicForceConstants
from lattice.structure.number import checked_linewidth
from lattice.structure.species import species_of_numbers
from lattice.structure.supercell import integer_matrix
from lattice.structure.supercell_search import describe_supercell
from lattice.structure.symmetry import find_spacegroup

MAX_COORDINATES = 300  #: four tensors of their couplings stay below 1 GiB
_ZERO = 1e-9  #: of the largest coupling; what symmetry forbids is round-off far below
_CLOSED = 1e-5  #: defect of a matrix that should be orthogonal
_NO_CHARGE = 1e-9  #: e/√amu


def _waves(value: object, name: str) -> None:
    """Check that an argument is a sequence of modes."""
    argument.several(value, name)
    for item in value:  # type: ignore[attr-defined]
        MODES(item, name)


@argument.takes(
    modes=_waves,
    fc3=CUBIC,
    multiplets=argument.optional(argument.words),
    supercell=argument.optional(argument.array),
)
def project_waves(
    modes: Sequence[Modes],
    fc3: CubicForceConstants | str | os.PathLike[str],
    *,
    multiplets: Sequence[str] | None = None,
    supercell: ArrayLike | None = None,
    linewidth: float = 0.0,
) -> Potential:
    """Project third-order force constants on the modes at ±q of several wave vectors: a potential that can be run.

    All cubic couplings among these modes whose wave vectors add up to a reciprocal lattice vector, in real coordinates
    (`lattice.anharmonic.wave_coordinates`): V₃ = (1/3!) N^(−½) Σ Φ(q₁ν₁, q₂ν₂, q₃ν₃) Q_q₁ν₁ Q_q₂ν₂ Q_q₃ν₃. The cell of
    the potential is a *supercell* of N cells: V, L and energies are those of the supercell, Q belongs to vectors that
    are normalised in it. Per primitive cell, L and energies are N times smaller and the amplitude is Q/√N; mode charges
    at Γ are √N times those of one cell.

    Parameters
    ----------
    modes : sequence of Modes
        At the wave vectors, Γ among them if its optical modes are wanted; each stands for q and −q.
    fc3 : CubicForceConstants or path
        As in `project_potential`, of any supercell that holds all wave vectors.
    multiplets : sequence of str, optional
        Labels such as ``Eu(1)`` and ``A1(2)@1/3,0,0``; default: all but translations.
    supercell : array_like, optional
        ``(3,)`` or ``(3, 3)`` int, rows in units of the cell vectors; default: the smallest that holds the waves.
    linewidth : float
        *THz*, of every mode.

    Returns
    -------
    Potential
        ``source["waves"]``: ``qpoints``, ``n_cells`` (N), ``supercell_matrix``. ``source["projection"]`` and
        ``source["error"]`` as from `project_potential`, in the unit of the terms of this potential.

    Raises
    ------
    InputError
        If a wave vector is not commensurate with a supercell, an operation of the crystal takes one to another that is
        missing, or the file cannot be used.
    SymmetryError
        If the couplings do not have the symmetry of the crystal at all.
    """
    if not len(modes):
        raise InputError("There are no wave vectors", found="an empty list", fix="give lattice.solve_modes(crystal, q)")
    width = checked_linewidth(linewidth)
    check_alike(modes, "coupled waves")
    constants = cubic_of(fc3, modes[0].crystal, [m.qpoint for m in modes])
    waves = [commensurate_q(m.qpoint, constants.supercell_matrix) for m in modes]
    matrix = (
        smallest_supercell(waves, constants.supercell_matrix)
        if supercell is None
        else integer_matrix(supercell, "The supercell")
    )
    coordinates = wave_coordinates(modes, matrix, multiplets)
    if coordinates.n > MAX_COORDINATES:
        raise InputError(
            "There are too many coordinates",
            found=f"{coordinates.n} at {len(coordinates.modes)} wave vectors, at most {MAX_COORDINATES}",
            fix="take fewer wave vectors, or choose multiplets",
        )
    tensor = wave_tensor(coordinates, constants)
    floor = FORBIDDEN * float(np.abs(constants.array).max()) / float(modes[0].crystal.masses.min()) ** 1.5
    return _potential(coordinates, _averaged(coordinates, tensor, floor), constants, width)


def wave_tensor(coordinates: WaveCoordinates, constants: CubicForceConstants) -> FloatArray:
    """Return ∂³V/∂Q_a∂Q_b∂Q_c ``(n + 3, n + 3, n + 3)`` *eV/(Å√amu)³* of the supercell, the first index at home.

    The last three indices are translations of the crystal. What does not conserve the wave vector is left out: the sum
    over all cells cancels it.
    """
    crystal = coordinates.crystal
    shift = np.broadcast_to(np.eye(3)[:, None] / np.sqrt(crystal.masses.sum()), (3, crystal.n_atoms, 3))
    home = np.concatenate([coordinates.patterns(HOME), shift])
    columns = np.concatenate(
        [coordinates.patterns(constants.translations), np.tile(shift, (1, len(constants.translations), 1))]
    )
    tensor = contract_cubic(constants, home, columns, columns)
    starts = np.flatnonzero(np.diff(coordinates.wave, prepend=-1)).tolist()
    edges = [*starts, coordinates.n, coordinates.n + 3]
    waves = [*coordinates.qpoint[starts], np.zeros(3)]
    blocks = [(slice(a, b), q) for (a, b), q in zip(pairwise(edges), waves, strict=True)]
    for triple in product(blocks, repeat=3):
        place = tuple(part for part, _ in triple)
        tensor[place] = _conserving(tensor[place], [q for _, q in triple])
    tensor /= np.sqrt(coordinates.n_cells)
    return tensor


def _conserving(block: FloatArray, waves: Sequence[FloatArray]) -> FloatArray:
    """Return the part of a block of couplings among three waves that conserves the wave vector, up to G.

    A pair (x, y) stands for the amplitudes of ε and ε*, e_x = (ε + ε*)/√2 and e_y = (ε − ε*)/(√2 i), at q and −q.
    """
    kinds = [1 if same_wave(q, -q) else 2 for q in waves]
    signed = [[q] if kind == 1 else [q, -q] for q, kind in zip(waves, kinds, strict=True)]
    kept = np.array([same_wave(a + b + c, np.zeros(3)) for a, b, c in product(*signed)])
    if kept.all():
        return block
    if not kept.any():
        return np.zeros_like(block)
    pair = np.array([[1.0, 1.0j], [1.0, -1.0j]]) / np.sqrt(2.0)
    unitary: ComplexArray = np.eye(1, dtype=np.complex128)
    for kind in kinds:
        unitary = np.asarray(np.kron(unitary, np.eye(1) if kind == 1 else pair), dtype=np.complex128)
    projector = (unitary.conj().T @ (kept[:, None] * unitary)).real
    split = [n for size, kind in zip(block.shape, kinds, strict=True) for n in (size // kind, kind)]
    partners = block.reshape(split).transpose(1, 3, 5, 0, 2, 4)
    projected = (projector @ partners.reshape(len(kept), -1)).reshape(partners.shape)
    return np.asarray(projected.transpose(3, 0, 4, 1, 5, 2).reshape(block.shape))


@dataclass(frozen=True, slots=True, eq=False)
class _Cubic:
    """∂³V of the supercell ``(n, n, n)``, averaged over group and order of indices, and the defects before."""

    tensor: FloatArray
    change: FloatArray
    spread: FloatArray
    sum_rule: float


def _averaged(coordinates: WaveCoordinates, tensor: FloatArray, floor: float) -> _Cubic:
    """Average over the order of indices and over the space group of the supercell; translations are in it already.

    Where symmetry forbids all couplings, only errors are left: defects are compared with `floor` at least.
    """
    n = coordinates.n
    sum_rule = max(float(np.abs(np.moveaxis(tensor, axis, 0)[n:]).max()) for axis in range(3))
    inner = tensor[:n, :n, :n]
    raw, lowest, highest = np.zeros((n, n, n)), inner.copy(), inner.copy()
    for order in permutations(range(3)):
        turned = inner.transpose(order)
        raw += turned / 6.0
        np.minimum(lowest, turned, out=lowest)
        np.maximum(highest, turned, out=highest)
    highest -= lowest
    mean = _group_mean(raw, _operations(coordinates))
    change = np.abs(mean - raw)
    defect, largest = max(float(change.max()), float(highest.max())), float(np.abs(mean).max())
    scale = max(largest, floor / np.sqrt(coordinates.n_cells))
    if defect > LARGEST_DEFECT * scale:
        raise SymmetryError(
            "The third-order force constants do not have the symmetry of the crystal",
            found=f"defect {defect:.2e}, largest coupling {largest:.2e} eV/(Å√amu)^3",
            fix="put the phono3py_disp.yaml of this calculation beside fc3.hdf5: its atoms may be in another order",
        )
    mean[np.abs(mean) <= _ZERO * scale] = 0.0
    return _Cubic(mean, change, highest, sum_rule)


def _largest_coefficient(tensor: FloatArray) -> float:
    """Return the largest |coefficient| of a monomial whose ∂³V ``(n, n, n)``, ≥ 0 and symmetric, is given."""
    places = np.arange(len(tensor))
    twice = tensor[places, places]
    thrice = float(twice.diagonal().max()) / 6.0
    others = max(float(np.triu(tensor[i, i + 1 :, i + 1 :], 1).max(initial=0.0)) for i in places)
    return max(thrice, float((twice - np.diag(twice.diagonal())).max()) / 2.0, others)


def _group_mean(tensor: FloatArray, matrices: FloatArray) -> FloatArray:
    """Return the mean over operations Q → D Q of Σ D_ia D_jb D_kc T_ijk."""
    from scipy.sparse import csr_array

    n = len(tensor)
    total = np.zeros((n, n, n))
    for matrix in matrices:
        turn, turned = csr_array(matrix.T), tensor
        for _ in range(3):  # each time the axis that is done goes last
            turned = np.ascontiguousarray((turn @ turned.reshape(n, n * n)).reshape(n, n, n).transpose(1, 2, 0))
        total += turned
    total /= len(matrices)
    return total


def _operations(coordinates: WaveCoordinates) -> FloatArray:
    """Return how one operation of each rotation turns the coordinates, ``(n_rotations, n, n)``."""
    cell = coordinates.supercell()
    group = find_spacegroup(cell, coordinates.crystal.spacegroup.symprec)
    _, first = np.unique(group.rotations.reshape(-1, 9), axis=0, return_index=True)
    group = replace(group, rotations=group.rotations[first], translations=group.translations[first])
    _check_star(coordinates, group)
    matrices, _ = representation(coordinates.eigenvectors(), cell, group)
    defect = np.abs(np.einsum("gst,gsu->gtu", matrices, matrices, optimize=True) - np.eye(coordinates.n))
    worst = defect.max(axis=(0, 1))
    if worst.max() > _CLOSED:
        raise SymmetryError(
            "The coordinates are not closed under the symmetry of the crystal",
            found=f"{coordinates.labels[int(worst.argmax())]} leads out of their space by {worst.max():.1e}",
            fix="choose the same multiplets at wave vectors that symmetry links, or all of them",
        )
    return np.asarray(np.where(np.abs(matrices) < 1e-6, 0.0, matrices))


def _check_star(coordinates: WaveCoordinates, group: SpaceGroup) -> None:
    """Every operation that the crystal and the supercell share must take the wave vectors to ± one another."""
    matrix = coordinates.supercell_matrix
    waves = [coordinates.qpoint[np.flatnonzero(coordinates.wave == w)[0]] for w in np.unique(coordinates.wave)]
    missing: list[FloatArray] = []
    for rotation in group.rotations:
        turn = matrix.T @ rotation @ np.linalg.inv(matrix.T)  # in units of the crystal's cell
        for q in waves:
            image = q @ np.linalg.inv(turn)
            if not any(same_wave(image, sign * other) for other in [*waves, *missing] for sign in (1, -1)):
                missing.append(image - np.ceil(image - 0.5 - SAME_Q))
    if missing:
        raise InputError(
            "Symmetry takes the wave vectors to others that are missing",
            found="; ".join(q_text(q) for q in waves),
            fix="add " + " and ".join(q_text(q) for q in missing),
        )


def _channels(coordinates: WaveCoordinates, index: IntArray) -> list[str]:
    """Return the name of the channel of each product of coordinates ``(n_terms, 3)``."""
    names, kind = np.unique(coordinates.multiplet, return_inverse=True)
    products, which = np.unique(kind[index], axis=0, return_inverse=True)
    first = {int(k): t for t, k in reversed(list(enumerate(which.ravel().tolist())))}
    known = [channel_name(names[kind[index[first[k]]]].tolist()) for k in range(len(products))]
    return [known[k] for k in which.ravel().tolist()]


def _potential(
    coordinates: WaveCoordinates, cubic: _Cubic, constants: CubicForceConstants, linewidth: float
) -> Potential:
    """Assemble the potential: each monomial once, then the linear drive where Born charges are known."""
    place = np.arange(coordinates.n)
    ordered = (place[:, None, None] <= place[:, None]) & (place[:, None] <= place)
    index = np.argwhere(ordered & (cubic.tensor != 0.0))
    equal = (index[:, 1:] == index[:, :-1]).sum(axis=1)
    share = np.array([1.0, 1.0 / 2.0, 1.0 / 6.0])[equal]  # orders of the indices over 3!
    at = tuple(index.T)
    coefficient = (cubic.tensor[at] * share).tolist()
    errors = (np.hypot(cubic.change[at], cubic.spread[at]) * share).tolist()
    factors: list[tuple[int, ...]] = [tuple(row) for row in index.tolist()]
    channel = _channels(coordinates, index)
    report = _report(cubic, channel, coefficient, errors)
    eigenvectors, cell = coordinates.eigenvectors(), coordinates.supercell()
    fields: list[tuple[int, ...]] = [()] * len(factors)
    for s, a, charge in _charges(coordinates, eigenvectors, cell):
        factors.append((s,))
        fields.append((a,))
        coefficient.append(-units.EV_PER_CHARGE_FIELD_LENGTH * charge)
        errors.append(0.0)
        channel.append("light")
    axis = coordinates.modes[0].axis
    return Potential(
        axis=np.array([0.0, 0.0, 1.0]) if axis is None else axis,
        frequency=coordinates.frequency,
        linewidth=np.full(coordinates.n, linewidth),
        labels=coordinates.labels,
        multiplet=coordinates.multiplet,
        irreps=coordinates.irreps,
        coefficient=np.array(coefficient, dtype=np.float64),
        mode_index=padded(factors),
        field_axis=padded(fields),
        channel=np.array(channel, dtype=np.str_),
        pair=coordinates.pair,
        eigenvectors=eigenvectors,
        mode_numbers=coordinates.numbers,
        crystal=CellRecord(cell.cell, cell.positions, species_of_numbers(cell.numbers), cell.masses),
        source={
            "couplings": f"projected from third-order force constants ({constants.source or 'given as an array'}) "
            f"on waves of the supercell {describe_supercell(coordinates.supercell_matrix)}",
            "structure": "; ".join(coordinates.crystal.found),
            "waves": {
                "qpoints": [coordinates.qpoint[coordinates.wave == w][0].tolist() for w in np.unique(coordinates.wave)],
                "n_cells": coordinates.n_cells,
                "supercell_matrix": coordinates.supercell_matrix.tolist(),
            },
            "projection": report | {"supercell": constants.source},
            "error": errors,
        },
    )


def _charges(coordinates: WaveCoordinates, eigenvectors: FloatArray, cell: Cell) -> list[tuple[int, int, float]]:
    """Return (coordinate, axis, charge in *e/√amu*) of what light drives: modes at Γ."""
    born = coordinates.crystal.born_charges
    if born is None:
        return []
    tiled = np.tile(born, (coordinates.n_cells, 1, 1))
    charge = np.einsum("kab,skb,k->sa", tiled, eigenvectors, cell.masses**-0.5, optimize=True)
    charge[coordinates.qpoint.any(axis=1)] = 0.0
    return [(s, a, float(charge[s, a])) for s, a in np.argwhere(np.abs(charge) > _NO_CHARGE).tolist()]


def _report(cubic: _Cubic, channel: list[str], coefficient: list[float], errors: list[float]) -> dict[str, Any]:
    """Return the defects, and the strongest term of each channel."""
    strongest: dict[str, tuple[float, float]] = {}
    for name, c, error in zip(channel, coefficient, errors, strict=True):
        if abs(c) > abs(strongest.get(name, (0.0, 0.0))[0]):
            strongest[name] = (c, error)
    return {
        "forbidden": {"3": _largest_coefficient(cubic.change)},
        "permutation_defect": float(cubic.spread.max()),
        "sum_rule_defect": cubic.sum_rule,
        "channels": [{"name": name, "coefficient": c, "error": e} for name, (c, e) in strongest.items()],
    }
