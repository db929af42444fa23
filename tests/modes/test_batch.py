"""The batched eigensolver against LAPACK, on what is hard for it, for every instruction set and number of threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal

from lattice._kernels import hermitian as kernel
from lattice.errors import InputError
from lattice.modes.batch import instruction_set, short_range, solve_matrices, solve_short_range
from lattice.modes.modes import angular_momentum_matrix
from lattice.structure.phonopy_object import phonopy_from_crystal

LEVELS = kernel.supported_levels()
RNG = np.random.default_rng(3)


def hermitian(n_q, n):
    a = RNG.standard_normal((n_q, n, n)) + 1j * RNG.standard_normal((n_q, n, n))
    return a + a.conj().transpose(0, 2, 1)


def with_eigenvalues(values):
    """Dense Hermitian matrices with given eigenvalues ``(n_q, n)``."""
    n_q, n = values.shape
    q, _ = np.linalg.qr(hermitian(n_q, n))
    matrix = np.einsum("qik,qk,qjk->qij", q, values, q.conj())
    return (matrix + matrix.conj().transpose(0, 2, 1)) / 2


def direct_sum(n):
    """Blocks that are not linked: the tridiagonal matrix splits in the middle, each lane at another place."""
    matrices = np.zeros((20, n, n), dtype=complex)
    for k, matrix in enumerate(matrices):
        cut = 1 + k % (n - 1)
        matrix[:cut, :cut] = hermitian(1, cut)[0]
        matrix[cut:, cut:] = hermitian(1, n - cut)[0]
    return matrices


def hard_cases():
    ones = np.ones((5, 9))
    clustered = np.repeat(RNG.standard_normal((9, 3)), 3, axis=1)
    soft = np.hstack([np.full((6, 3), 1e-17), -1e-9 * np.ones((6, 2)), RNG.uniform(1, 2, (6, 7))])
    tridiagonal = np.zeros((3, 12, 12), dtype=complex)
    tridiagonal += np.diag(np.ones(11), 1) + np.diag(np.ones(11), -1)
    graded = np.diag(10.0 ** -np.arange(0.0, 45.0, 3.0)) + 0j
    coupling = 10.0 ** -np.arange(1.5, 43.0, 3.0)
    graded += np.diag(1j * coupling, 1) + np.diag(-1j * coupling, -1)
    return {
        "zero": np.zeros((11, 6, 6), dtype=complex),
        "one by one": hermitian(5, 1),
        "two by two": hermitian(7, 2),
        "identity": np.tile(np.eye(9, dtype=complex), (4, 1, 1)),
        "all equal": with_eigenvalues(ones),
        "triples": with_eigenvalues(clustered),
        "soft modes": with_eigenvalues(soft),
        "tridiagonal": tridiagonal,
        "graded": graded[None],
        "rank one": np.einsum("i,j->ij", np.arange(15.0), np.arange(15.0) + 0j)[None],
        "direct sum": direct_sum(10),
        "imaginary": 1j * np.triu(np.ones((5, 21, 21)), 1) - 1j * np.tril(np.ones((5, 21, 21)), -1),
        "huge": 1e300 * hermitian(9, 12),
        "tiny": 1e-300 * hermitian(9, 12),
        "mixed scales": 10.0 ** np.linspace(-250, 250, 19)[:, None, None] * hermitian(19, 6),
        "random 45": hermitian(3, 45),
        "random 27": hermitian(33, 27),
    }


CASES = hard_cases()


@pytest.mark.parametrize("isa", LEVELS)
@pytest.mark.parametrize("case", CASES)
def test_equals_lapack(case, isa):
    matrices = CASES[case]
    solved = solve_matrices(matrices, isa=isa)
    norm = np.abs(matrices).max(axis=(1, 2))
    norm[norm == 0] = 1.0
    scaled = matrices / norm[:, None, None]
    value = solved.eigenvalue / norm[:, None]
    columns = solved.eigenvectors.transpose(0, 2, 1)
    size = np.maximum(np.abs(value).max(axis=1), 1.0)[:, None, None]
    assert (np.abs(scaled @ columns - columns * value[:, None, :]) / size).max() < 1e-13
    assert np.abs(columns.conj().transpose(0, 2, 1) @ columns - np.eye(matrices.shape[1])).max() < 1e-13
    assert (np.diff(value, axis=1) >= 0).all()
    assert (np.abs(value - np.linalg.eigvalsh(scaled)) / size[:, 0]).max() < 1e-13


@pytest.mark.parametrize("isa", LEVELS)
def test_instruction_sets_agree(isa):
    matrices = with_eigenvalues(np.sort(RNG.uniform(-1, 1, (13, 15)), axis=1) + np.arange(15) / 5)
    reference, solved = solve_matrices(matrices, isa="plain"), solve_matrices(matrices, isa=isa)
    scale = np.abs(reference.eigenvalue).max()
    assert np.abs(solved.eigenvalue - reference.eigenvalue).max() < 1e-12 * scale
    assert np.abs(solved.J - reference.J).max() < 1e-12
    overlap = np.abs(np.einsum("qsi,qsi->qs", solved.eigenvectors.conj(), reference.eigenvectors))
    assert np.abs(overlap - 1).max() < 1e-12


@pytest.mark.parametrize("isa", LEVELS)
def test_same_bits_on_any_number_of_threads_and_beside_any_neighbour(isa):
    matrices = np.concatenate([hermitian(40, 9), CASES["all equal"], CASES["triples"]])
    order = RNG.permutation(len(matrices))
    one, three = solve_matrices(matrices, isa=isa), solve_matrices(matrices, isa=isa, n_threads=3)
    shuffled = solve_matrices(matrices[order], isa=isa)
    for name in ("eigenvalue", "eigenvectors", "J"):
        assert (getattr(one, name) == getattr(three, name)).all()
        assert (getattr(one, name)[order] == getattr(shuffled, name)).all()


def uneven_lanes():
    """Neighbours that take very different numbers of sweeps: diagonal at once, split in the middle, clustered, full."""
    n = 10
    matrices = np.concatenate([direct_sum(n), hermitian(12, n), np.zeros((3, n, n)), np.tile(np.eye(n), (3, 1, 1))])
    clustered = with_eigenvalues(np.repeat(RNG.standard_normal((6, 5)), 2, axis=1))
    return np.concatenate([matrices, clustered])[RNG.permutation(44)]


@pytest.mark.parametrize("isa", LEVELS)
def test_lanes_go_on_at_their_own_pace(isa):
    matrices = uneven_lanes()
    together = solve_matrices(matrices, isa=isa)
    alone = [solve_matrices(matrix[None], isa=isa) for matrix in matrices]
    assert (together.eigenvalue == np.concatenate([one.eigenvalue for one in alone])).all()
    assert (together.eigenvectors == np.concatenate([one.eigenvectors for one in alone])).all()
    assert np.abs(together.eigenvalue - np.linalg.eigvalsh(matrices)).max() < 1e-13 * np.abs(matrices).max() * 10


@pytest.mark.parametrize("isa", LEVELS)
@pytest.mark.parametrize("case", ["graded", "random 45", "uneven", "zero", "imaginary", "huge", "tiny"])
def test_eigenvalues_alone(case, isa):
    matrices = uneven_lanes() if case == "uneven" else CASES[case]
    matrices = matrices[:, :-1, :-1] if matrices.shape[1] % 3 == 0 else matrices  # without J, so without vectors
    scale = np.abs(matrices).max() or 1.0
    solved = solve_matrices(matrices, eigenvectors=False, isa=isa)
    expected = np.linalg.eigvalsh(matrices / scale)
    assert solved.J.shape[1] == 0
    assert (np.diff(solved.eigenvalue, axis=1) >= 0).all()
    assert np.abs(solved.eigenvalue / scale - expected).max() < 1e-13 * max(1.0, np.abs(expected).max())


def test_angular_momentum_is_that_of_the_eigenvectors():
    solved = solve_matrices(hermitian(6, 12))
    for vectors, spin in zip(solved.eigenvectors, solved.J, strict=True):
        expected = np.einsum("xaa->ax", angular_momentum_matrix(vectors.reshape(12, 4, 3))).real
        assert np.abs(spin - expected).max() < 1e-14


def test_eigenvectors_can_be_left_out():
    matrices = hermitian(9, 6)
    full, bare = solve_matrices(matrices), solve_matrices(matrices, eigenvectors=False)
    assert bare.eigenvectors.shape == (9, 0, 6)
    assert (bare.eigenvalue == full.eigenvalue).all()
    assert (bare.J == full.J).all()
    assert solve_matrices(hermitian(2, 4)).J.shape == (2, 0, 3)
    assert solve_matrices(np.empty((0, 6, 6))).eigenvalue.shape == (0, 6)


@pytest.mark.parametrize("number", [1, 4, 62, 144, 166, 198, 225])
@pytest.mark.parametrize("supercell", [(2, 2, 2), (3, 2, 1)])
def test_dynamical_matrices_are_those_of_phonopy(number, supercell):
    crystal = spring_crystal(cell_of_spacegroup(number, 2 if number < 62 else 1), np.diag(supercell), cutoff=4.5)
    phonon = phonopy_from_crystal(crystal)
    points = RNG.uniform(-1, 1, (7, 3))
    solved = solve_short_range(short_range(phonon), points)
    phonon.run_qpoints(points, with_dynamical_matrices=True)
    scale = np.abs(solved.eigenvalue).max()
    for matrix, value, vectors in zip(
        phonon.qpoints.dynamical_matrices, solved.eigenvalue, solved.eigenvectors, strict=True
    ):
        assert np.abs(matrix @ vectors.T - vectors.T * value).max() < 1e-12 * scale


@pytest.mark.parametrize("isa", LEVELS)
def test_instruction_sets_agree_on_a_crystal(isa):
    constants = short_range(phonopy_from_crystal(spring_crystal(cell_of_spacegroup(144, 1), 2 * np.eye(3, dtype=int))))
    points = RNG.uniform(-1, 1, (21, 3))
    plain, solved = (solve_short_range(constants, points, isa=name) for name in ("plain", isa))
    threads = solve_short_range(constants, points, isa=isa, n_threads=2)
    assert np.abs(plain.eigenvalue - solved.eigenvalue).max() < 1e-12 * np.abs(plain.eigenvalue).max()
    assert np.abs(plain.J - solved.J).max() < 1e-11
    assert (threads.eigenvectors == solved.eigenvectors).all()


@pytest.mark.parametrize(
    "matrices",
    [np.ones((2, 3, 4)), np.ones((3, 3)), np.full((1, 3, 3), np.nan), np.full((1, 3, 3), np.inf), np.ones((1, 0, 0))],
)
def test_what_is_no_hermitian_matrix_is_refused(matrices):
    with pytest.raises(InputError, match="square and finite"):
        solve_matrices(matrices)


@pytest.mark.parametrize("points", [np.zeros(3), np.zeros((2, 2)), np.array([[0.0, np.nan, 0.0]])])
def test_what_is_no_qpoint_is_refused(points):
    constants = short_range(phonopy_from_crystal(spring_crystal(cell_of_spacegroup(1, 1))))
    with pytest.raises(InputError, match="three finite numbers"):
        solve_short_range(constants, points)


@pytest.mark.parametrize("threads", [0, -1, 1.5])
def test_senseless_numbers_of_threads_are_refused(threads):
    with pytest.raises(InputError, match="threads"):
        solve_matrices(np.ones((1, 1, 1)), n_threads=threads)


def test_unknown_instruction_set_is_refused(monkeypatch):
    with pytest.raises(InputError, match="does not have"):
        solve_matrices(np.ones((1, 1, 1)), isa="avx9000")
    monkeypatch.setenv("LATTICE_ISA", "plain")
    assert instruction_set() == "plain"
    monkeypatch.setenv("LATTICE_ISA", "avx9000")
    with pytest.raises(InputError, match="unknown"):
        instruction_set()
    monkeypatch.setattr(kernel, "supported_levels", lambda: ("plain",))
    monkeypatch.setenv("LATTICE_ISA", "x86-64-v4")
    with pytest.raises(InputError, match="does not have"):
        instruction_set()
    monkeypatch.delenv("LATTICE_ISA")
    assert instruction_set() == "plain"


@pytest.mark.parametrize(("value", "status"), [("plain", 0), ("sse9", 1)])
def test_the_instruction_set_is_chosen_at_import(value, status):
    done = subprocess.run(
        [sys.executable, "-c", "import lattice.modes.batch as b; print(b.instruction_set())"],
        env={**os.environ, "LATTICE_ISA": value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert (done.stdout.strip() == value) if status == 0 else ("LATTICE_ISA" in done.stderr)
