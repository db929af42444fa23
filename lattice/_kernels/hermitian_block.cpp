/*
 * Batched Hermitian eigenproblem of lattice dynamics, q-points in the SIMD lanes.
 *
 * Dynamical matrix from short-range force constants, Householder reduction to a real tridiagonal matrix, implicit QL
 * with the rotations gathered in a real matrix, reflectors applied to it, phases of the atoms, angular momentum.
 * Every lane is scaled by a power of two to norm 1, so neither the squares of the rotations nor those of the
 * reflectors overflow, and what underflows is far below round-off. A lane's result depends on its own matrix alone,
 * not on its neighbours nor on the thread. Everything but the three functions at the end is local to this object:
 * objects for several instruction sets are linked together and must not share inline functions.
 *
 * The algorithm: G. H. Golub and C. F. Van Loan, Matrix Computations, 4th ed., sections 8.3.1 and 8.3.5, with the
 * complex reflectors of LAPACK's zlarfg and the deflation of EISPACK's imtql2.
 */
#include <math.h>
#include <stddef.h>

#include "hermitian_block.h"
#ifdef __AVX512F__
#include <immintrin.h>
#endif

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

const int COLUMNS = 4; /* eigenvectors that are transformed together */
const int ROWS = 4;    /* of the rotation matrix that are rotated together; it has a multiple of them */
/*
 * The more lanes, the more sweeps until the slowest has converged: about 3.2 for each eigenvalue with 16 lanes side by
 * side. With the eigenvalues known before, 1.9 rotate the eigenvectors, which saves a tenth of the time with wide
 * registers and nothing with narrow ones.
 */
const bool EIGENVALUES_FIRST = LANES >= 8;
const int MAX_SWEEPS = 60;                /* of one eigenvalue; two or three are usual */
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

/* (cos, sin) of 2 pi x, reduced to one turn first */
ALWAYS_INLINE complex_lanes turn(real x)
{
    complex_lanes y;
    for (int lane = 0; lane < LANES; lane++) {
        const double angle = TWO_PI * (x[lane] - __builtin_rint(x[lane]));
        y.re[lane] = cos(angle);
        y.im[lane] = sin(angle);
    }
    return y;
}

ALWAYS_INLINE complex_lanes times(complex_lanes a, complex_lanes b)
{
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* exp(2 pi i k x) for one small integer k by repeated multiplication with `base` = exp(2 pi i x) */
ALWAYS_INLINE complex_lanes power(complex_lanes base, int k)
{
    complex_lanes y = {splat(1.0), real{}};
    for (int i = 0; i < (k < 0 ? -k : k); i++)
        y = times(y, base);
    if (k < 0)
        y.im = -y.im;
    return y;
}

void set_phases(const lattice_bonds *bonds, const real q[3], Workspace &w)
{
    complex_lanes base[3];
    for (int axis = 0; axis < 3; axis++)
        base[axis] = turn(q[axis]);
    for (int r = 0; r < bonds->n_vectors; r++) {
        const int *k = bonds->vector + 3 * r;
        w.vector_phase[r] = times(times(power(base[0], k[0]), power(base[1], k[1])), power(base[2], k[2]));
    }
    for (int i = 0; i < bonds->n_atoms; i++) {
        const double *x = bonds->position + 3 * i;
        w.atom_phase[i] = turn(-(q[0] * x[0] + q[1] * x[1] + q[2] * x[2]));
    }
}

/* Lower triangle of D(q) from the force constants. */
void build_matrix(const lattice_bonds *bonds, int n, Workspace &w)
{
    int pair = 0;
    for (int i = 0; i < bonds->n_atoms; i++)
        for (int j = 0; j <= i; j++, pair++) {
            complex_lanes sum[9];
            for (int a = 0; a < 9; a++)
                sum[a] = {real{}, real{}};
            for (int e = bonds->pair_start[pair]; e < bonds->pair_start[pair + 1]; e++) {
                const complex_lanes phase = w.vector_phase[bonds->entry_vector[e]];
                const double *block = bonds->entry + 9 * (long)e;
                for (int a = 0; a < 9; a++) {
                    sum[a].re += block[a] * phase.re;
                    sum[a].im += block[a] * phase.im;
                }
            }
            for (int a = 0; a < 3; a++)
                for (int b = 0; b < 3; b++)
                    if (i > j || b <= a)
                        w.matrix[(3 * i + a) * n + 3 * j + b] = sum[3 * a + b];
        }
}

void load_matrix(int n, int count, const double *matrices, complex_lanes *matrix)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++)
            for (int lane = 0; lane < LANES; lane++) {
                const double *entry = matrices + 2 * (((long)(lane < count ? lane : 0) * n + i) * n + j);
                matrix[i * n + j].re[lane] = entry[0];
                matrix[i * n + j].im[lane] = entry[1];
            }
}

/* Divide every lane by a power of two of the size of its largest element, so that nothing is rounded. */
void scale_matrix(int n, Workspace &w)
{
    real largest = real{};
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            const real re = absolute(w.matrix[i * n + j].re), im = absolute(w.matrix[i * n + j].im);
            largest = re > largest ? re : largest;
            largest = im > largest ? im : largest;
        }
    real factor;
    for (int lane = 0; lane < LANES; lane++) {
        int exponent = 0;
        if (largest[lane] > 0.0)
            frexp(largest[lane], &exponent);
        exponent = exponent < -1000 ? -1000 : exponent > 1000 ? 1000 : exponent;
        factor[lane] = ldexp(1.0, -exponent);
        w.scale[lane] = ldexp(1.0, exponent);
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            w.matrix[i * n + j].re *= factor;
            w.matrix[i * n + j].im *= factor;
        }
        w.matrix[i * n + i].re *= factor;
        w.matrix[i * n + i].im = real{};
    }
}

/*
 * Householder vector of column c below the diagonal: H = 1 - tau v v', v[c+1] = 1, kept in row c of the matrix.
 * H' takes the column to (beta, 0, ..., 0), beta real, which goes to off[c].
 */
ALWAYS_INLINE void make_reflector(int n, int c, Workspace &w)
{
    const real zero = real{}, one = splat(1.0);
    complex_lanes *A = w.matrix, *v = w.matrix + (long)c * n;
    real rest = zero;
    for (int i = c + 2; i < n; i++)
        rest += A[i * n + c].re * A[i * n + c].re + A[i * n + c].im * A[i * n + c].im;
    const real ar = A[(c + 1) * n + c].re, ai = A[(c + 1) * n + c].im;
    const mask trivial = rest + ai * ai < UNDERFLOW_FLOOR;
    const real norm = square_root(ar * ar + ai * ai + rest);
    const real beta = trivial ? ar : -with_sign(norm, ar);
    const real divisor = trivial ? one : beta;
    w.off[c] = beta;
    w.tau[c].re = trivial ? zero : (divisor - ar) / divisor;
    w.tau[c].im = trivial ? zero : -ai / divisor;
    const real dr = ar - divisor;
    const real size = trivial ? one : dr * dr + ai * ai;
    const real sr = trivial ? zero : dr / size, si = trivial ? zero : -ai / size;
    v[c + 1] = {one, zero};
    for (int i = c + 2; i < n; i++)
        v[i] = times(A[i * n + c], {sr, si});
}

/* Reduce the matrix to tridiagonal form Q T Q'; the reflectors of Q stay in the upper triangle. */
void reduce_to_tridiagonal(int n, Workspace &w)
{
    complex_lanes *A = w.matrix, *x = w.product;
    for (int c = 0; c < n - 1; c++) {
        make_reflector(n, c, w);
        const complex_lanes *v = A + (long)c * n;
        const complex_lanes tau = w.tau[c];
        for (int i = c + 1; i < n; i++) {
            const complex_lanes *row = A + (long)i * n;
            const real vr = v[i].re, vi = v[i].im;
            real pr = row[i].re * vr, pi = row[i].re * vi, mr = real{}, mi = real{};
            for (int j = c + 1; j < i; j++) {
                const real a = row[j].re, b = row[j].im;
                pr += a * v[j].re;
                pi += a * v[j].im;
                mr += b * v[j].im;
                mi += b * v[j].re;
                x[j].re += a * vr + b * vi;
                x[j].im += a * vi - b * vr;
            }
            x[i] = {pr - mr, pi + mi};
        }
        real hr = real{}, hi = real{};
        for (int i = c + 1; i < n; i++) {
            x[i] = times(tau, x[i]);
            hr += x[i].re * v[i].re + x[i].im * v[i].im;
            hi += x[i].re * v[i].im - x[i].im * v[i].re;
        }
        const real gr = -0.5 * (tau.re * hr - tau.im * hi), gi = -0.5 * (tau.re * hi + tau.im * hr);
        for (int i = c + 1; i < n; i++) {
            x[i].re += gr * v[i].re - gi * v[i].im;
            x[i].im += gr * v[i].im + gi * v[i].re;
        }
        for (int i = c + 1; i < n; i++) {
            complex_lanes *row = A + (long)i * n;
            const real vr = v[i].re, vi = v[i].im, xr = x[i].re, xi = x[i].im;
            for (int j = c + 1; j < i; j++) {
                row[j].re -= vr * x[j].re + vi * x[j].im + xr * v[j].re + xi * v[j].im;
                row[j].im -= vi * x[j].re - vr * x[j].im + xi * v[j].re - xr * v[j].im;
            }
            row[i].re -= 2.0 * (vr * xr + vi * xi);
        }
    }
    for (int i = 0; i < n; i++)
        w.diagonal[i] = A[(long)i * n + i].re;
    w.off[n - 1] = real{};
}

/* End of the unreduced block that begins at l, in every lane: the first i >= l with a negligible off[i]. */
ALWAYS_INLINE mask block_end(int n, int l, const Workspace &w)
{
    mask end = mask{} + (long long)l, open = mask{} - 1;
    for (int i = l; i < n - 1; i++) {
        const real limit = EPSILON * (absolute(w.diagonal[i]) + absolute(w.diagonal[i + 1])) + NEGLIGIBLE;
        open &= absolute(w.off[i]) > limit;
        end -= open;
    }
    return end;
}

/* Rotate columns l..top of the rotation matrix by the angles of a sweep, from the last to the first. */
ALWAYS_INLINE void apply_rotations(int n, int l, int top, int sweeps, Workspace &w)
{
    for (int row = 0; row < n; row += ROWS) {
        /* Before the k-th sweep row j is zero right of column j + k: rotations of zeros are left out. */
        const int begin = top < row + ROWS - 1 + sweeps ? top : row + ROWS - 1 + sweeps;
        if (begin <= l)
            continue;
        real *a = w.rotation + (long)row * n, h[ROWS];
        for (int j = 0; j < ROWS; j++)
            h[j] = a[j * n + begin];
        for (int i = begin - 1; i >= l; i--) {
            const real s = w.sine[i], c = w.cosine[i];
            for (int j = 0; j < ROWS; j++) {
                const real z = a[j * n + i];
                a[j * n + i + 1] = s * z + c * h[j];
                h[j] = c * z - s * h[j];
            }
        }
        for (int j = 0; j < ROWS; j++)
            a[j * n + l] = h[j];
    }
}

/*
 * Implicit QL on diagonal and off, one eigenvalue after the other. Blocks end where off is negligible, in every lane at
 * its own place; a lane that is done is rotated by exactly zero. The recurrence of a sweep is one long chain of square
 * roots and divisions, so PACKS of registers go through it side by side. Lanes that did not converge are marked in
 * w[pack].failed.
 *
 * The shifts are Wilkinson's; with KNOWN the first one for each eigenvalue is that of w.shift, found before in the same
 * order, so that one or two sweeps are enough. With VECTORS the rotations are gathered, without they are forgotten.
 */
template <int PACKS, bool VECTORS, bool KNOWN> void iterate(int n, Workspace *w)
{
    const real zero = real{}, one = splat(1.0);
    int sweeps = 0;
    for (int l = 0; l < n - 1; l++)
        for (int sweep = 0;; sweep++) {
            mask end[PACKS], active[PACKS];
            int top[PACKS], highest = l;
            for (int k = 0; k < PACKS; k++) {
                end[k] = block_end(n, l, w[k]);
                active[k] = end[k] > (long long)l;
                top[k] = l;
                for (int lane = 0; lane < LANES; lane++)
                    top[k] = (int)end[k][lane] > top[k] ? (int)end[k][lane] : top[k];
                highest = top[k] > highest ? top[k] : highest;
            }
            if (highest == l)
                break;
            if (sweep == MAX_SWEEPS) {
                for (int k = 0; k < PACKS; k++)
                    w[k].failed |= active[k];
                break;
            }
            real shift[PACKS], g[PACKS], s[PACKS], c[PACKS], p[PACKS];
            for (int k = 0; k < PACKS; k++) {
                const real *d = w[k].diagonal, el = active[k] ? w[k].off[l] : one;
                const real a = (d[l + 1] - d[l]) / (2.0 * el);
                shift[k] = KNOWN && sweep == 0 ? w[k].shift[l]
                                               : d[l] - el / (a + with_sign(square_root(a * a + 1.0), a));
                s[k] = c[k] = one;
                p[k] = g[k] = zero;
            }
            for (int i = highest - 1; i >= l; i--)
                for (int k = 0; k < PACKS; k++) {
                    real *d = w[k].diagonal, *e = w[k].off;
                    const mask on = active[k] & (end[k] > (long long)i), first = end[k] == (long long)(i + 1);
                    g[k] = first ? d[i + 1] - shift[k] : g[k];
                    const real f = s[k] * e[i], b = c[k] * e[i], square = f * f + g[k] * g[k];
                    const mask vanishing = square < UNDERFLOW_FLOOR;
                    const real r = square_root(square), inverse = r * (1.0 / (vanishing ? one : square));
                    e[i + 1] = (on & ~first) ? r : e[i + 1];
                    s[k] = on ? (vanishing ? zero : f * inverse) : s[k];
                    c[k] = on ? (vanishing ? one : g[k] * inverse) : c[k];
                    if (VECTORS) {
                        w[k].sine[i] = on ? s[k] : zero;
                        w[k].cosine[i] = on ? c[k] : one;
                    }
                    const real h = d[i + 1] - p[k], t = (d[i] - h) * s[k] + c[k] * (2.0 * b);
                    p[k] = on ? s[k] * t : p[k];
                    d[i + 1] = on ? h + p[k] : d[i + 1];
                    g[k] = on ? c[k] * t - b : g[k];
                }
            sweeps++;
            for (int k = 0; k < PACKS; k++) {
                w[k].diagonal[l] = active[k] ? w[k].diagonal[l] - p[k] : w[k].diagonal[l];
                w[k].off[l] = active[k] ? g[k] : w[k].off[l];
                if (VECTORS)
                    apply_rotations(n, l, top[k], sweeps, w[k]);
            }
        }
}

/* Eigenvalues and, if asked for, eigenvectors of the tridiagonal matrices. */
template <int PACKS> void diagonalise(int n, bool vectors, Workspace *w)
{
    for (int k = 0; k < PACKS; k++) {
        w[k].failed = mask{};
        for (long i = 0; i < padded(n) * n; i++)
            w[k].rotation[i] = real{};
        for (int i = 0; i < n; i++) {
            w[k].rotation[(long)i * n + i] = splat(1.0);
            w[k].first_diagonal[i] = w[k].diagonal[i];
            w[k].first_off[i] = w[k].off[i];
        }
    }
    if (vectors && !EIGENVALUES_FIRST) {
        iterate<PACKS, true, false>(n, w);
        return;
    }
    iterate<PACKS, false, false>(n, w);
    if (!vectors)
        return;
    for (int k = 0; k < PACKS; k++)
        for (int i = 0; i < n; i++) {
            w[k].shift[i] = w[k].diagonal[i];
            w[k].diagonal[i] = w[k].first_diagonal[i];
            w[k].off[i] = w[k].first_off[i];
        }
    iterate<PACKS, true, true>(n, w);
}

/* Eigenvectors of the matrix, COLUMNS from `first`: reflectors applied to columns of the rotation matrix. */
void back_transform(int n, int first, Workspace &w)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < COLUMNS; k++)
            w.column[i * COLUMNS + k] = {first + k < n ? w.rotation[(long)i * n + first + k] : real{}, real{}};
    for (int c = n - 2; c >= 0; c--) {
        const complex_lanes *v = w.matrix + (long)c * n, tau = w.tau[c];
        complex_lanes sum[COLUMNS], *y = w.column + (c + 1) * COLUMNS;
        for (int k = 0; k < COLUMNS; k++)
            sum[k] = y[k];
        for (int i = c + 2; i < n; i++) {
            const real vr = v[i].re, vi = v[i].im;
            y += COLUMNS;
            for (int k = 0; k < COLUMNS; k++) {
                sum[k].re += vr * y[k].re + vi * y[k].im;
                sum[k].im += vr * y[k].im - vi * y[k].re;
            }
        }
        y = w.column + (c + 1) * COLUMNS;
        for (int k = 0; k < COLUMNS; k++) {
            sum[k] = times(tau, sum[k]);
            y[k].re -= sum[k].re;
            y[k].im -= sum[k].im;
        }
        for (int i = c + 2; i < n; i++) {
            const real vr = v[i].re, vi = v[i].im;
            y += COLUMNS;
            for (int k = 0; k < COLUMNS; k++) {
                y[k].re -= vr * sum[k].re - vi * sum[k].im;
                y[k].im -= vr * sum[k].im + vi * sum[k].re;
            }
        }
    }
}

/* Rank of every eigenvalue in ascending order, equal ones in the order of their columns. */
void rank_eigenvalues(int n, const real *diagonal, mask *rank)
{
    for (int i = 0; i < n; i++)
        rank[i] = mask{};
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) {
            const mask after = diagonal[j] < diagonal[i];
            rank[i] -= after;
            rank[j] -= ~after;
        }
}

/* J = 2 sum_k (Im(y* z), Im(z* x), Im(x* y)) of each atom's displacement (x, y, z). */
ALWAYS_INLINE void write_spin(int n, int count, const complex_lanes *y, mask rank, double *spin)
{
    real jx = real{}, jy = real{}, jz = real{};
    for (int i = 0; i < n; i += 3) {
        const complex_lanes x = y[i * COLUMNS], u = y[(i + 1) * COLUMNS], z = y[(i + 2) * COLUMNS];
        jx += u.re * z.im - u.im * z.re;
        jy += z.re * x.im - z.im * x.re;
        jz += x.re * u.im - x.im * u.re;
    }
    for (int lane = 0; lane < count; lane++) {
        double *out = spin + ((long)lane * n + rank[lane]) * 3;
        out[0] = 2.0 * jx[lane];
        out[1] = 2.0 * jy[lane];
        out[2] = 2.0 * jz[lane];
    }
}

/* A complex number in memory, aligned as a double: written at once. */
typedef double number __attribute__((vector_size(16), aligned(8), may_alias));

#ifdef __AVX512F__
/* Components i to i + 3, as far as there are any, of all eight lanes: transposed, so that each lane's are one store. */
ALWAYS_INLINE void write_four(int n, int i, const complex_lanes *y, double *const *out)
{
    const int last = n - 1;
    const __mmask8 kept = i + 4 <= n ? 0xff : (__mmask8)((1 << 2 * (n - i)) - 1);
    __m512d pair[2][4], quad[2][4]; /* [odd lanes][component]: re, im of lanes 0 2 4 6 or 1 3 5 7 */
    for (int j = 0; j < 4; j++) {
        const complex_lanes x = y[(i + j < n ? i + j : last) * COLUMNS];
        pair[0][j] = _mm512_unpacklo_pd((__m512d)x.re, (__m512d)x.im);
        pair[1][j] = _mm512_unpackhi_pd((__m512d)x.re, (__m512d)x.im);
    }
    for (int odd = 0; odd < 2; odd++) {
        const __m512d *p = pair[odd];
        quad[odd][0] = _mm512_shuffle_f64x2(p[0], p[1], 0x44); /* components 0, 1 of the lower two lanes */
        quad[odd][1] = _mm512_shuffle_f64x2(p[2], p[3], 0x44);
        quad[odd][2] = _mm512_shuffle_f64x2(p[0], p[1], 0xee); /* of the upper two */
        quad[odd][3] = _mm512_shuffle_f64x2(p[2], p[3], 0xee);
        for (int half = 0; half < 2; half++) {
            const __m512d a = quad[odd][2 * half], b = quad[odd][2 * half + 1];
            _mm512_mask_storeu_pd(out[4 * half + odd] + 2 * i, kept, _mm512_shuffle_f64x2(a, b, 0x88));
            _mm512_mask_storeu_pd(out[4 * half + 2 + odd] + 2 * i, kept, _mm512_shuffle_f64x2(a, b, 0xdd));
        }
    }
}
#endif

ALWAYS_INLINE void write_vector(int n, int count, const complex_lanes *y, mask rank, double *eigenvector)
{
    double *out[LANES];
    for (int lane = 0; lane < count; lane++)
        out[lane] = eigenvector + 2 * ((long)lane * n + rank[lane]) * n;
#ifdef __AVX512F__
    if (count == LANES) {
        for (int i = 0; i < n; i += 4)
            write_four(n, i, y, out);
        return;
    }
#endif
    for (int i = 0; i < n; i++)
        for (int lane = 0; lane < count; lane++)
            *(number *)(out[lane] + 2 * i) = number{y[i * COLUMNS].re[lane], y[i * COLUMNS].im[lane]};
}

/* Bring the memory of one eigenvector of each lane to the cache while it is computed. */
ALWAYS_INLINE void fetch_rows(int n, int count, mask rank, double *eigenvector)
{
    for (int lane = 0; lane < count; lane++) {
        const double *out = eigenvector + 2 * ((long)lane * n + rank[lane]) * n;
        for (int i = 0; i < 2 * n; i += 8)
            __builtin_prefetch(out + i, 1);
    }
}

/* Eigenvalues and, in ascending order of them, eigenvectors with the phases of their atoms and J. */
void write_modes(int n, int count, bool phases, Workspace &w, double *eigenvalue, double *eigenvector, double *spin)
{
    rank_eigenvalues(n, w.diagonal, w.rank);
    for (int i = 0; i < n; i++)
        for (int lane = 0; lane < count; lane++)
            eigenvalue[(long)lane * n + w.rank[i][lane]] = w.diagonal[i][lane] * w.scale[lane];
    if (eigenvector == NULL && spin == NULL)
        return;
    for (int mode = 0; mode < n; mode += COLUMNS) {
        if (eigenvector != NULL)
            for (int k = 0; k < COLUMNS && mode + k < n; k++)
                fetch_rows(n, count, w.rank[mode + k], eigenvector);
        back_transform(n, mode, w);
        for (int k = 0; k < COLUMNS && mode + k < n; k++) {
            complex_lanes *y = w.column + k;
            if (spin != NULL)
                write_spin(n, count, y, w.rank[mode + k], spin);
            if (eigenvector == NULL)
                continue;
            if (phases)
                for (int i = 0; i < n; i++)
                    y[i * COLUMNS] = times(y[i * COLUMNS], w.atom_phase[i / 3]);
            write_vector(n, count, y, w.rank[mode + k], eigenvector);
        }
    }
}

long work_of_pack(int n, int n_vectors)
{
    /* registers: matrix, product, tau, columns, phases; rotation, eight rows of n */
    return LANES * (2 * ((long)n * n + n * (2L + COLUMNS) + n + n_vectors) + padded(n) * n + 8L * n);
}

Workspace workspace(int n, double *memory)
{
    Workspace w;
    w.matrix = (complex_lanes *)memory;
    w.product = w.matrix + (long)n * n;
    w.tau = w.product + n;
    w.column = w.tau + n;
    w.rotation = (real *)(w.column + COLUMNS * n);
    w.diagonal = w.rotation + padded(n) * n;
    w.off = w.diagonal + n;
    w.first_diagonal = w.off + n;
    w.first_off = w.first_diagonal + n;
    w.shift = w.first_off + n;
    w.sine = w.shift + n;
    w.cosine = w.sine + n;
    w.rank = (mask *)(w.cosine + n);
    w.atom_phase = (complex_lanes *)(w.rank + n);
    w.vector_phase = w.atom_phase + n;
    return w;
}

/* Build or load the matrices of one register and make them tridiagonal. */
void prepare(const lattice_bonds *bonds, int n, int count, const double *qpoints, const double *matrices, Workspace &w)
{
    if (bonds != NULL) {
        real q[3];
        for (int axis = 0; axis < 3; axis++) {
            real x = real{};
            for (int lane = 0; lane < LANES; lane++)
                x[lane] = qpoints[3 * (lane < count ? lane : 0) + axis];
            q[axis] = x;
        }
        set_phases(bonds, q, w);
        build_matrix(bonds, n, w);
    } else {
        load_matrix(n, count, matrices, w.matrix);
    }
    scale_matrix(n, w);
    reduce_to_tridiagonal(n, w);
}

}  // namespace

#define JOIN(a, b) a##b
#define NAME(prefix, level) JOIN(prefix, level)

extern "C" int NAME(lattice_lanes_, LEVEL)(void) { return 2 * LANES; }

extern "C" long NAME(lattice_work_, LEVEL)(int n, int n_vectors) { return 2 * work_of_pack(n, n_vectors); }

extern "C" int NAME(lattice_hermitian_, LEVEL)(const lattice_bonds *bonds, int n, int count, const double *qpoints,
                                               const double *matrices, double *eigenvalue, double *eigenvector,
                                               double *spin, double *work)
{
    const long share = work_of_pack(n, bonds != NULL ? bonds->n_vectors : 0), nn = (long)n * n;
    Workspace w[2] = {workspace(n, work), workspace(n, work + share)};
    const int packs = count > LANES ? 2 : 1;
    int n_failed = 0;
    for (int k = 0; k < packs; k++) {
        const long first = (long)k * LANES;
        prepare(bonds, n, k + 1 < packs ? LANES : (int)(count - first), qpoints != NULL ? qpoints + 3 * first : NULL,
                matrices != NULL ? matrices + 2 * nn * first : NULL, w[k]);
    }
    const bool vectors = eigenvector != NULL || spin != NULL;
    if (packs == 2)
        diagonalise<2>(n, vectors, w);
    else
        diagonalise<1>(n, vectors, w);
    for (int k = 0; k < packs; k++) {
        const long first = (long)k * LANES;
        const int filled = k + 1 < packs ? LANES : (int)(count - first);
        write_modes(n, filled, bonds != NULL, w[k], eigenvalue + n * first,
                    eigenvector != NULL ? eigenvector + 2 * nn * first : NULL,
                    spin != NULL ? spin + 3 * n * first : NULL);
        for (int lane = 0; lane < filled; lane++)
            n_failed += w[k].failed[lane] != 0;
    }
    return n_failed;
}
