/* One trajectory by splitting, every sub-step booked. One object of trajectory_block.cpp for each instruction set. */
#ifndef LATTICE_TRAJECTORY_BLOCK_H
#define LATTICE_TRAJECTORY_BLOCK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { LATTICE_OK = 0, LATTICE_NOT_FINITE = 1 };

/* What all trajectories share; shapes as in trajectory.pyx. */
typedef struct {
    int n_modes, n_terms, n_factors, n_field_factors; /* columns of term_mode and term_slot, of term_field */
    int n_slots, n_links, n_arms, n_multiplets, n_kicks;
    int harmonic_row, damping_row, noise_row;
    int bath;
    int depth;            /* halvings of the step since the coarsest run */
    uint64_t seed;
    const double *noise;  /* (n_modes, 3) root: δQ = w0 x, δP = w1 x + w2 y */
    const double *bridge; /* (depth, n_modes, 11) flow F over the first half, mean G of its increment, spread C about it */
    const double *coefficient;
    const int *term_order, *term_mode, *term_slot, *term_field;
    const int *slot_row, *slot_mode;
    const int *link_mode, *link_multiplet, *link_arm;
    const double *link_matrix;
    const int *arm_start, *arm_multiplet;
    const double *omega_squared;
    const int *multiplet;
    const double *flow, *link_integral, *kick_weight;
} lattice_system;

/* One trajectory. */
typedef struct {
    uint32_t number;      /* of its random stream */
    uint64_t index;       /* drifts before this call */
    const double *field;  /* (n_intervals n_steps, n_kicks, 3) */
    double *Q, *P;        /* (n_modes,) in and out */
    double *work;         /* scratch: slots, 3 × arms, factors, 2 × modes */
    double *ledger;       /* (n_rows, n_multiplets, 3) */
    double *account;
    double *energy;       /* (n_rows, n_multiplets) */
    double *slot_work;
    double *record_Q, *record_P; /* (n_intervals, n_modes) */
} lattice_path;

/* Advance by n_intervals × n_steps steps; keep the state after every interval. */
typedef int (*lattice_trajectory)(const lattice_system *system, const lattice_path *path, int n_intervals, int n_steps,
                                  int book);

#define LATTICE_DECLARE_TRAJECTORY(LEVEL) \
    int lattice_trajectory_##LEVEL(const lattice_system *system, const lattice_path *path, int n_intervals, int n_steps, \
                                   int book);

LATTICE_DECLARE_TRAJECTORY(plain)
LATTICE_DECLARE_TRAJECTORY(v2)
LATTICE_DECLARE_TRAJECTORY(v3)
LATTICE_DECLARE_TRAJECTORY(v4)

#ifdef __cplusplus
}
#endif
#endif
