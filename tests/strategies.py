"""Hypothesis strategies for the types of the library, and the settings under which property tests run.

Random crystals hold Morse bonds, each at its own rest length: they are at equilibrium, stable, have the symmetry of
their space group exactly, and second and third derivatives of their energy are known in closed form.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from model_crystals import MASSES
from model_potentials import make_potential

import lattice
from lattice.structure.cell import Cell
from lattice.structure.crystal import Crystal, ForceConstants
from lattice.structure.supercell import cell_translations, translation_index
from lattice.structure.symmetry import find_spacegroup

#: Space groups of each crystal system with at most 12 operations in a primitive cell: chiral, polar and centric ones.
SYSTEMS = {
    "triclinic": (1, 2),
    "monoclinic": (3, 4, 5, 6, 7, 9, 11, 14),
    "orthorhombic": (16, 19, 25, 29, 33, 43),
    "tetragonal": (75, 76, 78, 81, 82, 90, 91, 99, 113),
    "trigonal": (143, 144, 145, 146, 147, 148, 149, 150, 152, 156, 160, 161),
    "hexagonal": (168, 169, 171, 173, 174),
    "cubic": (195, 196, 197, 198, 199),
}
CUTOFF = 7.0  # Å
STIFFNESS, RANGE, MORSE = 4.0, 1.6, 1.3  # eV/Å² at 0 Å, Å, 1/Å


def deterministic(examples):
    """Settings of a property test: the same examples in every run, also on a busy machine; none is made smaller."""
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=slow,
        phases=[Phase.explicit, Phase.generate],
    )


@dataclass(frozen=True)
class Bonds:
    """Morse bonds of a cell: ends, cell of the second end, vector in Å and stiffness φ'' in eV/Å² of each."""

    i: np.ndarray
    j: np.ndarray
    shift: np.ndarray
    vector: np.ndarray
    stiffness: np.ndarray


def morse_bonds(cell, cutoff=CUTOFF):
    """All bonds up to the cutoff, each met from both of its ends; strength by the species and the length alone."""
    cartesian = cell.positions @ cell.cell
    reach = [int(np.ceil(cutoff * np.linalg.norm(b) + np.ptp(cell.positions))) for b in np.linalg.inv(cell.cell).T]
    shifts = np.array(list(itertools.product(*(range(-r, r + 1) for r in reach))))
    vectors = cartesian[None, None] - cartesian[None, :, None] + (shifts @ cell.cell)[:, None, None]
    lengths = np.linalg.norm(vectors, axis=-1)
    s, i, j = np.nonzero((lengths > 1e-6) & (lengths < cutoff))
    length = lengths[s, i, j]
    species = 1 + 0.1 * (cell.numbers[i] + cell.numbers[j])
    return Bonds(i, j, shifts[s], vectors[s, i, j], STIFFNESS * species * np.exp(-length / RANGE))


def second_derivatives(cell, supercell_matrix=((1, 0, 0), (0, 1, 0), (0, 0, 1))):
    """Force constants of V = ½ Σ over ends of D(1 − exp(−a(r − r₀)))², 2Da² = φ''; folded into a supercell."""
    bonds, matrix = morse_bonds(cell), np.array(supercell_matrix)
    translations = cell_translations(matrix)
    unit = bonds.vector / np.linalg.norm(bonds.vector, axis=1)[:, None]
    block = bonds.stiffness[:, None, None] * unit[:, :, None] * unit[:, None, :]
    array = np.zeros((cell.n_atoms, len(translations), cell.n_atoms, 3, 3))
    home = translation_index(np.zeros((1, 3), dtype=int), translations, matrix)[0]
    np.add.at(array, (bonds.i, translation_index(bonds.shift, translations, matrix), bonds.j), -block)
    np.add.at(array, (bonds.i, home, bonds.i), block)
    return ForceConstants(array, translations, matrix)


def third_derivatives(cell):
    """Cubic force constants of the same bonds for motion alike in all cells: φ''' = −3a φ'', and turning of bonds."""
    bonds = morse_bonds(cell)
    length = np.linalg.norm(bonds.vector, axis=1)
    u = bonds.vector / length[:, None]
    across = np.eye(3) - u[:, :, None] * u[:, None, :]
    mixed = sum(np.einsum(f"n{a},n{b}->nxyz", across, u) for a, b in (("xy", "z"), ("xz", "y"), ("yz", "x")))
    along = np.einsum("nx,ny,nz->nxyz", u, u, u)
    tensor = bonds.stiffness[:, None, None, None] * (-3 * MORSE * along + mixed / length[:, None, None, None]) / 2
    array = np.zeros((cell.n_atoms,) * 3 + (3, 3, 3))
    for ends in itertools.product(((bonds.i, -1.0), (bonds.j, 1.0)), repeat=3):
        (p, a), (q, b), (s, c) = ends
        np.add.at(array, (p, q, s), a * b * c * tensor)
    n = cell.n_atoms
    return lattice.CubicForceConstants(array.reshape(n, 1, n, 1, n, 3, 3, 3), np.zeros((1, 3)), np.eye(3))


def symmetric_charges(cell, group, seed):
    """Random Born charges ``(n_atoms, 3, 3)`` averaged over the space group, their sum zero."""
    charges = np.random.default_rng(seed).normal(size=(cell.n_atoms, 3, 3)) + 2 * np.eye(3)
    average, frame = np.zeros_like(charges), cell.cell.T
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        turn = frame @ rotation @ np.linalg.inv(frame)
        images = cell.positions @ rotation.T + translation
        difference = images[:, None] - cell.positions[None]
        target = np.abs(difference - np.rint(difference)).sum(axis=2).argmin(axis=1)
        average[target] += turn @ charges @ turn.T
    average /= len(group.rotations)
    return average - average.mean(axis=0)


def morse_crystal(cell, supercell_matrix=((1, 0, 0), (0, 1, 0), (0, 0, 1)), born_charges=None):
    """A `Crystal` of a `Cell` with Morse bonds."""
    return Crystal(
        cell=cell.cell,
        positions=cell.positions,
        numbers=cell.numbers,
        masses=cell.masses,
        spacegroup=find_spacegroup(cell),
        force_constants=second_derivatives(cell, supercell_matrix),
        born_charges=born_charges,
        dielectric=None if born_charges is None else 4.0 * np.eye(3),
    )


@lru_cache(maxsize=256)
def random_cell(number, seed):
    """A primitive cell of a space group: a general orbit, and an atom at the origin where there is room for it."""
    from ase.spacegroup import crystal

    rng = np.random.default_rng([number, seed])
    a, b, c = rng.uniform(4.5, 7.0, 3)
    one, two, three = rng.uniform(75.0, 105.0, 3)
    parameters = {
        "triclinic": [a, b, c, one, two, three],
        "monoclinic": [a, b, c, 90, one, 90],
        "orthorhombic": [a, b, c, 90, 90, 90],
        "tetragonal": [a, a, c, 90, 90, 90],
        "trigonal": [a, a, c, 90, 90, 120],
        "hexagonal": [a, a, c, 90, 90, 120],
        "cubic": [a, a, a, 90, 90, 90],
    }[next(name for name, numbers in SYSTEMS.items() if number in numbers)]
    best, space = None, 0.0
    for _ in range(60):
        basis = [(0.0, 0.0, 0.0), rng.uniform(0.08, 0.45, 3)]
        atoms = crystal(["H", "Li"], basis, spacegroup=number, cellpar=parameters, primitive_cell=True)
        nearest = (atoms.get_all_distances(mic=True) + 10 * np.eye(len(atoms))).min()
        if nearest > space and 2 * len(set(atoms.numbers)) > 2:
            best, space = atoms, nearest
    return Cell(best.cell.array, best.get_scaled_positions(), best.numbers, [MASSES[int(z)] for z in best.numbers])


@st.composite
def cells(draw, system):
    """Primitive cells of a crystal system."""
    return random_cell(draw(st.sampled_from(SYSTEMS[system])), draw(st.integers(0, 10**6)))


@st.composite
def crystals(draw, system):
    """Crystals of a crystal system: Morse bonds, Born charges with the symmetry of the space group, Γ alone."""
    cell = draw(cells(system))
    return morse_crystal(cell, born_charges=symmetric_charges(cell, find_spacegroup(cell), draw(st.integers(0, 10**6))))


def modes(system):
    """Γ modes of such crystals."""
    return crystals(system).map(lattice.solve_modes)


def rotations():
    """Proper rotations ``(3, 3)``, from quaternions."""
    from scipy.spatial.transform import Rotation

    part = st.floats(-1, 1)
    quaternions = st.tuples(part, part, part, part).filter(lambda x: np.linalg.norm(x) > 0.1)
    return quaternions.map(lambda x: Rotation.from_quat(x).as_matrix())


@st.composite
def pulses(draw, shapes=("gaussian", "sech2", "flat_top", "few_cycle")):
    """Pulses about z of any sense, direction, phase, chirp and turning polarisation, over within 6 ps."""
    shape = draw(st.sampled_from(shapes))
    keys = {"edge": 0.1} if shape == "flat_top" else {}
    return lattice.Pulse(
        draw(st.floats(0.05, 1.0)),
        draw(st.floats(1.0, 4.0)),
        draw(st.floats(0.5, 1.0)),
        helicity=draw(st.floats(-1, 1)),
        angle=draw(st.floats(-180, 180)),
        phase=draw(st.floats(-4, 4)),
        chirp=draw(st.floats(-0.5, 0.5)),
        rotation=draw(st.floats(-90, 90)),
        axis=(0.0, 0.0, 1.0),
        shape=shape,
        **keys,
    )


def records():
    """What to record: any of the quantities, at any interval of 10 fs to 0.2 ps."""
    names = st.lists(st.sampled_from(["Q", "P", "L", "E"]), unique=True, min_size=1)
    return st.builds(lambda every, names: lattice.Record(every, quantities=tuple(names)), st.floats(0.01, 0.2), names)


@st.composite
def potentials(draw):
    """Polynomials of two to five coordinates without symmetry: dipole, cubic, quartic, Raman, mixed terms; stable."""
    n = draw(st.integers(2, 5))
    size = st.floats(-1, 1)
    index = st.integers(0, n - 1)
    frequency = draw(st.lists(st.floats(1.0, 5.0), min_size=n, max_size=n))
    linewidth = draw(st.lists(st.floats(0.0, 0.3), min_size=n, max_size=n))
    terms = {((s,), (0,)): -0.01 * draw(size) for s in range(n)} | {((s,) * 4, ()): 2e-3 for s in range(n)}
    for _ in range(draw(st.integers(0, 6))):
        fields, degree = draw(st.sampled_from([(0, 3), (0, 4), (1, 2), (2, 1)]))
        key = (
            tuple(sorted(draw(index) for _ in range(degree))),
            tuple(sorted(draw(st.integers(0, 2)) for _ in range(fields))),
        )
        terms.setdefault(key, 5e-4 * draw(size))
    rows = [(list(q), list(e), value, f"{len(q)} and {len(e)}") for (q, e), value in terms.items()]
    return make_potential(frequency, linewidth, [f"A({s + 1})" for s in range(n)], rows)
