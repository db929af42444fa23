/* Registers of doubles and of complex numbers, and the work space of one register of Hermitian matrices. */
#ifndef LATTICE_HERMITIAN_LANES_H
#define LATTICE_HERMITIAN_LANES_H

#ifndef LANES
#error "LANES: doubles in a vector register"
#endif
#ifndef LEVEL
#error "LEVEL: name of the instruction set"
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))

namespace {

typedef double real __attribute__((vector_size(8 * LANES)));
typedef long long mask __attribute__((vector_size(8 * LANES)));
struct complex_lanes {
    real re, im;
};

const int COLUMNS = LANES >= 8 ? 3 : 4; /* eigenvectors that are transformed together */
const int BESIDE = LANES >= 8 ? 3 : 2;  /* of them, what the registers hold */
const int ROWS = 4;    /* of the rotation matrix that are rotated together; it has a multiple of them */
/*
 * The more lanes, the more sweeps until the slowest has converged. With the eigenvalues known before, fewer sweeps
 * rotate the eigenvectors, which saves time with wide registers and nothing with narrow ones.
 */
const bool EIGENVALUES_FIRST = LANES >= 8;
const int MAX_SWEEPS = 60;                /* of one eigenvalue on the average; one or two are usual */
const double EPSILON = 1.1102230246251565e-16;
const double NEGLIGIBLE = 2.8e-17;        /* quarter of an epsilon: of a matrix of norm 1 */
const double UNDERFLOW_FLOOR = 1e-280;    /* squares below this are no longer accurate, and far below round-off */
const double TWO_PI = 6.283185307179586;

ALWAYS_INLINE long padded(int n) { return (n + ROWS - 1) / ROWS * ROWS; }

ALWAYS_INLINE real splat(double x) { return real{} + x; }

ALWAYS_INLINE real square_root(real x)
{
    real y;
    for (int lane = 0; lane < LANES; lane++)
        y[lane] = __builtin_sqrt(x[lane]);
    return y;
}

ALWAYS_INLINE real absolute(real x) { return (real)((mask)x & 0x7fffffffffffffffLL); }

/* |x| with the sign of y */
ALWAYS_INLINE real with_sign(real x, real y)
{
    const mask sign = mask{} + (long long)0x8000000000000000ULL;
    return (real)(((mask)x & ~sign) | ((mask)y & sign));
}

struct Workspace {
    complex_lanes *matrix;     /* (n, n): lower triangle; row c right of the diagonal: reflector c */
    complex_lanes *product;    /* (n,) */
    complex_lanes *tau;        /* (n,) */
    complex_lanes *column;     /* (n, COLUMNS) */
    real *rotation;            /* (padded(n), n): [component][column] of the eigenvectors of the tridiagonal matrix */
    real *diagonal;            /* (n,) */
    real *off;                 /* (n,) */
    real *first_diagonal, *first_off; /* (n,) copies of them */
    real *shift;               /* (n,) eigenvalues in the order in which they were found */
    real *sine, *cosine;       /* (n,) of one sweep */
    mask *rank;                /* (n,) place of each column in ascending order of the eigenvalues */
    complex_lanes *atom_phase;     /* (n_atoms,) exp(-2 pi i q.r) */
    complex_lanes *vector_phase;   /* (n_vectors,) exp(2 pi i q.R) */
    mask failed;
    real scale;                /* eigenvalues of the scaled matrix times this are those of the matrix */
};

ALWAYS_INLINE complex_lanes times(complex_lanes a, complex_lanes b)
{
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* a += x y, a += conj(x) y, a -= x y; each product is added on its own, so that all are multiply-adds. */
ALWAYS_INLINE void add_product(complex_lanes &a, complex_lanes x, complex_lanes y)
{
    a.re += x.re * y.re;
    a.im += x.re * y.im;
    a.re -= x.im * y.im;
    a.im += x.im * y.re;
}

ALWAYS_INLINE void add_conjugate_product(complex_lanes &a, complex_lanes x, complex_lanes y)
{
    a.re += x.re * y.re;
    a.im += x.re * y.im;
    a.re += x.im * y.im;
    a.im -= x.im * y.re;
}

ALWAYS_INLINE void subtract_product(complex_lanes &a, complex_lanes x, complex_lanes y)
{
    a.re -= x.re * y.re;
    a.im -= x.re * y.im;
    a.re += x.im * y.im;
    a.im -= x.im * y.re;
}

}  // namespace
#endif
