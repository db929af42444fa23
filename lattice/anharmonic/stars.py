"""What the operations of a space group make of waves, and modes at the arms of a star."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lattice.errors import SymmetryError
from lattice.modes.modes import ComplexArray, Modes
from lattice.modes.representation import cell_of
from lattice.structure.commensurate import q_text, same_wave
from lattice.structure.crystal import Crystal, FloatArray, IntArray
from lattice.structure.symmetry import cartesian_rotations, permutations

_ALIKE = 0.9  #: least singular value of the overlap of a multiplet with the image of another


def moved_waves(
    crystal: Crystal, waves: Sequence[FloatArray], vectors: Sequence[ComplexArray]
) -> Iterator[tuple[list[FloatArray], list[ComplexArray]]]:
    """Yield, for each operation of the space group, the wave vectors and eigenvectors that it makes of some waves.

    T(S) turns u(r) = ε exp(2πi k·r) into R u(R⁻¹(r − t)), a wave of k' = kR⁻¹ with ε' = Rε exp(−2πi k'·t).

    Parameters
    ----------
    crystal : Crystal
    waves : sequence of ndarray
        ``(3,)`` each, in units of the reciprocal cell vectors.
    vectors : sequence of ndarray
        ``(n, n_atoms, 3)`` complex, for each wave.
    """
    group = crystal.spacegroup
    cell = cell_of(crystal)
    atoms, _ = permutations(cell, group)
    turns = cartesian_rotations(cell, group)
    for rotation, translation, image, turn in zip(group.rotations, group.translations, atoms, turns, strict=True):
        turned = [k @ np.linalg.inv(rotation) for k in waves]
        moved = [
            _moved(e, turn, image) * np.exp(-2j * np.pi * k @ translation) for e, k in zip(vectors, turned, strict=True)
        ]
        yield turned, moved


def _moved(vectors: ComplexArray, turn: FloatArray, image: IntArray) -> ComplexArray:
    """Turn displacements and put them on the atoms where the operation takes theirs."""
    moved = np.empty_like(vectors)
    moved[:, image] = vectors @ turn.T
    return moved


def shifted_wave(crystal: Crystal, vectors: ComplexArray, shift: FloatArray) -> ComplexArray:
    """Return ε of waves of k − G for those of k: each atom takes the factor exp(2πi G·x); ``shift`` is G ``(3,)``."""
    return np.asarray(vectors * np.exp(2j * np.pi * crystal.positions @ np.rint(shift))[:, None])


def align_star(modes: Sequence[Modes], waves: Sequence[FloatArray]) -> list[Modes]:
    """Make modes at wave vectors that symmetry links exact images of one another.

    Force constants have the symmetry of the crystal to some digits only. Each multiplet of a later wave vector is
    replaced by the image of one of the first that symmetry or time reversal links to it, in the basis nearest to its
    own, with the same frequency.

    Parameters
    ----------
    modes : sequence of Modes
        Of one crystal.
    waves : sequence of ndarray
        ``(3,)``, the exact wave vector of each.

    Raises
    ------
    SymmetryError
        If the modes are not images of one another at all.
    """
    found: list[Modes] = []
    for k, q in enumerate(waves):
        first = next((j for j in range(k) if _image(modes[j], waves[j], q) is not None), None)
        found.append(modes[k] if first is None else _aligned(modes[k], found[first], waves[first], q))
    return found


def _image(modes: Modes, wave: FloatArray, target: FloatArray) -> ComplexArray | None:
    """Return the eigenvectors at ±``target`` that the first operation to lead there makes, as waves of ``target``."""
    for turned, moved in moved_waves(modes.crystal, [wave], [modes.eigenvectors]):
        for sign in (1, -1):
            if same_wave(sign * turned[0], target):
                vectors = moved[0] if sign == 1 else moved[0].conj()
                return shifted_wave(modes.crystal, vectors, sign * turned[0] - target)
    return None


def _aligned(modes: Modes, first: Modes, wave: FloatArray, target: FloatArray) -> Modes:
    """Return modes whose multiplets are the images of those of ``first``."""
    image = _image(first, wave, target)
    assert image is not None
    n = modes.n_modes
    overlap = modes.eigenvectors.reshape(n, -1) @ image.reshape(n, -1).conj().T  # ⟨image|own⟩, own first
    vectors, frequency = modes.eigenvectors.copy(), modes.frequency.copy()
    for multiplet in modes.multiplets:
        own = list(multiplet.indices)
        alike = [x for x in first.multiplets if len(x.indices) == len(own)]
        weight = [float(np.linalg.norm(overlap[np.ix_(own, x.indices)])) for x in alike]
        other = list(alike[int(np.argmax(weight))].indices) if alike else []
        left, size, right = np.linalg.svd(overlap[np.ix_(own, other)])
        least = float(size.min()) if len(size) else 0.0
        if least < _ALIKE:
            raise SymmetryError(
                f"The modes at {q_text(target)} are not the images of those at {q_text(wave)}",
                found=f"{multiplet.label} lies to {1 - least**2:.1e} outside of them",
                fix="symmetrise the second-order force constants",
            )
        vectors[own] = np.tensordot(left @ right, image[other], axes=1)
        frequency[own] = first.frequency[other]
    return replace(modes, eigenvectors=vectors, frequency=frequency)
