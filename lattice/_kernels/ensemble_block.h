/* Many trajectories of one potential, one in each SIMD lane. One object of ensemble_block.cpp for each instruction set. */
#ifndef LATTICE_ENSEMBLE_BLOCK_H
#define LATTICE_ENSEMBLE_BLOCK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Arrays of a trajectory's own numbers are [item][trajectory], `stride` doubles between items; it is a multiple of the
 * block. Arrays marked (own) have one number for each item where `own` is 0, and are [item][trajectory] where it is 1.
 */

/* One step length: a composition of exact drifts and kicks, or of half kicks around a drift with its random increment. */
typedef struct {
    double step;             /* ps */
    int n_kicks;
    const double *kick;      /* (n_kicks,) ps */
    const double *kick_time; /* (n_kicks,) ps after the beginning of the step */
    const double *flow;      /* (own) (n_kicks + 1, n, 4), in a bath (1, n, 4) */
    const double *integral;  /* (own) (n_kicks + 1, n_links, 8) torque integrals of the drifts, in a bath (1, …) */
    const double *loss;      /* (own) (n_kicks + 1, n, 3) energy by damping in the drifts, of Q Q, Q P, P P; in a bath (1, …) */
    const double *noise;     /* (own) (n, 3): increment of (Q, P) over `noise_step` at unit thermal energy */
    const double *half_flow; /* (own) (n, 4): flow over half the step, where one step holds two random increments */
} lattice_step;

/* A field with one shape for all trajectories; parameters are [parameter][trajectory], see pulse_table.py. */
typedef struct {
    int shape; /* 0 gaussian, 1 sech2, 2 flat_top, 3 few_cycle, 4 sampled, 5 gaussian whose frame does not turn */
    const double *parameter;
    int n_pieces;          /* of a sampled field: quintic pieces between n_pieces + 1 knots */
    const double *knot;
    const double *piece;   /* (n_pieces, 6, 2), highest power first */
} lattice_light;

typedef struct {
    /* the potential */
    int n;
    int n_products, n_dark_products; /* X[n + 4 + p] = X[i] X[j]; X = Q, E_x, E_y, E_z, 1, products */
    const int *product;
    int n_sections;
    const int *section;   /* (n_sections, 10): from, to of its rows, inner, modes, near; ledger row; needs light */
    const int *inner;     /* products that are factors of products of the section */
    const int *mode;      /* coordinates that the section pushes; the first rows of the section are theirs */
    int n_pushes;         /* entries of `mode` of all sections */
    const int *near;      /* linked pairs with one of them */
    const int *row;       /* (n_rows, 4): target, entry from, to, is inner */
    const int *column;
    const double *value;  /* (own) */
    int pattern;          /* 0: the table; 1: E_u and E_g pair of D3d, coefficients and light in pattern_value */
    const double *pattern_value;
    /* the trajectories */
    long stride;
    int own, bath, check, book, book_energy;
    const double *omega_squared;  /* (own) (n) */
    const double *Q0, *P0;        /* (n) */
    const double *sigma;          /* (1) root of the thermal energy */
    const uint64_t *number;       /* (1) of the random stream */
    uint64_t seed;
    int n_lights;
    const lattice_light *light;
    lattice_step fine, coarse;
    /* observation: n_intervals of `interval` ps with `steps` fine steps each */
    double interval;
    int n_intervals, steps, first; /* quantities are taken at times first, first + 1, …, n_intervals */
    int n_links, n_rows;
    const int *link;               /* (n_links, 2) */
    int harmonic_row, damping_row, noise_row;
    int n_forms;
    const int *form_start, *form_link;
    const double *form_weight;
    int n_lines;
    const double *line;            /* (n_intervals + 1, n_lines, 2) window × (cos, −sin) */
    int n_signals, n_times;
    const double *signal_weight;   /* (n_signals, n) */
    const int *signal_interval;    /* (n_times,) ascending */
    int n_books;
    const int *book_interval;      /* (n_books,) ascending: when the ledgers are kept, beside the end */
    int want_peak, want_squares;   /* whether Q_peak, and Q_square and P_square, are gathered */
    /* results, [item][trajectory] */
    double *Q_end, *P_end, *Q_peak, *Q_square, *P_square; /* (n); sums of squares */
    double *form_peak, *form_sum;                         /* (n_forms) */
    double *line_sum;                                     /* (n_lines, 2, n) */
    double *signal;                                       /* (n_times, n_signals) */
    double *ledger, *energy;                              /* (n_rows, n_links), (n_rows, n) */
    double *ledger_series, *energy_series;                /* (n_books, …) the same at earlier times */
    double *change;                                       /* (n) with check: largest |Q − Q of steps twice as long| */
    double *scale;                                        /* (n) with check: largest |Q| of the whole run */
    double *alive;                                        /* (2) pairs of intervals with finite Q, P: fine, coarse */
} lattice_ensemble;

#define LATTICE_LIGHT_PARAMETERS 17

#define LATTICE_DECLARE_ENSEMBLE(LEVEL) \
    void lattice_ensemble_##LEVEL(const lattice_ensemble *job, long first, double *work); \
    int lattice_ensemble_lanes_##LEVEL(void); \
    long lattice_ensemble_work_##LEVEL(const lattice_ensemble *job);

LATTICE_DECLARE_ENSEMBLE(plain)
LATTICE_DECLARE_ENSEMBLE(v2)
LATTICE_DECLARE_ENSEMBLE(v3)
LATTICE_DECLARE_ENSEMBLE(v4)

#ifdef __cplusplus
}
#endif
#endif
