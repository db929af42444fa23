# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Hermitian eigenproblems and dynamical matrices of many q-points, one q-point in each SIMD lane.

The caller owns and allocates every array. The inner part (hermitian_block.cpp) is compiled once for each instruction
set; which of them this processor has is asked here, which of them is used is the caller's choice. The parallel loop
runs over blocks of q-points; a q-point's result depends on itself alone, so the bits depend neither on the number of
threads nor on its neighbours. They do depend, within round-off, on the instruction set.
"""

from cython.parallel cimport prange, threadid

cdef extern from "hermitian_block.h" nogil:
    ctypedef struct lattice_bonds:
        int n_atoms
        int n_vectors
        const int* vector
        const int* pair_start
        const int* entry_vector
        const double* entry
        const double* position

    ctypedef int (*lattice_hermitian_solver)(
        const lattice_bonds*, int, int, const double*, const double*, double*, double*, double*, double*
    ) noexcept

cdef extern from "levels.h":
    const int LATTICE_N_LEVELS
    int lattice_cpu_has(int level)

cdef extern from *:
    """
    #include <stdint.h>
    #define LATTICE_ENTRY(LEVEL) {lattice_hermitian_##LEVEL, lattice_lanes_##LEVEL, lattice_work_##LEVEL}
    typedef struct {
        lattice_hermitian_solver solve;
        int (*lanes)(void);
        long (*work)(int, int);
    } lattice_level;
    static const lattice_level lattice_levels[] = {
        LATTICE_ENTRY(plain),
    #ifdef LATTICE_X86_LEVELS
        LATTICE_ENTRY(v2), LATTICE_ENTRY(v3), LATTICE_ENTRY(v4),
    #endif
    };
    static double* lattice_aligned(double* p) { return (double*)(((uintptr_t)p + 63) & ~(uintptr_t)63); }
    """
    ctypedef struct lattice_level:
        lattice_hermitian_solver solve
        int (*lanes)() noexcept nogil
        long (*work)(int, int) noexcept nogil
    const lattice_level* lattice_levels
    double* lattice_aligned(double* p) nogil

cdef int CACHE_LINE = 8  # doubles

#: Names of the instruction sets that were compiled, from the one that every processor has to the widest.
LEVELS = ("plain", "x86-64-v2", "x86-64-v3", "x86-64-v4")[:LATTICE_N_LEVELS]


def supported_levels():
    """Return the names of the compiled instruction sets that this processor has, widest last."""
    return tuple(name for i, name in enumerate(LEVELS) if lattice_cpu_has(i))


def lanes(int level):
    """Return how many q-points a block of instruction set ``LEVELS[level]`` holds."""
    return lattice_levels[level].lanes()


def work_size(int level, int n, int n_vectors, int n_threads):
    """Return how many doubles of work space `solve_bonds` or `solve_matrices` needs."""
    return n_threads * (lattice_levels[level].work(n, n_vectors) + 2 * CACHE_LINE) + CACHE_LINE


cdef int solve(
    int level, int n, int n_q, const lattice_bonds* bonds, const double* qpoints, const double* matrices,
    double* eigenvalue, double* eigenvector, double* spin, double* work, int n_threads,
) noexcept nogil:
    """Solve all q-points in blocks; returns how many did not converge."""
    cdef lattice_hermitian_solver block = lattice_levels[level].solve
    cdef int width = lattice_levels[level].lanes()
    cdef int n_blocks = (n_q + width - 1) // width
    cdef Py_ssize_t share = lattice_levels[level].work(n, bonds.n_vectors if bonds != NULL else 0)
    cdef double* base = lattice_aligned(work)
    cdef Py_ssize_t first, nn = <Py_ssize_t>n * n
    cdef int i, count, failed = 0
    share = (share + 2 * CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE
    for i in prange(n_blocks, num_threads=n_threads, schedule="static"):
        first = <Py_ssize_t>i * width
        count = width if first + width <= n_q else <int>(n_q - first)
        failed += block(
            bonds, n, count,
            qpoints + 3 * first if qpoints != NULL else NULL,
            matrices + 2 * nn * first if matrices != NULL else NULL,
            eigenvalue + n * first,
            eigenvector + 2 * nn * first if eigenvector != NULL else NULL,
            spin + 3 * n * first if spin != NULL else NULL,
            base + threadid() * share,
        )
    return failed


def solve_bonds(
    int level,                              # IN index of LEVELS
    const int[:, ::1] vector,               # IN (n_vectors, 3) R in units of the cell vectors
    const int[::1] pair_start,              # IN (n_pairs + 1,) first entry of the pair i (i + 1) / 2 + j, i >= j
    const int[::1] entry_vector,            # IN (n_entries,)
    const double[:, :, ::1] entry,          # IN (n_entries, 3, 3) mass-weighted force constants
    const double[:, ::1] position,          # IN (n_atoms, 3) fractional
    const double[:, ::1] qpoints,           # IN (n_q, 3)
    double[:, ::1] eigenvalue,              # OUT (n_q, n)
    double[:, :, :, ::1] eigenvector,       # OUT (n_q, n, n, 2) [mode, component, re im], or None
    double[:, :, ::1] spin,                 # OUT (n_q, n, 3) J in hbar, or None
    double[::1] work,                       # (work_size,)
    int n_threads,
):
    """Solve D(q) from force constants; returns the number of q-points that did not converge."""
    cdef lattice_bonds bonds
    cdef int n = <int>eigenvalue.shape[1], n_q = <int>qpoints.shape[0]
    cdef double* vectors = NULL
    cdef double* J = NULL
    if n_q == 0:
        return 0
    bonds.n_atoms = <int>position.shape[0]
    bonds.n_vectors = <int>vector.shape[0]
    bonds.vector = &vector[0, 0]
    bonds.pair_start = &pair_start[0]
    bonds.entry_vector = &entry_vector[0]
    bonds.entry = &entry[0, 0, 0]
    bonds.position = &position[0, 0]
    if eigenvector is not None:
        vectors = &eigenvector[0, 0, 0, 0]
    if spin is not None:
        J = &spin[0, 0, 0]
    with nogil:
        n_q = solve(
            level, n, n_q, &bonds, &qpoints[0, 0], NULL, &eigenvalue[0, 0], vectors, J, &work[0], n_threads
        )
    return n_q


def solve_matrices(
    int level,                              # IN index of LEVELS
    const double[:, :, :, ::1] matrices,    # IN (n_q, n, n, 2) re im, lower triangles are used
    double[:, ::1] eigenvalue,              # OUT (n_q, n)
    double[:, :, :, ::1] eigenvector,       # OUT (n_q, n, n, 2) [mode, component, re im], or None
    double[:, :, ::1] spin,                 # OUT (n_q, n, 3) J in hbar, or None
    double[::1] work,                       # (work_size with no vectors,)
    int n_threads,
):
    """Solve given Hermitian matrices; returns the number of matrices that did not converge."""
    cdef int n = <int>eigenvalue.shape[1], n_q = <int>matrices.shape[0]
    cdef double* vectors = NULL
    cdef double* J = NULL
    if n_q == 0:
        return 0
    if eigenvector is not None:
        vectors = &eigenvector[0, 0, 0, 0]
    if spin is not None:
        J = &spin[0, 0, 0]
    with nogil:
        n_q = solve(
            level, n, n_q, NULL, NULL, &matrices[0, 0, 0, 0], &eigenvalue[0, 0], vectors, J, &work[0], n_threads
        )
    return n_q
