# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Trajectories of real normal coordinates under a table of polynomial terms, with the angular-momentum ledger.

The caller owns and allocates every array; nothing here allocates, converts units or looks at names. One step is a
composition of drifts (exact damped-harmonic flow, 2×2 per coordinate) and kicks (all terms of the table at fixed Q):
drift 0, kick 0, drift 1, …, kick n_kicks − 1, drift n_kicks. The parallel loop runs over trajectories only and each
trajectory is computed by one thread in a fixed order, so the bits do not depend on the number of threads.

Ledger. With l_st = Q_s P_t − Q_t P_s, the angular momentum of multiplet a is ½ Σ_{s∈a} Σ_t M_st l_st. Each linked pair
(s, t), M_st ≠ 0, adds ½ M_st Δl_st to the multiplet of s and the same to the multiplet of t for every sub-step.
"""

from cython.parallel cimport prange
from libc.math cimport NAN, isfinite

cdef extern from *:
    """
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
    const int LATTICE_HAS_OPENMP
    const char* LATTICE_COMPILER


cdef enum:
    OK = 0
    NOT_FINITE = 1


cdef struct System:
    int n_modes
    int n_terms
    int n_factors          # columns of term_mode and term_slot
    int n_field_factors    # columns of term_field
    int n_slots
    int n_links
    int n_arms
    int n_accounts         # numbers in the accounts of all slots
    int n_multiplets
    int n_kicks
    int harmonic_row
    int damping_row
    const double* coefficient
    const int* term_order
    const int* term_mode
    const int* term_slot
    const int* term_field
    const int* slot_row
    const int* slot_mode
    const int* link_mode
    const int* link_multiplet
    const double* link_matrix
    const int* link_arm
    const int* arm_start
    const int* arm_multiplet
    const double* flow
    const double* link_integral
    const double* kick_weight


cdef inline void drift(const System* system, int k, double* Q, double* P) noexcept nogil:
    """Exact flow of Q̈ + Γ Q̇ + ω² Q = 0 over sub-step k."""
    cdef int s
    cdef double q, p
    cdef const double* m = system.flow + <Py_ssize_t>4 * system.n_modes * k
    for s in range(system.n_modes):
        q = Q[s]
        p = P[s]
        Q[s] = m[4 * s] * q + m[4 * s + 1] * p
        P[s] = m[4 * s + 2] * q + m[4 * s + 3] * p


cdef inline void book_drift(
    const System* system, int k, const double* Q, const double* P, double* ledger
) noexcept nogil:
    """Book restoring and damping torques of sub-step k: bilinear forms of the state before the drift."""
    cdef int i, axis, s, t, a, b
    cdef double qq, qp, pq, pp, harmonic, damping, half
    cdef int width = 3 * system.n_multiplets
    cdef double* harmonic_row = ledger + system.harmonic_row * width
    cdef double* damping_row = ledger + system.damping_row * width
    cdef const double* w = system.link_integral + <Py_ssize_t>8 * system.n_links * k
    for i in range(system.n_links):
        s = system.link_mode[2 * i]
        t = system.link_mode[2 * i + 1]
        a = 3 * system.link_multiplet[2 * i]
        b = 3 * system.link_multiplet[2 * i + 1]
        qq = Q[s] * Q[t]
        qp = Q[s] * P[t]
        pq = P[s] * Q[t]
        pp = P[s] * P[t]
        harmonic = w[8 * i] * qq + w[8 * i + 1] * qp + w[8 * i + 2] * pq + w[8 * i + 3] * pp
        damping = w[8 * i + 4] * qq + w[8 * i + 5] * qp + w[8 * i + 6] * pq + w[8 * i + 7] * pp
        for axis in range(3):
            half = 0.5 * system.link_matrix[3 * i + axis]
            harmonic_row[a + axis] += half * harmonic
            harmonic_row[b + axis] += half * harmonic
            damping_row[a + axis] += half * damping
            damping_row[b + axis] += half * damping


cdef inline void kick(
    const System* system, double weight, const double* E, const double* Q, double* P, double* slot, double* prefix
) noexcept nogil:
    """Add weight × force of every term to P; `slot` keeps the change per (ledger row, coordinate)."""
    cdef int i, t, b, m, axis
    cdef double c, suffix
    cdef const int* mode
    cdef const int* place
    for i in range(system.n_slots):
        slot[i] = 0.0
    for t in range(system.n_terms):
        c = -weight * system.coefficient[t]
        for b in range(system.n_field_factors):
            axis = system.term_field[t * system.n_field_factors + b]
            if axis < 0:
                break
            c = c * E[axis]
        if c == 0.0:
            continue
        mode = system.term_mode + t * system.n_factors
        place = system.term_slot + t * system.n_factors
        m = system.term_order[t]
        prefix[0] = c
        for b in range(m - 1):
            prefix[b + 1] = prefix[b] * Q[mode[b]]
        suffix = 1.0
        for b in range(m - 1, -1, -1):
            slot[place[b]] += prefix[b] * suffix
            suffix = suffix * Q[mode[b]]
    for i in range(system.n_slots):
        P[system.slot_mode[i]] += slot[i]


cdef inline void book_kick(
    const System* system, const double* Q, const double* slot, double* arm, double* account
) noexcept nogil:
    """Book the change of every multiplet's angular momentum by a kick, on the accounts of its slots.

    The arms of a coordinate and the account of a slot have the same layout (linked multiplet, axis), without gaps.
    """
    cdef int i, j, axis, s, t, width
    cdef double half, change
    cdef const double* lever
    cdef const int* where
    for i in range(3 * system.n_arms):
        arm[i] = 0.0
    for i in range(system.n_links):
        s = system.link_mode[2 * i]
        t = system.link_mode[2 * i + 1]
        where = system.link_arm + 4 * i
        for axis in range(3):
            half = 0.5 * system.link_matrix[3 * i + axis]
            arm[3 * where[0] + axis] -= half * Q[t]
            arm[3 * where[1] + axis] -= half * Q[t]
            arm[3 * where[2] + axis] += half * Q[s]
            arm[3 * where[3] + axis] += half * Q[s]
    for i in range(system.n_slots):
        change = slot[i]
        s = system.slot_mode[i]
        lever = arm + 3 * system.arm_start[s]
        width = 3 * (system.arm_start[s + 1] - system.arm_start[s])
        for j in range(width):
            account[j] += change * lever[j]
        account += width


cdef inline void settle(const System* system, const double* account, double* ledger) noexcept nogil:
    """Add the accounts of the slots to the ledger."""
    cdef int i, e, axis, s
    cdef double* row
    for i in range(system.n_slots):
        s = system.slot_mode[i]
        row = ledger + 3 * system.n_multiplets * system.slot_row[i]
        for e in range(system.arm_start[s], system.arm_start[s + 1]):
            for axis in range(3):
                row[3 * system.arm_multiplet[e] + axis] += account[axis]
            account += 3


cdef inline bint is_finite(const double* Q, const double* P, int n) noexcept nogil:
    cdef int s
    for s in range(n):
        if not (isfinite(Q[s]) and isfinite(P[s])):
            return False
    return True


cdef int run(
    const System* system, int n_intervals, int n_steps, bint book, const double* field,
    double* Q, double* P, double* work, double* ledger, double* record_Q, double* record_P
) noexcept nogil:
    """Advance one trajectory by n_intervals × n_steps steps; keep the state after every interval."""
    cdef int interval, _step, k, s
    cdef int n = system.n_modes, n_kicks = system.n_kicks
    cdef const double* E = field
    cdef double* slot = work
    cdef double* arm = slot + system.n_slots
    cdef double* prefix = arm + 3 * system.n_arms
    cdef double* account = prefix + system.n_factors
    for k in range(system.n_accounts):
        account[k] = 0.0
    for interval in range(n_intervals):
        for _step in range(n_steps):
            for k in range(n_kicks):
                if book:
                    book_drift(system, k, Q, P, ledger)
                drift(system, k, Q, P)
                kick(system, system.kick_weight[k], E, Q, P, slot, prefix)
                if book:
                    book_kick(system, Q, slot, arm, account)
                E = E + 3
            if book:
                book_drift(system, n_kicks, Q, P, ledger)
            drift(system, n_kicks, Q, P)
            if not is_finite(Q, P, n):
                for k in range(interval * n, n_intervals * n):
                    record_Q[k] = NAN
                    record_P[k] = NAN
                return NOT_FINITE
        for s in range(n):
            record_Q[interval * n + s] = Q[s]
            record_P[interval * n + s] = P[s]
    settle(system, account, ledger)
    return OK


def advance(
    double[:, ::1] Q,                      # INOUT (n_trajectories, n_modes)
    double[:, ::1] P,                      # INOUT (n_trajectories, n_modes)
    double[:, :, :, ::1] ledger,           # INOUT (n_trajectories, n_rows, n_multiplets, 3)
    int[::1] status,                       # INOUT (n_trajectories,) trajectories with status ≠ 0 are left alone
    double[:, :, ::1] record_Q,            # OUT (n_trajectories, n_intervals, n_modes)
    double[:, :, ::1] record_P,            # OUT (n_trajectories, n_intervals, n_modes)
    double[:, ::1] work,                   # scratch (n_trajectories, n_slots + 3 n_arms + n_factors + n_accounts)
    const double[:, :, :, ::1] field,      # IN (n_trajectories, n_intervals * n_steps, n_kicks, 3)
    const double[:, :, ::1] flow,          # IN (n_kicks + 1, n_modes, 4)
    const double[:, :, ::1] link_integral,  # IN (n_kicks + 1, n_links, 8)
    const double[::1] kick_weight,         # IN (n_kicks,)
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
    int n_accounts,                        # 3 × number of arms of its coordinate, summed over slots
    int harmonic_row,
    int damping_row,
    bint book,
    int n_threads,
):
    """Advance every trajectory over `record_Q.shape[1]` intervals of equal numbers of steps.

    Units are coherent (Å, amu, ps); the ledger is in amu Å²/ps. `status` becomes 1 where a number is not finite; the
    records from there on are NaN.
    """
    cdef System system
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
    system.n_accounts = n_accounts
    system.n_multiplets = ledger.shape[2]
    system.n_kicks = kick_weight.shape[0]
    system.harmonic_row = harmonic_row
    system.damping_row = damping_row
    system.flow = &flow[0, 0, 0]
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
        if status[i] == OK:
            status[i] = run(
                &system, n_intervals, n_steps, book, &field[i, 0, 0, 0],
                &Q[i, 0], &P[i, 0], &work[i, 0], &ledger[i, 0, 0, 0], &record_Q[i, 0, 0], &record_P[i, 0, 0],
            )


def build_info():
    """Return the compiler and the OpenMP switch of this build."""
    return {"compiler": LATTICE_COMPILER.decode("ascii"), "openmp": bool(LATTICE_HAS_OPENMP)}
