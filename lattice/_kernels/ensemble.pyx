# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Many trajectories of one potential, one in each SIMD lane, reduced to a few numbers as they run.

The caller owns and allocates every array. The inner part (ensemble_block.cpp) is compiled once for each instruction
set; which of them is used is the caller's choice, who asks `hermitian` which of them this processor has. The parallel
loop runs over blocks of trajectories; a trajectory's result depends on itself alone, so the bits depend neither on the
number of threads nor on its neighbours. They do depend, within round-off, on the instruction set.
"""

from cython.parallel cimport prange, threadid
from libc.stdint cimport uint32_t, uint64_t

from lattice._kernels.philox cimport normal_pair

cdef extern from "ensemble_block.h" nogil:
    ctypedef struct lattice_step:
        double step
        int n_kicks
        const double* kick
        const double* kick_time
        const double* flow
        const double* integral
        const double* loss
        const double* noise
        const double* half_flow

    ctypedef struct lattice_light:
        int shape
        const double* parameter
        int n_pieces
        const double* knot
        const double* piece

    ctypedef struct lattice_ensemble:
        int n, n_products, n_dark_products, n_sections, n_pushes, pattern, own, bath, check, book
        int book_energy, n_lights
        int n_intervals, steps, first, n_links, n_rows, harmonic_row, damping_row, noise_row
        int n_forms, n_lines, n_signals, n_times, n_books, want_peak, want_squares
        long stride
        uint64_t seed
        double interval
        const int* product
        const int* section
        const int* inner
        const int* mode
        const int* near
        const int* row
        const int* column
        const int* link
        const int* form_start
        const int* form_link
        const int* signal_interval
        const int* book_interval
        const double* value
        const double* pattern_value
        const double* omega_squared
        const double* Q0
        const double* P0
        const double* sigma
        const double* form_weight
        const double* line
        const double* signal_weight
        const uint64_t* number
        const lattice_light* light
        lattice_step fine
        lattice_step coarse
        double* Q_end
        double* P_end
        double* Q_peak
        double* Q_square
        double* P_square
        double* form_peak
        double* form_sum
        double* line_sum
        double* signal
        double* ledger
        double* energy
        double* ledger_series
        double* energy_series
        double* change
        double* scale
        double* alive

cdef extern from *:
    """
    #include <stdint.h>
    #include <stdlib.h>
    #define LATTICE_ENTRY(LEVEL) \\
        {lattice_ensemble_##LEVEL, lattice_ensemble_lanes_##LEVEL, lattice_ensemble_work_##LEVEL}
    typedef struct {
        void (*run)(const lattice_ensemble*, long, double*);
        int (*lanes)(void);
        long (*work)(const lattice_ensemble*);
    } lattice_ensemble_level;
    static const lattice_ensemble_level lattice_ensemble_levels[] = {
        LATTICE_ENTRY(plain),
    #ifdef LATTICE_X86_LEVELS
        LATTICE_ENTRY(v2), LATTICE_ENTRY(v3), LATTICE_ENTRY(v4),
    #endif
    };
    static double* lattice_aligned(double* p) { return (double*)(((uintptr_t)p + 63) & ~(uintptr_t)63); }
    """
    ctypedef struct lattice_ensemble_level:
        void (*run)(const lattice_ensemble*, long, double*) noexcept nogil
        int (*lanes)() noexcept nogil
        long (*work)(const lattice_ensemble*) noexcept nogil
    const lattice_ensemble_level* lattice_ensemble_levels
    double* lattice_aligned(double* p) nogil

cdef enum:
    CACHE_LINE = 8  # doubles
    MAX_LIGHTS = 64

#: Most light tables of one call.
LIGHTS = MAX_LIGHTS


def lanes(int level):
    """Return how many trajectories a block of instruction set number `level` holds."""
    return lattice_ensemble_levels[level].lanes()


cdef const double* reals(dict arrays, str name) except? NULL:
    cdef const double[::1] view = arrays[name]
    return &view[0] if view.shape[0] else NULL


cdef double* results(dict arrays, str name) except? NULL:
    cdef double[::1] view = arrays[name]
    return &view[0] if view.shape[0] else NULL


cdef const int* whole(dict arrays, str name) except? NULL:
    cdef const int[::1] view = arrays[name]
    return &view[0] if view.shape[0] else NULL


cdef int set_step(lattice_step* step, dict arrays) except -1:
    step.step = arrays["step"]
    step.n_kicks = len(arrays["kick"])
    step.kick = reals(arrays, "kick")
    step.kick_time = reals(arrays, "kick_time")
    step.flow = reals(arrays, "flow")
    step.integral = reals(arrays, "integral")
    step.loss = reals(arrays, "loss")
    step.noise = reals(arrays, "noise")
    step.half_flow = reals(arrays, "half_flow")
    return 0


cdef int set_job(lattice_ensemble* job, dict arrays, dict sizes) except -1:
    """Point the job at its arrays, which the caller keeps alive."""
    cdef const uint64_t[::1] number = arrays["number"]
    job.n, job.n_products, job.n_dark_products = sizes["n"], sizes["n_products"], sizes["n_dark_products"]
    job.n_sections, job.pattern, job.own = sizes["n_sections"], sizes["pattern"], sizes["own"]
    job.bath, job.check, job.book = sizes["bath"], sizes["check"], sizes["book"]
    job.book_energy, job.n_pushes, job.n_books = sizes["book_energy"], sizes["n_pushes"], sizes["n_books"]
    job.n_intervals, job.steps, job.first = sizes["n_intervals"], sizes["steps"], sizes["first"]
    job.n_links, job.n_rows, job.harmonic_row = sizes["n_links"], sizes["n_rows"], sizes["harmonic_row"]
    job.damping_row, job.noise_row, job.n_forms = sizes["damping_row"], sizes["noise_row"], sizes["n_forms"]
    job.n_lines, job.n_signals, job.n_times = sizes["n_lines"], sizes["n_signals"], sizes["n_times"]
    job.want_peak, job.want_squares = sizes["want_peak"], sizes["want_squares"]
    job.stride, job.seed, job.interval = sizes["stride"], sizes["seed"], sizes["interval"]
    job.product, job.section, job.inner = whole(arrays, "product"), whole(arrays, "section"), whole(arrays, "inner")
    job.mode, job.near = whole(arrays, "mode"), whole(arrays, "near")
    job.row, job.column, job.link = whole(arrays, "row"), whole(arrays, "column"), whole(arrays, "link")
    job.form_start, job.form_link = whole(arrays, "form_start"), whole(arrays, "form_link")
    job.signal_interval, job.book_interval = whole(arrays, "signal_interval"), whole(arrays, "book_interval")
    job.value, job.pattern_value = reals(arrays, "value"), reals(arrays, "pattern_value")
    job.omega_squared = reals(arrays, "omega_squared")
    job.Q0, job.P0, job.sigma = reals(arrays, "Q0"), reals(arrays, "P0"), reals(arrays, "sigma")
    job.form_weight, job.line = reals(arrays, "form_weight"), reals(arrays, "line")
    job.signal_weight, job.number = reals(arrays, "signal_weight"), &number[0]
    job.Q_end, job.P_end, job.Q_peak = results(arrays, "Q_end"), results(arrays, "P_end"), results(arrays, "Q_peak")
    job.Q_square, job.P_square = results(arrays, "Q_square"), results(arrays, "P_square")
    job.form_peak, job.form_sum = results(arrays, "form_peak"), results(arrays, "form_sum")
    job.line_sum, job.signal = results(arrays, "line_sum"), results(arrays, "signal")
    job.ledger, job.energy = results(arrays, "ledger"), results(arrays, "energy")
    job.ledger_series, job.energy_series = results(arrays, "ledger_series"), results(arrays, "energy_series")
    job.change = results(arrays, "change")
    job.scale, job.alive = results(arrays, "scale"), results(arrays, "alive")
    return 0


def run(int level, dict arrays, dict sizes, dict fine, dict coarse, list lights, int n_threads):
    """Run ``sizes["stride"]`` trajectories, a whole number of blocks; names and shapes as in ensemble_block.h.

    Every array is flat and contiguous: float64, int32 for tables, uint64 for the numbers of the trajectories.
    """
    cdef lattice_ensemble job
    cdef lattice_light light[MAX_LIGHTS]
    cdef const lattice_ensemble_level* code = &lattice_ensemble_levels[level]
    cdef int i, n_blocks, width = code.lanes()
    cdef long share
    if len(lights) > MAX_LIGHTS or sizes["stride"] % width:
        raise ValueError("too many lights, or trajectories that fill no block")
    set_job(&job, arrays, sizes)
    set_step(&job.fine, fine)
    set_step(&job.coarse, coarse)
    job.n_lights = len(lights)
    for i in range(job.n_lights):
        light[i].shape = lights[i]["shape"]
        light[i].parameter = reals(lights[i], "parameter")
        light[i].n_pieces = len(lights[i]["knot"]) - 1
        light[i].knot = reals(lights[i], "knot")
        light[i].piece = reals(lights[i], "piece")
    job.light = light
    share = (code.work(&job) + 2 * CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE
    n_blocks = <int>(job.stride // width)
    cdef double[::1] work = arrays["work"]
    if work.shape[0] < n_threads * share + CACHE_LINE:
        raise ValueError("the work space is too small")
    cdef double* base = lattice_aligned(&work[0])
    for i in prange(n_blocks, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=1):
        code.run(&job, <long>i * width, base + threadid() * share)


def work_size(int level, dict sizes, int n_kicks, int n_lights, int n_threads):
    """Return how many doubles of work space `run` needs."""
    cdef lattice_ensemble job
    job.n, job.n_products, job.n_lights, job.fine.n_kicks = sizes["n"], sizes["n_products"], n_lights, n_kicks
    job.n_forms, job.n_lines, job.book = sizes["n_forms"], sizes["n_lines"], sizes["book"]
    job.n_rows, job.n_links = sizes["n_rows"], sizes["n_links"]
    job.book_energy, job.n_pushes = sizes["book_energy"], sizes["n_pushes"]
    return n_threads * (lattice_ensemble_levels[level].work(&job) + 2 * CACHE_LINE) + CACHE_LINE


def normals(unsigned long long seed, const uint64_t[::1] number, unsigned long long index, double[:, :, ::1] out):
    """Fill `out` (n_trajectories, n, 2) with the pair of normal numbers of each coordinate, as trajectory.normals."""
    cdef Py_ssize_t i
    cdef int s
    with nogil:
        for i in range(out.shape[0]):
            for s in range(out.shape[1]):
                normal_pair(seed, <uint32_t>number[i], index, s, &out[i, s, 0], &out[i, s, 1])
