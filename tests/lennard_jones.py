"""A Lennard-Jones crystal in the Bi2Se3 structure, and its couplings as analytic lattice sums: no force is computed."""

import itertools
from functools import cache
from math import factorial

import numpy as np

import lattice
from lattice.anharmonic.relax import relax_structure

EPSILON, SIGMA, CUTOFF = 0.5, 2.9 / 2 ** (1 / 6), 8.5  # eV, Å, Å; no shell of neighbours lies near the cutoff


def calculator():
    from ase.calculators.lj import LennardJones

    return LennardJones(sigma=SIGMA, epsilon=EPSILON, rc=CUTOFF)


@cache
def crystal():
    """Cell, masses and Born charges of the bundled crystal, atoms relaxed; no force constants."""
    return relax_structure(lattice.load("Bi2Se3"), calculator(), force=1e-9)


@cache
def bonds(cutoff=CUTOFF):
    """Pairs (i, j) and vectors from i to each copy of j within the cutoff."""
    c = crystal()
    reach = [int(np.ceil(cutoff * np.linalg.norm(b))) + 1 for b in np.linalg.inv(c.cell).T]
    found = []
    for shift in itertools.product(*(range(-r, r + 1) for r in reach)):
        vectors = (c.positions[None] + np.array(shift) - c.positions[:, None]) @ c.cell
        lengths = np.linalg.norm(vectors, axis=2)
        found += [(i, j, vectors[i, j]) for i, j in np.argwhere((lengths > 1e-9) & (lengths < cutoff))]
    return found


def nearest_shell_to_cutoff():
    """Distance in Å of the cutoff from the nearest shell of neighbours."""
    lengths = np.array([np.linalg.norm(v) for _, _, v in bonds(CUTOFF + 1.0)])
    return np.abs(lengths - CUTOFF).min()


def radial(s, n):
    """n-th derivative by s = r² of 4ε[(σ²/s)⁶ − (σ²/s)³]."""

    def power(p):  # of (σ²/s)^p
        return (-1) ** n * factorial(p + n - 1) / factorial(p - 1) * SIGMA ** (2 * p) * s ** (-p - n)

    return 4 * EPSILON * (power(6) - power(3))


def derivative(eigenvectors, *modes):
    """∂^k V/∂Q_a∂Q_b… of 2, 3 or 4 modes: a sum over bonds of derivatives of φ(s), s = |r + Σ w_a Q_a|²."""
    weighted = eigenvectors / np.sqrt(crystal().masses)[:, None]
    total = 0.0
    for i, j, r in bonds():
        s = float(r @ r)
        w = [weighted[m, j] - weighted[m, i] for m in modes]
        one = [2 * r @ x for x in w]
        two = {(a, b): 2 * w[a] @ w[b] for a, b in itertools.combinations(range(len(w)), 2)}
        if len(w) == 2:
            value = radial(s, 2) * one[0] * one[1] + radial(s, 1) * two[0, 1]
        elif len(w) == 3:
            mixed = sum(one[a] * two[b] for a, b in ((0, (1, 2)), (1, (0, 2)), (2, (0, 1))))
            value = radial(s, 3) * np.prod(one) + radial(s, 2) * mixed
        else:
            pairs = [((a, b), tuple(x for x in range(4) if x not in (a, b))) for a, b in two]
            mixed = sum(one[a] * one[b] * two[rest] for (a, b), rest in pairs)
            twice = sum(two[pair] * two[rest] for pair, rest in pairs) / 2
            value = radial(s, 4) * np.prod(one) + radial(s, 3) * mixed + radial(s, 2) * twice
        total += value / 2  # every bond is met from both of its ends
    return total


def coefficient(eigenvectors, modes):
    """Coefficient of a monomial in V: the derivative over the factorials of its powers."""
    powers = [modes.count(m) for m in set(modes)]
    return derivative(eigenvectors, *modes) / np.prod([factorial(p) for p in powers])


def third_derivative(r):
    """∂³φ/∂r∂r∂r ``(3, 3, 3)`` of one bond."""
    s, one = float(r @ r), np.eye(3)
    mixed = np.einsum("ab,c->abc", one, r) + np.einsum("ac,b->abc", one, r) + np.einsum("bc,a->abc", one, r)
    return 8 * radial(s, 3) * np.einsum("a,b,c->abc", r, r, r) + 4 * radial(s, 2) * mixed


def cubic_constants(points):
    """∂³E/∂u∂u∂u ``(N, N, N, 3, 3, 3)`` of a supercell with atoms at ``points``, and the place of each of its atoms.

    The place is (atom of the cell, cell translation).
    """
    from lattice.structure.supercell import cell_translations, locate_atoms, supercell_matrix_between, translation_index

    c = crystal()
    cell, positions = points
    matrix = supercell_matrix_between(c.cell, cell, 1e-4)
    atoms, copies = locate_atoms(positions, c.cell, c.positions, 1e-4)
    translations = cell_translations(matrix)
    place = {
        (a, t): x for x, (a, t) in enumerate(zip(atoms, translation_index(copies, translations, matrix), strict=True))
    }
    array = np.zeros((len(atoms),) * 3 + (3, 3, 3))
    for i, j, r in bonds():
        shift = np.rint((r @ np.linalg.inv(c.cell)) - c.positions[j] + c.positions[i]).astype(int)
        tensor = third_derivative(r) / 2
        for t, translation in enumerate(translations):
            x, y = place[i, t], place[j, int(translation_index(translation + shift, translations, matrix))]
            for ends in itertools.product(((x, -1.0), (y, 1.0)), repeat=3):
                (p, a), (q, b), (s, d) = ends
                array[p, q, s] += a * b * d * tensor
    return array


@cache
def home_constants(*sides):
    """The same of a diagonal supercell, the rows of the home cell alone."""
    from lattice.structure.cubic import CubicForceConstants
    from lattice.structure.supercell import cell_translations, translation_index

    c, matrix = crystal(), np.diag(sides)
    translations = cell_translations(matrix)
    n, n_cells = c.n_atoms, len(translations)
    array = np.zeros((n, n_cells, n, n_cells, n, 3, 3, 3))
    for i, j, r in bonds():
        shift = np.rint((r @ np.linalg.inv(c.cell)) - c.positions[j] + c.positions[i]).astype(int)
        tensor = third_derivative(r)  # a bond from j to i is met too, with the opposite sign
        other = int(translation_index(shift, translations, matrix))
        for (p, t, a), (q, u, b) in itertools.product(((i, 0, -1.0), (j, other, 1.0)), repeat=2):
            array[i, t, p, u, q] -= a * b * tensor
    return CubicForceConstants(array, translations, matrix)


def shengbte_text():
    """FORCE_CONSTANTS_3RD of the Lennard-Jones crystal: one block for each triplet within the cutoff."""
    c, blocks = crystal(), {}
    for i, j, r in bonds():
        shift = np.rint((r @ np.linalg.inv(c.cell)) - c.positions[j] + c.positions[i])
        tensor = third_derivative(r) / 2
        ends = ((i, np.zeros(3), -1.0), (j, shift, 1.0))
        for (p, t, a), (q, u, b), (s, v, d) in itertools.product(ends, repeat=3):
            key = (p, q, s, *(u - t), *(v - t))
            blocks[key] = blocks.get(key, 0.0) + a * b * d * tensor
    lines = [str(len(blocks))]
    for number, (key, tensor) in enumerate(blocks.items(), 1):
        vectors = np.reshape(key[3:], (2, 3)) @ c.cell
        lines += ["", str(number), *(" ".join(f"{x:.10e}" for x in v) for v in vectors)]
        lines += [" ".join(str(x + 1) for x in key[:3])]
        lines += [f"{a + 1} {b + 1} {d + 1} {tensor[a, b, d]:.14e}" for a, b, d in np.ndindex(3, 3, 3)]
    return "\n".join(lines) + "\n"


def fourth_derivative(r):
    """∂⁴φ/∂r∂r∂r∂r ``(3, 3, 3, 3)`` of one bond."""
    s, one = float(r @ r), np.eye(3)
    pairs = [("ab", "cd"), ("ac", "bd"), ("ad", "bc"), ("bc", "ad"), ("bd", "ac"), ("cd", "ab")]
    mixed = sum(np.einsum(f"{p},{q[0]},{q[1]}->abcd", one, r, r) for p, q in pairs)
    twice = sum(np.einsum(f"{p},{q}->abcd", one, one) for p, q in pairs[:3])
    alone = 16 * radial(s, 4) * np.einsum("a,b,c,d->abcd", r, r, r, r)
    return alone + 8 * radial(s, 3) * mixed + 4 * radial(s, 2) * twice


def quartic_constants(points):
    """∂⁴E/∂u∂u∂u∂u ``(N, N, N, N, 3, 3, 3, 3)`` of a supercell with atoms at ``points``, as `cubic_constants`."""
    from lattice.structure.supercell import cell_translations, locate_atoms, supercell_matrix_between, translation_index

    c = crystal()
    cell, positions = points
    matrix = supercell_matrix_between(c.cell, cell, 1e-4)
    atoms, copies = locate_atoms(positions, c.cell, c.positions, 1e-4)
    translations = cell_translations(matrix)
    place = {
        (a, t): x for x, (a, t) in enumerate(zip(atoms, translation_index(copies, translations, matrix), strict=True))
    }
    array = np.zeros((len(atoms),) * 4 + (3,) * 4)
    for i, j, r in bonds():
        shift = np.rint((r @ np.linalg.inv(c.cell)) - c.positions[j] + c.positions[i]).astype(int)
        tensor = fourth_derivative(r) / 2
        for t, translation in enumerate(translations):
            x, y = place[i, t], place[j, int(translation_index(translation + shift, translations, matrix))]
            for ends in itertools.product(((x, -1.0), (y, 1.0)), repeat=4):
                (p, a), (q, b), (u, d), (v, e) = ends
                array[p, q, u, v] += a * b * d * e * tensor
    return array


class BondCalculator:
    """The same Lennard-Jones crystal from a fixed list of bonds, in microseconds; while no bond crosses the cutoff."""

    def __init__(self):
        found = bonds()
        self.ends = np.array([(i, j) for i, j, _ in found]).T
        self.vectors = np.array([r for _, _, r in found])
        self.home = crystal().positions @ crystal().cell

    def _bonds(self, positions):
        moved = positions - self.home
        r = self.vectors + moved[self.ends[1]] - moved[self.ends[0]]
        return r, np.einsum("bx,bx->b", r, r)

    def get_forces(self, atoms):
        r, s = self._bonds(atoms.positions)
        forces = np.zeros_like(atoms.positions)
        np.add.at(forces, self.ends[0], 2 * radial(s, 1)[:, None] * r)
        return forces

    def energy(self, positions):
        """Energy in eV per cell."""
        return 0.5 * radial(self._bonds(positions)[1], 0).sum()


@cache
def dispersive(*sides):
    """The crystal with its second-order force constants in a diagonal supercell, as analytic lattice sums."""
    from dataclasses import replace

    from lattice.structure.crystal import ForceConstants
    from lattice.structure.supercell import cell_translations, translation_index

    c, matrix = crystal(), np.diag(sides)
    translations = cell_translations(matrix)
    array = np.zeros((c.n_atoms, len(translations), c.n_atoms, 3, 3))
    for i, j, r in bonds():
        shift = np.rint((r @ np.linalg.inv(c.cell)) - c.positions[j] + c.positions[i]).astype(int)
        block = 4 * radial(r @ r, 2) * np.outer(r, r) + 2 * radial(r @ r, 1) * np.eye(3)
        array[i, int(translation_index(shift, translations, matrix)), j] -= block
        array[i, 0, i] += block
    return replace(c, force_constants=ForceConstants(array, translations, matrix))


def supercell_bonds(record):
    """Atoms (x, y) of a supercell at the ends of each bond, and ∂³φ/∂r∂r∂r of the bond."""
    points, inverse = record.positions @ record.cell, np.linalg.inv(record.cell)
    ends, tensors = [], []
    for i, _, r in bonds():
        tensor = third_derivative(r)
        for x in range(i, len(points), crystal().n_atoms):
            difference = (points[x] + r - points) @ inverse
            ends.append((x, int(np.abs(difference - np.rint(difference)).sum(axis=1).argmin())))
            tensors.append(tensor)
    return np.array(ends).T, np.array(tensors)


def supercell_derivatives(potential, products):
    """∂³V/∂Q∂Q∂Q of a potential of a supercell: sums over all its bonds, from its eigenvectors alone."""
    (x, y), tensors = supercell_bonds(potential.crystal)
    weighted = potential.eigenvectors / np.sqrt(potential.crystal.masses)[:, None]
    stretch = weighted[:, y] - weighted[:, x]
    # every bond is met from both of its ends
    return [np.einsum("nabc,na,nb,nc->", tensors, *stretch[list(m)], optimize=True) / 2 for m in products]
