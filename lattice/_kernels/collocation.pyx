# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""One trajectory of real normal coordinates by exponential Gauss collocation, the nodes of a window in the SIMD lanes.

The caller owns and allocates every array. The inner part (collocation_block.cpp) is compiled once for each instruction
set; which of them is used is the caller's choice. Results agree between instruction sets within round-off. Units are
coherent (Å, amu, ps); the field is in MV/cm.
"""

from libc.stdlib cimport free, malloc

cdef extern from "collocation_block.h" nogil:
    const int LATTICE_NODES
    const int LATTICE_CHEBYSHEV
    const int LATTICE_FIRST_ROW

    ctypedef struct lattice_program:
        int lit
        int n_rows
        int n_leaves
        const int* row
        const int* start
        const int* pull_start

    ctypedef struct lattice_motion:
        int n_modes
        int n_nodes
        int n_dark
        const int* left
        const int* right
        const int* pull
        const int* column
        const double* value
        const lattice_program* program
        int n_programs
        const int* kind
        const int* multiplet
        int n_multiplets
        const int* partner_start
        const int* partner
        int n_links
        const int* link
        const double* gamma
        int n_panels
        const double* edge
        const double* field
        const double* longest

    ctypedef struct lattice_window:
        double length
        long long units
        int n_out
        int n_blocks
        const double* flow
        const double* response
        const double* rate
        const double* out_flow
        const double* out_response

    ctypedef struct lattice_stretch:
        int n_windows
        const lattice_window* window
        const double* node
        const double* weight
        const double* barycentric
        const double* legendre
        double begin
        long long total
        long long interval
        double tolerance
        long long most
        int book
        int n_book

    ctypedef struct lattice_state:
        double* q
        double* p
        double* peak
        double* account
        double* record_q
        double* record_p
        double* series
        double* work
        double shortest
        long long windows
        long long passes

    ctypedef int (*lattice_collocation)(const lattice_motion*, const lattice_stretch*, lattice_state*) noexcept

cdef extern from *:
    """
    #ifdef LATTICE_X86_LEVELS
    #define LATTICE_N_COLLOCATIONS 4
    #else
    #define LATTICE_N_COLLOCATIONS 1
    #endif
    static const lattice_collocation lattice_collocations[] = {
        lattice_collocation_plain,
    #ifdef LATTICE_X86_LEVELS
        lattice_collocation_v2, lattice_collocation_v3, lattice_collocation_v4,
    #endif
    };
    """
    const int LATTICE_N_COLLOCATIONS
    const lattice_collocation* lattice_collocations

#: Names of the instruction sets that were compiled, in the order of those of the eigensolver.
LEVELS = ("plain", "x86-64-v2", "x86-64-v3", "x86-64-v4")[:LATTICE_N_COLLOCATIONS]
NODES = LATTICE_NODES  #: Gauss nodes of a window
CHEBYSHEV = LATTICE_CHEBYSHEV  #: coefficients of the field in a panel
FIRST_ROW = LATTICE_FIRST_ROW  #: programs before the first of the ledger

cdef class Motion:
    """A potential and its field as the compiled code reads them; keeps the arrays alive."""

    cdef lattice_motion c
    cdef lattice_program* programs
    cdef object arrays

    def __cinit__(self):
        self.programs = NULL

    def __dealloc__(self):
        free(self.programs)

    def __init__(
        self,
        int n_dark,                        # nodes that need no field
        const int[:, ::1] factor,          # (2, n_nodes) left, right
        const int[:, ::1] pull,            # (n_pulls, 2) product, other factor; at least one
        const int[::1] column,             # (n_entries,) at least one
        const double[::1] value,           # (n_entries,)
        list programs,                     # (lit, n_leaves, row, start, pull_start) each
        const int[:, ::1] mode,            # (2, n_modes) kind, multiplet
        const int[::1] partner_start,      # (n_modes + 1,)
        const int[::1] partner,            # at least one entry
        const int[:, ::1] link,            # (n_links, 2)
        const double[::1] gamma,           # (n_modes,)
        const double[::1] edge,            # (n_panels + 1,)
        const double[:, :, ::1] field,     # (n_panels, 3, CHEBYSHEV)
        const double[::1] longest,         # (n_panels,)
    ):
        cdef const int[::1] row, start, pull_start
        cdef int k
        self.arrays = (
            factor, pull, column, value, programs, mode, partner_start, partner, link, gamma, edge, field, longest
        )
        self.programs = <lattice_program*>malloc(len(programs) * sizeof(lattice_program))
        if self.programs == NULL:
            raise MemoryError
        for k in range(len(programs)):
            row, start, pull_start = programs[k][2:]
            self.programs[k] = lattice_program(
                programs[k][0], <int>start.shape[0] - 1, programs[k][1], &row[0], &start[0], &pull_start[0]
            )
        self.c = lattice_motion(
            <int>gamma.shape[0], <int>factor.shape[1], n_dark, &factor[0, 0], &factor[1, 0], &pull[0, 0],
            &column[0], &value[0], self.programs, len(programs), &mode[0, 0], &mode[1, 0], 0,
            &partner_start[0], &partner[0], <int>link.shape[0], NULL, &gamma[0], <int>longest.shape[0], NULL, NULL,
            NULL,
        )
        for k in range(mode.shape[1]):
            self.c.n_multiplets = max(self.c.n_multiplets, mode[1, k] + 1)
        if link.shape[0]:
            self.c.link = &link[0, 0]
        if longest.shape[0]:
            self.c.edge, self.c.field, self.c.longest = &edge[0], &field[0, 0, 0], &longest[0]

    def work_size(self):
        """Return the doubles of scratch that `advance` needs."""
        cdef Py_ssize_t n = self.c.n_modes
        return LATTICE_NODES * (2 * <Py_ssize_t>self.c.n_nodes + 6 * n) + n + self.c.n_multiplets


def advance(
    int level,                              # index of LEVELS
    Motion motion,
    const double[:, ::1] rule,              # IN (11, 8) nodes, weights, barycentric weights, Legendre analysis
    list windows,                           # IN (length, units, n_out, then the arrays of lattice_window) each
    double begin,                           # ps
    long long total,                        # units of the smallest window, of the stretch
    long long interval,                     # the same between recorded times
    double tolerance,
    long long most,                         # windows
    double[:, ::1] state,                   # INOUT (3, n_modes) Q, P, largest |Q| so far
    double[:, ::1] account,                 # INOUT (n_book, 8) or None: no ledger
    double[:, :, ::1] record,               # OUT (2, n_intervals, n_modes)
    double[:, ::1] series,                  # OUT (n_intervals, n_book) or None
    double[::1] work,                       # scratch, aligned to 64 bytes
):
    """Advance over one stretch; returns status, shortest window in ps, windows and passes.

    The status is 0, 1 (diverged) or 2 (a window missed the tolerance).
    """
    cdef lattice_stretch s
    cdef lattice_state out
    cdef const double[:, :, ::1] flow, response, rate
    cdef const double[:, :, :, ::1] out_flow, out_response
    cdef int k, status, count = len(windows)
    cdef lattice_window* window = <lattice_window*>malloc(count * sizeof(lattice_window))
    if window == NULL:
        raise MemoryError
    try:
        for k in range(count):
            flow, response, rate, out_flow, out_response = windows[k][3:]
            window[k] = lattice_window(
                windows[k][0], windows[k][1], windows[k][2], <int>out_flow.shape[1], &flow[0, 0, 0],
                &response[0, 0, 0], &rate[0, 0, 0], &out_flow[0, 0, 0, 0], &out_response[0, 0, 0, 0],
            )
        s = lattice_stretch(
            count, window, &rule[0, 0], &rule[1, 0], &rule[2, 0], &rule[3, 0], begin, total, interval, tolerance, most,
            account is not None, 0,
        )
        out = lattice_state(
            &state[0, 0], &state[1, 0], &state[2, 0], NULL, &record[0, 0, 0], &record[1, 0, 0], NULL, &work[0],
            windows[0][0], 0, 0,
        )
        if account is not None and account.shape[0]:
            s.n_book, out.account = <int>account.shape[0], &account[0, 0]
        if series is not None and series.shape[1]:
            out.series = &series[0, 0]
        with nogil:
            status = lattice_collocations[level](&motion.c, &s, &out)
    finally:
        free(window)
    return status, out.shortest, out.windows, out.passes
