"""One step of a trajectory: drifts, kicks and random increments, and what each books on the ledger."""

from libc.stdint cimport uint32_t, uint64_t

from lattice._kernels.philox cimport normal_pair


cdef enum:
    NODE_BITS = 20  # of the random counter: node of the tree below a root


cdef struct System:
    int n_modes
    int n_terms
    int n_factors          # columns of term_mode and term_slot
    int n_field_factors    # columns of term_field
    int n_slots
    int n_links
    int n_arms
    int n_multiplets
    int n_kicks
    int harmonic_row
    int damping_row
    int noise_row
    bint bath
    int depth              # halvings of the step since the coarsest run
    uint64_t seed
    const double* noise    # (n_modes, 3) root: δQ = w0 x, δP = w1 x + w2 y
    const double* bridge   # (depth, n_modes, 11) flow F over the first half, mean G of its increment, spread C about it
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
    const double* omega_squared
    const int* multiplet
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


cdef inline void book_energy(
    const System* system, double sign, const double* Q, const double* P, double* row
) noexcept nogil:
    """Add sign × ½ (P² + ω² Q²) of every coordinate to its multiplet: before a sub-step and after, what it changed."""
    cdef int s
    for s in range(system.n_modes):
        row[system.multiplet[s]] += sign * (0.5 * (P[s] * P[s] + system.omega_squared[s] * Q[s] * Q[s]))


cdef inline void book_work(
    const System* system, const double* P, const double* slot, double* change, double* work
) noexcept nogil:
    """Book the work of every slot of a kick that ended at P: its change of momentum times the mean of P."""
    cdef int i, s
    for s in range(system.n_modes):
        change[s] = 0.0
    for i in range(system.n_slots):
        change[system.slot_mode[i]] += slot[i]
    for i in range(system.n_slots):
        s = system.slot_mode[i]
        work[i] += slot[i] * (P[s] - 0.5 * change[s])


cdef inline void shake(
    const System* system, uint32_t trajectory, uint64_t index, bint book,
    double* Q, double* P, double* change, double* ledger
) noexcept nogil:
    """Add the random increment of a drift; `index` counts the leaves of the trajectory from its start."""
    cdef int i, level, bit, s, t, axis, n = system.n_modes
    cdef double q, p, u, v, x, y, dl, half
    cdef double* dQ = change
    cdef double* dP = change + n
    cdef double* row = ledger + 3 * system.n_multiplets * system.noise_row
    cdef const double* w
    cdef uint64_t root = (index >> system.depth) << NODE_BITS
    cdef uint64_t node
    for s in range(n):
        dQ[s] = 0.0
        dP[s] = 0.0
        w = system.noise + 3 * s
        if w[2] == 0.0:
            continue
        normal_pair(system.seed, trajectory, root, s, &x, &y)
        q = w[0] * x
        p = w[1] * x + w[2] * y
        node = 1
        for level in range(system.depth):
            w = system.bridge + 11 * (<Py_ssize_t>n * level + s)
            normal_pair(system.seed, trajectory, root + node, s, &x, &y)
            u = w[4] * q + w[5] * p + w[8] * x
            v = w[6] * q + w[7] * p + w[9] * x + w[10] * y
            bit = (index >> (system.depth - 1 - level)) & 1
            if bit:
                q = q - (w[0] * u + w[1] * v)
                p = p - (w[2] * u + w[3] * v)
            else:
                q = u
                p = v
            node = 2 * node + bit
        dQ[s] = q
        dP[s] = p
    if book:
        for i in range(system.n_links):
            s = system.link_mode[2 * i]
            t = system.link_mode[2 * i + 1]
            dl = Q[s] * dP[t] + dQ[s] * (P[t] + dP[t]) - Q[t] * dP[s] - dQ[t] * (P[s] + dP[s])
            for axis in range(3):
                half = 0.5 * system.link_matrix[3 * i + axis]
                row[3 * system.link_multiplet[2 * i] + axis] += half * dl
                row[3 * system.link_multiplet[2 * i + 1] + axis] += half * dl
    for s in range(n):
        Q[s] += dQ[s]
        P[s] += dP[s]


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
