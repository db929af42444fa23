"""Real coordinates of phonons at wave vectors ±q, as coordinates of a supercell at its Γ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattice.anharmonic.cubic_tensor import bloch_patterns
from lattice.anharmonic.stars import align_star
from lattice.errors import InputError, SymmetryError
from lattice.modes.gauge import canonical_basis
from lattice.modes.modes import ComplexArray, Modes, Multiplet
from lattice.structure.cell import Cell
from lattice.structure.commensurate import commensurate_q, q_text, same_wave
from lattice.structure.crystal import Crystal, FloatArray, IntArray
from lattice.structure.supercell import cell_translations

_SAME = 1e-6  #: of an overlap of unit vectors


@dataclass(frozen=True, slots=True, eq=False)
class WaveCoordinates:
    """Real coordinates of N cells: u_lκ = (N m_κ)^(−½) Σ_a Q_a Re[A_aκ exp(2πi q_a·(T_l + x_κ))].

    A mode ε at q ≢ −q gives the pair A_x = √2 ε, A_y = −i√2 ε: Q_q = (Q_x − iQ_y)/√2 multiplies ε exp(2πi q·r), and
    Q_x = cos ωt, Q_y = sin ωt is a wave that runs along +q. Where q ≡ −q a mode that is its own complex conjugate gives
    one coordinate, conjugate partners (+, −) a pair (x, y) as at Γ.

    Attributes
    ----------
    modes : tuple of Modes
        One at each ±q.
    supercell_matrix : ndarray
        ``(3, 3)`` int, rows in units of the cell vectors; N is its determinant.
    amplitude : ndarray
        ``(n, n_atoms, 3)`` complex, A.
    qpoint : ndarray
        ``(n, 3)`` of each coordinate.
    wave : ndarray
        ``(n,)`` int, which of `modes` it belongs to.
    numbers : ndarray
        ``(n,)`` int, index of the mode in `lattice modes --q`; both members of a pair ±q have that of the mode at q.
    labels, multiplet, irreps : ndarray of str
        ``(n,)``: ``A1(2)@1/3,0,0x`` and ``A1(2)@1/3,0,0``; at Γ without wave vector.
    pair : ndarray
        ``(n,)`` int, the partner of each coordinate, −1 for none.
    """

    modes: tuple[Modes, ...]
    supercell_matrix: IntArray
    amplitude: ComplexArray
    qpoint: FloatArray
    wave: IntArray
    numbers: IntArray
    labels: NDArray[np.str_]
    multiplet: NDArray[np.str_]
    irreps: NDArray[np.str_]
    pair: IntArray

    @property
    def n(self) -> int:
        """Number of coordinates."""
        return len(self.pair)

    @property
    def crystal(self) -> Crystal:
        """The crystal of the modes, one cell."""
        return self.modes[0].crystal

    @property
    def n_cells(self) -> int:
        """N, the number of cells of the supercell."""
        return len(cell_translations(self.supercell_matrix))

    @property
    def running(self) -> NDArray[np.bool_]:
        """``(n,)``: whether q ≢ −q, so that a pair (x, y) stands for waves along +q and −q."""
        return np.array([not same_wave(q, -q) for q in self.qpoint])

    @property
    def frequency(self) -> FloatArray:
        """``(n,)`` *THz*."""
        return np.array([self.modes[w].frequency[i] for w, i in zip(self.wave, self.numbers, strict=True)])

    def patterns(self, translations: IntArray) -> FloatArray:
        """Return displacements in some cells at Q_a = √N, ``(n, n_cells · n_atoms, 3)`` real *1/√amu*."""
        return bloch_patterns(self.crystal, self.amplitude, self.qpoint, translations).real

    def eigenvectors(self) -> FloatArray:
        """Return ``(n, N · n_atoms, 3)`` real, mass-weighted and orthonormal, cell after cell as in `supercell`."""
        translations = cell_translations(self.supercell_matrix)
        masses = np.tile(self.crystal.masses, len(translations))
        return self.patterns(translations) * np.sqrt(masses / len(translations))[:, None]

    def supercell(self) -> Cell:
        """Return the supercell as a cell of its own."""
        crystal, translations = self.crystal, cell_translations(self.supercell_matrix)
        places = (translations[:, None] + crystal.positions[None]).reshape(-1, 3)
        copies = len(translations)
        return Cell(
            self.supercell_matrix @ crystal.cell,
            places @ np.linalg.inv(self.supercell_matrix),
            np.tile(crystal.numbers, copies),
            np.tile(crystal.masses, copies),
        )


def wave_coordinates(
    modes: Sequence[Modes], supercell_matrix: IntArray, multiplets: Sequence[str] | None = None
) -> WaveCoordinates:
    """Take the real coordinates of the modes at some wave vectors and their opposites.

    Parameters
    ----------
    modes : sequence of Modes
        Of one crystal, at wave vectors that the supercell holds. Of those at q and −q the first is taken. Where
        symmetry links wave vectors, modes of the later ones are taken as exact images of the first's.
    supercell_matrix : ndarray
        ``(3, 3)`` int.
    multiplets : sequence of str, optional
        Labels such as ``Eu(1)`` and ``A1(2)@1/3,0,0``; default: all but the translations of the crystal.

    Returns
    -------
    WaveCoordinates

    Raises
    ------
    InputError
        If a wave vector is not commensurate, or a label is unknown.
    SymmetryError
        If a multiplet where q ≡ −q is not closed under complex conjugation.
    """
    kept: list[Modes] = []
    waves: list[FloatArray] = []
    for candidate in modes:
        q = commensurate_q(candidate.qpoint, supercell_matrix)
        if not any(same_wave(q, sign * other) for other in waves for sign in (1, -1)):
            kept.append(candidate)
            waves.append(q)
    kept = align_star(kept, waves)
    available = [
        (w, multiplet, name_at(multiplet.label, waves[w]))
        for w, found in enumerate(kept)
        for multiplet in found.multiplets
        if not multiplet.acoustic
    ]
    chosen = _chosen(available, multiplets)
    parts = [_parts(kept[w], waves[w], multiplet, name) for w, multiplet, name in chosen]
    sizes = [len(part) for part in parts]
    starts = np.cumsum([0, *sizes[:-1]])
    rows = [row for part in parts for row in part]
    home = np.repeat(np.arange(len(chosen)), sizes).tolist()
    return WaveCoordinates(
        modes=tuple(kept),
        supercell_matrix=supercell_matrix,
        amplitude=np.array([row.amplitude for row in rows]),
        qpoint=np.array([waves[chosen[k][0]] for k in home]),
        wave=np.array([chosen[k][0] for k in home], dtype=np.int64),
        numbers=np.array([row.number for row in rows], dtype=np.int64),
        labels=np.array([chosen[k][2] + row.ending for k, row in zip(home, rows, strict=True)]),
        multiplet=np.array([chosen[k][2] for k in home]),
        irreps=np.array([chosen[k][1].irrep or "" for k in home]),
        pair=np.array(
            [row.partner + starts[k] if row.partner >= 0 else -1 for k, row in zip(home, rows, strict=True)],
            dtype=np.int64,
        ),
    )


def name_at(label: str, qpoint: FloatArray) -> str:
    """Return the name of a multiplet at q: ``A1(2)@1/3,0,0``, at Γ its label alone."""
    return label if same_wave(qpoint, np.zeros(3)) else f"{label}@{q_text(qpoint)}"


def _chosen(
    available: list[tuple[int, Multiplet, str]], multiplets: Sequence[str] | None
) -> list[tuple[int, Multiplet, str]]:
    """Return the multiplets that are meant, in the order of the modes."""
    names = [name for _, _, name in available]
    wanted = names if multiplets is None else [str(label) for label in multiplets]
    for label in wanted:
        if label not in names or wanted.count(label) > 1:
            raise InputError(
                "A multiplet cannot be chosen",
                found=f"{label}, {'given twice' if label in names else 'none of those at these wave vectors'}",
                fix="name multiplets, each once: " + ", ".join(names),
            )
    if not wanted:
        raise InputError("There are no modes to couple", found="no vibration", fix="give wave vectors other than Γ")
    return [entry for entry in available if entry[2] in wanted]


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One coordinate of a multiplet: A, mode number, ending of its label, place of its partner within the multiplet."""

    amplitude: ComplexArray
    number: int
    ending: str
    partner: int


def _parts(modes: Modes, qpoint: FloatArray, multiplet: Multiplet, name: str) -> list[_Row]:
    """Return the coordinates of one multiplet at ±q."""
    vectors = modes.eigenvectors[list(multiplet.indices)]
    if same_wave(qpoint, -qpoint):
        found = list(_standing(modes, qpoint, multiplet, vectors, name))
    else:
        found = [
            (kind, amplitude, i)
            for i, e in zip(multiplet.indices, vectors, strict=True)
            for kind, amplitude in (("x", np.sqrt(2.0) * e), ("y", -1j * np.sqrt(2.0) * e))
        ]
    kinds = [kind for kind, _, _ in found]
    rows = []
    for place, (kind, amplitude, number) in enumerate(found):
        ending = kind + (str(kinds[: place + 1].count(kind)) if kinds.count(kind) > 1 else "")
        partner = {"x": place + 1, "y": place - 1, "z": -1}[kind]
        rows.append(_Row(amplitude, number, "" if kinds == ["z"] else ending, partner))
    return rows


def _standing(
    modes: Modes, qpoint: FloatArray, multiplet: Multiplet, vectors: ComplexArray, name: str
) -> Iterator[tuple[str, ComplexArray, int]]:
    """Yield (x, y or z, A, mode number) where q ≡ −q: the waves of a multiplet and their conjugates span one space."""
    positions = modes.crystal.positions
    waves = vectors * np.exp(2j * np.pi * positions @ qpoint)[:, None]
    flat = waves.reshape(len(waves), -1)
    # In cell T the wave and its conjugate differ by exp(4πi q·T) = 1, so one cell tells their overlap.
    overlap = flat.conj() @ flat.conj().T  # ⟨ε_a exp(2πi q·x)|(ε_b exp(2πi q·x))*⟩
    if np.abs(np.linalg.norm(overlap, axis=1) - 1).max() > _SAME:
        raise SymmetryError(
            f"The modes of {name} are not closed under complex conjugation",
            found=f"a defect of {np.abs(np.linalg.norm(overlap, axis=1) - 1).max():.1e}",
            fix="check the force constants and Born charges: time reversal demands it where q ≡ −q",
        )
    largest = np.abs(overlap).argmax(axis=1)
    if np.abs(np.abs(overlap).max(axis=1) - 1).max() > _SAME:
        real = canonical_basis(_real_span(flat)).T.real
        for number, row in zip(multiplet.indices, real @ flat.conj().T, strict=True):
            yield "z", np.einsum("a,aki->ki", row, vectors), number
        return
    for a, b in enumerate(largest.tolist()):
        if a == b:
            turn = np.sqrt(overlap[a, a])
            real = (turn * flat[a]).real
            sign = np.sign(real[np.flatnonzero(np.abs(real) >= np.abs(real).max() - _SAME)[0]])
            yield "z", sign * turn * vectors[a], multiplet.indices[a]
        elif a < b:
            yield "x", np.sqrt(2.0) * vectors[a], multiplet.indices[a]
            yield "y", -1j * np.sqrt(2.0) * vectors[a], multiplet.indices[b]


def _real_span(flat: ComplexArray) -> ComplexArray:
    """Return orthonormal real columns of the space of rows that is closed under conjugation."""
    left, _, _ = np.linalg.svd(np.hstack([flat.T.real, flat.T.imag]), full_matrices=False)
    return np.asarray(left[:, : len(flat)], dtype=np.complex128)
