/* One trajectory by exponential Gauss collocation. One object of collocation_block.cpp for each instruction set. */
#ifndef LATTICE_COLLOCATION_BLOCK_H
#define LATTICE_COLLOCATION_BLOCK_H

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LATTICE_NODES = 8,     /* Gauss nodes of a window, and entries of a block of outputs */
    LATTICE_CHEBYSHEV = 12, /* coefficients of one component of the field in one panel */
    LATTICE_MOST_OUTPUTS = 32 /* recorded times in a window */
};

/* The first programs of a potential, see lattice_program. The others are those of the ledger's slots. */
enum { LATTICE_FORCE = 0, LATTICE_FORCE_LIT, LATTICE_DRIVE, LATTICE_DRIVE_LIT, LATTICE_FIRST_ROW };

/*
 * Gradient of a polynomial sum c X_a X_b in the nodes X = (modes, E_x, E_y, E_z, 1, products of two earlier nodes).
 *
 * A row is one node: first products in descending order, then modes. Its gradient is its sparse row of the symmetric
 * matrix of the c times X, plus for each product that it is a factor of the gradient of that product times the other
 * factor. Values are minus the coefficients: what arrives at a mode is a force.
 */
typedef struct {
    int lit;                /* whether it has field factors: skipped where there is no field */
    int n_rows, n_leaves;   /* the last n_leaves rows are the modes that it pushes */
    const int *row;         /* (n_rows,) node of each row */
    const int *start;       /* (n_rows + 1,) first entry of each row in column and value */
    const int *pull_start;  /* (n_rows + 1,) first entry of each row in pull */
} lattice_program;

typedef struct {
    int n_modes, n_nodes, n_dark;  /* nodes up to n_dark - 1 need no field */
    const int *left, *right;       /* (n_nodes,) factors of products */
    const int *pull;               /* (n_pulls, 2) product, other factor */
    const int *column;
    const double *value;
    const lattice_program *program;
    int n_programs;
    const int *kind;               /* (n_modes,) weights of each mode: equal frequency and damping share them */
    const int *multiplet;          /* (n_modes,) */
    int n_multiplets;
    const int *partner_start;      /* (n_modes + 1,) coordinates that M links to each */
    const int *partner;
    int n_links;
    const int *link;               /* (n_links, 2) */
    const double *gamma;           /* (n_modes,) */
    int n_panels;
    const double *edge;            /* (n_panels + 1,) ps */
    const double *field;           /* (n_panels, 3, LATTICE_CHEBYSHEV) MV/cm */
    const double *longest;         /* (n_panels,) ps: longest window that touches the panel */
} lattice_motion;

/* Weights of windows of one length; all arrays are aligned to 64 bytes, the last axis is the node or the output. */
typedef struct {
    double length;                 /* ps */
    long long units;               /* of the smallest window */
    int n_out, n_blocks;           /* recorded times in a window; blocks of 8 outputs: all Q, then all P */
    const double *flow;            /* (kinds, 4, 8): Q from q, Q from p, P from q, P from p at the nodes */
    const double *response;        /* (kinds, 8, 8): Q at the nodes from the force at node j */
    const double *rate;            /* (kinds, 8, 8): P at the nodes */
    const double *out_flow;        /* (kinds, n_blocks, 2, 8) */
    const double *out_response;    /* (kinds, n_blocks, 8, 8) */
} lattice_window;

typedef struct {
    int n_windows;
    const lattice_window *window;  /* longest first */
    const double *node;            /* (8,) in (0, 1) */
    const double *weight;          /* (8,) of the quadrature */
    const double *barycentric;     /* (8,) */
    const double *legendre;        /* (8, 8) [node][k]: coefficients of a function from its values */
    double begin;                  /* ps */
    long long total, interval;     /* units: of the stretch, and between recorded times */
    double tolerance;              /* of Q, relative to its multiplet */
    long long most;                /* windows */
    int book;
    int n_book;                    /* vectors in book */
} lattice_stretch;

enum { LATTICE_OK = 0, LATTICE_DIVERGED = 1, LATTICE_UNRESOLVED = 2 };

typedef struct {
    double *q, *p, *peak;          /* (n_modes,) in and out */
    double *account;               /* (n_book, 8) in and out, aligned: integrals at the nodes, times window lengths */
    double *record_q, *record_p;   /* (intervals, n_modes) */
    double *series;                /* (intervals, n_book) or NULL */
    double *work;                  /* lattice_collocation_work doubles, aligned to 64 bytes */
    double shortest;               /* ps, of the windows; out */
    long long windows, passes;     /* accepted, all; out */
} lattice_state;

typedef int (*lattice_collocation)(const lattice_motion *motion, const lattice_stretch *stretch, lattice_state *state);

#define LATTICE_DECLARE_COLLOCATION(LEVEL) \
    int lattice_collocation_##LEVEL(const lattice_motion *motion, const lattice_stretch *stretch, lattice_state *state);

LATTICE_DECLARE_COLLOCATION(plain)
LATTICE_DECLARE_COLLOCATION(v2)
LATTICE_DECLARE_COLLOCATION(v3)
LATTICE_DECLARE_COLLOCATION(v4)

#ifdef __cplusplus
}
#endif
#endif
