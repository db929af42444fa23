/*
 * One trajectory by splitting: drifts, kicks and random increments, and what each books on the ledgers.
 *
 * Everything but the function at the end is local to this object: objects for several instruction sets are linked
 * together and must not share inline functions.
 */
#include <math.h>
#include <stddef.h>

#include "philox.h"
#include "trajectory_block.h"

#ifndef LEVEL
#error "LEVEL: name of the instruction set"
#endif

namespace {

typedef lattice_system System;

const int NODE_BITS = 20; /* of the random counter: node of the tree below a root */

/* Exact flow of Q̈ + Γ Q̇ + ω² Q = 0 over sub-step k. */
void drift(const System &system, int k, double *Q, double *P)
{
    const double *m = system.flow + (ptrdiff_t)4 * system.n_modes * k;
    for (int s = 0; s < system.n_modes; s++) {
        const double q = Q[s], p = P[s];
        Q[s] = m[4 * s] * q + m[4 * s + 1] * p;
        P[s] = m[4 * s + 2] * q + m[4 * s + 3] * p;
    }
}

/* Book restoring and damping torques of sub-step k: bilinear forms of the state before the drift. */
void book_drift(const System &system, int k, const double *Q, const double *P, double *ledger)
{
    const int width = 3 * system.n_multiplets;
    double *harmonic_row = ledger + system.harmonic_row * width, *damping_row = ledger + system.damping_row * width;
    const double *w = system.link_integral + (ptrdiff_t)8 * system.n_links * k;
    for (int i = 0; i < system.n_links; i++, w += 8) {
        const int s = system.link_mode[2 * i], t = system.link_mode[2 * i + 1];
        const int a = 3 * system.link_multiplet[2 * i], b = 3 * system.link_multiplet[2 * i + 1];
        const double qq = Q[s] * Q[t], qp = Q[s] * P[t], pq = P[s] * Q[t], pp = P[s] * P[t];
        const double harmonic = w[0] * qq + w[1] * qp + w[2] * pq + w[3] * pp;
        const double damping = w[4] * qq + w[5] * qp + w[6] * pq + w[7] * pp;
        for (int axis = 0; axis < 3; axis++) {
            const double half = 0.5 * system.link_matrix[3 * i + axis];
            harmonic_row[a + axis] += half * harmonic;
            harmonic_row[b + axis] += half * harmonic;
            damping_row[a + axis] += half * damping;
            damping_row[b + axis] += half * damping;
        }
    }
}

/* Add sign × ½ (P² + ω² Q²) of every coordinate to its multiplet: before a sub-step and after, what it changed. */
void book_energy(const System &system, double sign, const double *Q, const double *P, double *row)
{
    for (int s = 0; s < system.n_modes; s++)
        row[system.multiplet[s]] += sign * (0.5 * (P[s] * P[s] + system.omega_squared[s] * Q[s] * Q[s]));
}

/* Book the work of every slot of a kick that ended at P: its change of momentum times the mean of P. */
void book_work(const System &system, const double *P, const double *slot, double *change, double *work)
{
    for (int s = 0; s < system.n_modes; s++)
        change[s] = 0.0;
    for (int i = 0; i < system.n_slots; i++)
        change[system.slot_mode[i]] += slot[i];
    for (int i = 0; i < system.n_slots; i++) {
        const int s = system.slot_mode[i];
        work[i] += slot[i] * (P[s] - 0.5 * change[s]);
    }
}

/* Random increment of coordinate s for drift `index`, counted from the start of the trajectory. */
void increment(const System &system, uint32_t trajectory, uint64_t index, int s, double *dQ, double *dP)
{
    const uint64_t root = (index >> system.depth) << NODE_BITS;
    const double *w = system.noise + 3 * s;
    double x, y;
    *dQ = *dP = 0.0;
    if (w[2] == 0.0)
        return;
    lattice_normal_pair(system.seed, trajectory, root, s, &x, &y);
    double q = w[0] * x, p = w[1] * x + w[2] * y;
    uint64_t node = 1;
    for (int level = 0; level < system.depth; level++) {
        w = system.bridge + 11 * ((ptrdiff_t)system.n_modes * level + s);
        lattice_normal_pair(system.seed, trajectory, root + node, s, &x, &y);
        const double u = w[4] * q + w[5] * p + w[8] * x, v = w[6] * q + w[7] * p + w[9] * x + w[10] * y;
        const int bit = (index >> (system.depth - 1 - level)) & 1;
        q = bit ? q - (w[0] * u + w[1] * v) : u;
        p = bit ? p - (w[2] * u + w[3] * v) : v;
        node = 2 * node + bit;
    }
    *dQ = q;
    *dP = p;
}

/* Add the random increment of a drift; `change` is scratch of 2 × modes. */
void shake(const System &system, const lattice_path &path, uint64_t index, bool book, double *change)
{
    const int n = system.n_modes;
    double *Q = path.Q, *P = path.P, *dQ = change, *dP = change + n;
    double *row = path.ledger + 3 * system.n_multiplets * system.noise_row;
    for (int s = 0; s < n; s++)
        increment(system, path.number, index, s, dQ + s, dP + s);
    for (int i = 0; book && i < system.n_links; i++) {
        const int s = system.link_mode[2 * i], t = system.link_mode[2 * i + 1];
        const double dl = Q[s] * dP[t] + dQ[s] * (P[t] + dP[t]) - Q[t] * dP[s] - dQ[t] * (P[s] + dP[s]);
        for (int axis = 0; axis < 3; axis++) {
            const double half = 0.5 * system.link_matrix[3 * i + axis];
            row[3 * system.link_multiplet[2 * i] + axis] += half * dl;
            row[3 * system.link_multiplet[2 * i + 1] + axis] += half * dl;
        }
    }
    for (int s = 0; s < n; s++) {
        Q[s] += dQ[s];
        P[s] += dP[s];
    }
}

/* Add weight × force of every term to P; `slot` keeps the change per (ledger row, coordinate). */
void kick(const System &system, double weight, const double *E, const double *Q, double *P, double *slot, double *prefix)
{
    for (int i = 0; i < system.n_slots; i++)
        slot[i] = 0.0;
    for (int t = 0; t < system.n_terms; t++) {
        double c = -weight * system.coefficient[t];
        for (int b = 0; b < system.n_field_factors; b++) {
            const int axis = system.term_field[t * system.n_field_factors + b];
            if (axis < 0)
                break;
            c *= E[axis];
        }
        if (c == 0.0)
            continue;
        const int *mode = system.term_mode + t * system.n_factors, *place = system.term_slot + t * system.n_factors;
        const int m = system.term_order[t];
        prefix[0] = c;
        for (int b = 0; b < m - 1; b++)
            prefix[b + 1] = prefix[b] * Q[mode[b]];
        double suffix = 1.0;
        for (int b = m - 1; b >= 0; b--) {
            slot[place[b]] += prefix[b] * suffix;
            suffix *= Q[mode[b]];
        }
    }
    for (int i = 0; i < system.n_slots; i++)
        P[system.slot_mode[i]] += slot[i];
}

/*
 * Book the change of every multiplet's angular momentum by a kick, on the accounts of its slots.
 *
 * The arms of a coordinate and the account of a slot have the same layout (linked multiplet, axis), without gaps.
 */
void book_kick(const System &system, const double *Q, const double *slot, double *arm, double *account)
{
    for (int i = 0; i < 3 * system.n_arms; i++)
        arm[i] = 0.0;
    for (int i = 0; i < system.n_links; i++) {
        const int s = system.link_mode[2 * i], t = system.link_mode[2 * i + 1];
        const int *where = system.link_arm + 4 * i;
        for (int axis = 0; axis < 3; axis++) {
            const double half = 0.5 * system.link_matrix[3 * i + axis];
            arm[3 * where[0] + axis] -= half * Q[t];
            arm[3 * where[1] + axis] -= half * Q[t];
            arm[3 * where[2] + axis] += half * Q[s];
            arm[3 * where[3] + axis] += half * Q[s];
        }
    }
    for (int i = 0; i < system.n_slots; i++) {
        const int s = system.slot_mode[i], width = 3 * (system.arm_start[s + 1] - system.arm_start[s]);
        const double *lever = arm + 3 * system.arm_start[s];
        for (int j = 0; j < width; j++)
            account[j] += slot[i] * lever[j];
        account += width;
    }
}

/* Drift k with, in a bath, its random increment; both booked. */
void flow(const System &system, const lattice_path &path, int k, uint64_t index, bool book, double *change)
{
    double *damping = path.energy + system.damping_row * system.n_multiplets;
    double *noise = path.energy + system.noise_row * system.n_multiplets;
    if (book) {
        book_drift(system, k, path.Q, path.P, path.ledger);
        book_energy(system, -1.0, path.Q, path.P, damping);
    }
    drift(system, k, path.Q, path.P);
    if (book)
        book_energy(system, 1.0, path.Q, path.P, damping);
    if (!system.bath)
        return;
    if (book)
        book_energy(system, -1.0, path.Q, path.P, noise);
    shake(system, path, index, book, change);
    if (book)
        book_energy(system, 1.0, path.Q, path.P, noise);
}

bool is_finite(const double *Q, const double *P, int n)
{
    for (int s = 0; s < n; s++)
        if (!(isfinite(Q[s]) && isfinite(P[s])))
            return false;
    return true;
}

}  // namespace

#define JOIN(a, b) a##b
#define NAME(prefix, level) JOIN(prefix, level)

extern "C" int NAME(lattice_trajectory_, LEVEL)(const lattice_system *whole, const lattice_path *one, int n_intervals,
                                                int n_steps, int book)
{
    const System &system = *whole;
    const lattice_path &path = *one;
    const int n = system.n_modes;
    const double *E = path.field;
    double *slot = path.work, *arm = slot + system.n_slots, *prefix = arm + 3 * system.n_arms;
    double *change = prefix + system.n_factors;
    uint64_t index = path.index;
    for (int interval = 0; interval < n_intervals; interval++) {
        for (int step = 0; step < n_steps; step++) {
            for (int k = 0; k < system.n_kicks; k++, E += 3) {
                flow(system, path, k, index++, book, change);
                kick(system, system.kick_weight[k], E, path.Q, path.P, slot, prefix);
                if (book) {
                    book_kick(system, path.Q, slot, arm, path.account);
                    book_work(system, path.P, slot, change, path.slot_work);
                }
            }
            flow(system, path, system.n_kicks, index++, book, change);
            if (!is_finite(path.Q, path.P, n)) {
                for (ptrdiff_t i = (ptrdiff_t)interval * n; i < (ptrdiff_t)n_intervals * n; i++)
                    path.record_Q[i] = path.record_P[i] = NAN;
                return LATTICE_NOT_FINITE;
            }
        }
        for (int s = 0; s < n; s++) {
            path.record_Q[(ptrdiff_t)interval * n + s] = path.Q[s];
            path.record_P[(ptrdiff_t)interval * n + s] = path.P[s];
        }
    }
    return LATTICE_OK;
}
