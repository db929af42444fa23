# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Trajectories of real normal coordinates under a table of polynomial terms, with the angular-momentum ledger.

The caller owns and allocates every array; nothing here allocates, converts units or looks at names. One step is a
composition of drifts (exact damped-harmonic flow, 2×2 per coordinate) and kicks (all terms of the table at fixed Q):
drift 0, kick 0, drift 1, …, kick n_kicks − 1, drift n_kicks. The parallel loop runs over trajectories only and each
trajectory is computed by one thread in a fixed order, so the bits do not depend on the number of threads. The inner
part (trajectory_block.cpp) is compiled once for each instruction set; which of them is used is the caller's choice, who
asks `hermitian` which of them this processor has. Results agree between instruction sets within round-off.

With a bath every drift is followed by the Gaussian increment of (Q, P) that the random force makes during it, so that
drift and increment together are the exact Ornstein–Uhlenbeck step of the damped oscillator. The increments of the
coarsest run are the roots of binary trees; a run with steps 2^depth times shorter takes the leaves at that depth, drawn
from the root downwards by Gaussian bridges. So all runs of a trajectory see the same random force.

Ledger. With l_st = Q_s P_t − Q_t P_s, the angular momentum of multiplet a is ½ Σ_{s∈a} Σ_t M_st l_st. Each linked pair
(s, t), M_st ≠ 0, adds ½ M_st Δl_st to the multiplet of s and the same to the multiplet of t for every sub-step. The
energy of multiplet a is ½ Σ_{s∈a} (P_s² + ω_s² Q_s²): kicks do work on it, drifts dissipate it, the bath stirs it.
"""

from cython.parallel cimport prange
from libc.stdint cimport uint32_t, uint64_t

from lattice._kernels.philox cimport normal_pair, philox_block

cdef extern from "trajectory_block.h" nogil:
    const int LATTICE_OK

    ctypedef struct lattice_system:
        int n_modes, n_terms, n_factors, n_field_factors, n_slots, n_links, n_arms, n_multiplets, n_kicks
        int harmonic_row, damping_row, noise_row, bath, depth
        uint64_t seed
        const double* noise
        const double* bridge
        const double* coefficient
        const int* term_order
        const int* term_mode
        const int* term_slot
        const int* term_field
        const int* slot_row
        const int* slot_mode
        const int* link_mode
        const int* link_multiplet
        const int* link_arm
        const double* link_matrix
        const int* arm_start
        const int* arm_multiplet
        const double* omega_squared
        const int* multiplet
        const double* flow
        const double* link_integral
        const double* kick_weight

    ctypedef struct lattice_path:
        uint32_t number
        uint64_t index
        const double* field
        double* Q
        double* P
        double* work
        double* ledger
        double* account
        double* energy
        double* slot_work
        double* record_Q
        double* record_P

    ctypedef int (*lattice_trajectory)(
        const lattice_system*, const lattice_path*, int, int, int
    ) noexcept nogil

cdef extern from *:
    """
    static const lattice_trajectory lattice_trajectory_levels[] = {
        lattice_trajectory_plain,
    #ifdef LATTICE_X86_LEVELS
        lattice_trajectory_v2, lattice_trajectory_v3, lattice_trajectory_v4,
    #endif
    };
    #ifdef _OPENMP
    #define LATTICE_HAS_OPENMP 1
    #else
    #define LATTICE_HAS_OPENMP 0
    #endif
    #if defined(__clang__)
    #define LATTICE_COMPILER "clang " __VERSION__
    #elif defined(__GNUC__)
    #define LATTICE_COMPILER "gcc " __VERSION__
    #else
    #define LATTICE_COMPILER "unknown"
    #endif
    """
    const lattice_trajectory* lattice_trajectory_levels
    const int LATTICE_HAS_OPENMP
    const char* LATTICE_COMPILER


cdef inline int follow(
    lattice_trajectory run, const lattice_system* system, int n_intervals, int n_steps, bint book,
    uint32_t number, uint64_t index, const double* field,
    double* Q, double* P, double* work, double* ledger, double* account, double* energy, double* slot_work,
    double* record_Q, double* record_P
) noexcept nogil:
    """Advance one trajectory."""
    cdef lattice_path path
    path.number, path.index, path.field = number, index, field
    path.Q, path.P, path.work = Q, P, work
    path.ledger, path.account, path.energy, path.slot_work = ledger, account, energy, slot_work
    path.record_Q, path.record_P = record_Q, record_P
    return run(system, &path, n_intervals, n_steps, book)


def advance(
    int level,                             # IN instruction set, of which `hermitian` says whether the processor has it
    double[:, ::1] Q,                      # INOUT (n_trajectories, n_modes)
    double[:, ::1] P,                      # INOUT (n_trajectories, n_modes)
    double[:, :, :, ::1] ledger,           # INOUT (n_trajectories, n_rows, n_multiplets, 3)
    double[:, ::1] account,                # INOUT (n_trajectories, 3 × arms of its coordinate, summed over slots)
    double[:, :, ::1] energy,              # INOUT (n_trajectories, n_rows, n_multiplets)
    double[:, ::1] slot_work,              # INOUT (n_trajectories, n_slots)
    int[::1] status,                       # INOUT (n_trajectories,) trajectories with status ≠ 0 are left alone
    double[:, :, ::1] record_Q,            # OUT (n_trajectories, n_intervals, n_modes)
    double[:, :, ::1] record_P,            # OUT (n_trajectories, n_intervals, n_modes)
    double[:, ::1] work,                   # scratch: slots, 3 × arms, factors, 2 × modes
    const double[:, :, :, ::1] field,      # IN (n_trajectories, n_intervals * n_steps, n_kicks, 3)
    const double[:, :, ::1] flow_weight,   # IN (n_kicks + 1, n_modes, 4)
    const double[:, :, ::1] link_integral,  # IN (n_kicks + 1, n_links, 8)
    const double[::1] kick_weight,         # IN (n_kicks,)
    const double[:, ::1] noise,            # IN (n_modes, 3) increments of a drift of the coarsest run
    const double[:, :, ::1] bridge,        # IN (depth, n_modes, 11) from each increment to its halves
    const int[::1] trajectory,             # IN (n_trajectories,) numbers in the ensemble: the random stream of each
    unsigned long long seed,
    unsigned long long first_index,        # drifts of this run before this call
    bint bath,                             # all drifts are equally long
    const double[::1] omega_squared,       # IN (n_modes,)
    const int[::1] multiplet,              # IN (n_modes,)
    const double[::1] coefficient,         # IN (n_terms,)
    const int[::1] term_order,             # IN (n_terms,) number of mode factors
    const int[:, ::1] term_mode,           # IN (n_terms, n_factors), padded with −1
    const int[:, ::1] term_slot,           # IN (n_terms, n_factors), padded with −1
    const int[:, ::1] term_field,          # IN (n_terms, n_field_factors), padded with −1
    const int[::1] slot_row,               # IN (n_slots,)
    const int[::1] slot_mode,              # IN (n_slots,)
    const int[:, ::1] link_mode,           # IN (n_links, 2)
    const int[:, ::1] link_multiplet,      # IN (n_links, 2)
    const double[:, ::1] link_matrix,      # IN (n_links, 3)
    const int[:, ::1] link_arm,            # IN (n_links, 4)
    const int[::1] arm_start,              # IN (n_modes + 1,)
    const int[::1] arm_multiplet,          # IN (n_arms,)
    int harmonic_row,
    int damping_row,
    bint book,
    int n_threads,
):
    """Advance every trajectory over `record_Q.shape[1]` intervals of equal numbers of steps.

    Units are coherent (Å, amu, ps); the ledger is in amu Å²/ps, energies in amu Å²/ps². `status` becomes 1 where a
    number is not finite; the records from there on are NaN.
    """
    cdef lattice_system system
    cdef lattice_trajectory run = lattice_trajectory_levels[level]
    cdef int i
    cdef int n_trajectories = Q.shape[0]
    cdef int n_intervals = record_Q.shape[1]
    cdef int n_steps = 0
    if n_trajectories == 0 or n_intervals == 0 or Q.shape[1] == 0:
        return
    n_steps = field.shape[1] // n_intervals
    if n_steps == 0:
        raise ValueError("the field table is shorter than the number of intervals")
    system.n_modes = Q.shape[1]
    system.n_terms = coefficient.shape[0]
    system.n_factors = term_mode.shape[1]
    system.n_field_factors = term_field.shape[1]
    system.n_slots = slot_row.shape[0]
    system.n_links = link_mode.shape[0]
    system.n_arms = arm_multiplet.shape[0]
    system.n_multiplets = ledger.shape[2]
    system.n_kicks = kick_weight.shape[0]
    system.harmonic_row = harmonic_row
    system.damping_row = damping_row
    system.noise_row = damping_row + 1
    system.bath = bath
    system.depth = bridge.shape[0]
    system.seed = seed
    system.noise = &noise[0, 0]
    system.bridge = NULL
    if system.depth > 0:
        system.bridge = &bridge[0, 0, 0]
    system.omega_squared = &omega_squared[0]
    system.multiplet = &multiplet[0]
    system.flow = &flow_weight[0, 0, 0]
    system.kick_weight = &kick_weight[0]
    system.arm_start = &arm_start[0]
    system.coefficient = NULL
    system.term_order = system.term_mode = system.term_slot = system.term_field = NULL
    system.slot_row = system.slot_mode = NULL
    system.link_mode = system.link_multiplet = system.link_arm = system.arm_multiplet = NULL
    system.link_matrix = system.link_integral = NULL
    if system.n_terms > 0:
        system.coefficient = &coefficient[0]
        system.term_order = &term_order[0]
        system.term_mode = &term_mode[0, 0]
        system.term_slot = &term_slot[0, 0]
        system.slot_row = &slot_row[0]
        system.slot_mode = &slot_mode[0]
        if system.n_field_factors > 0:
            system.term_field = &term_field[0, 0]
    if system.n_links > 0:
        system.link_mode = &link_mode[0, 0]
        system.link_multiplet = &link_multiplet[0, 0]
        system.link_matrix = &link_matrix[0, 0]
        system.link_arm = &link_arm[0, 0]
        system.link_integral = &link_integral[0, 0, 0]
        system.arm_multiplet = &arm_multiplet[0]
    for i in prange(n_trajectories, nogil=True, num_threads=n_threads, schedule="static"):
        if status[i] == LATTICE_OK:
            status[i] = follow(
                run, &system, n_intervals, n_steps, book, trajectory[i], first_index, &field[i, 0, 0, 0],
                &Q[i, 0], &P[i, 0], &work[i, 0], &ledger[i, 0, 0, 0], &account[i, 0], &energy[i, 0, 0],
                &slot_work[i, 0], &record_Q[i, 0, 0], &record_P[i, 0, 0],
            )


def normals(unsigned long long seed, unsigned int trajectory, unsigned long long index, double[:, ::1] out):
    """Fill `out` (n_modes, 2) with the pair of normal numbers of each mode."""
    cdef int s
    for s in range(out.shape[0]):
        normal_pair(seed, trajectory, index, s, &out[s, 0], &out[s, 1])


def philox(const unsigned int[::1] counter, unsigned int k0, unsigned int k1, unsigned int[::1] out):
    """Write one block of Philox 4×32-10 to `out` (4,)."""
    cdef uint32_t c[4]
    cdef int i
    for i in range(4):
        c[i] = counter[i]
    philox_block(c, k0, k1)
    for i in range(4):
        out[i] = c[i]


def build_info():
    """Return the compiler and the OpenMP switch of this build."""
    return {"compiler": LATTICE_COMPILER.decode("ascii"), "openmp": bool(LATTICE_HAS_OPENMP)}
