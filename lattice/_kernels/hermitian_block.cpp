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
 * complex reflectors of LAPACK's zlarfg; its second half is in hermitian_diagonal.h.
 */
#include <math.h>
#include <stddef.h>

#include "hermitian_block.h"
#include "hermitian_diagonal.h"
#include "hermitian_lanes.h"
#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace {

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

/*
 * Rows i to i + HEIGHT - 1 of x = A v, rows and columns from `first`, from the lower triangle alone: what is right of
 * the diagonal is added to the earlier elements of x. The rows share what they read and write there.
 */
template <int HEIGHT>
ALWAYS_INLINE void multiply_rows(int n, int first, int i, const complex_lanes *A, const complex_lanes *v,
                                 complex_lanes *x)
{
    complex_lanes sum[HEIGHT], own[HEIGHT];
    for (int r = 0; r < HEIGHT; r++) {
        own[r] = v[i + r];
        sum[r] = complex_lanes{real{}, real{}};
    }
    for (int j = first; j < i; j++) {
        complex_lanes y = x[j];
        const complex_lanes other = v[j];
        for (int r = 0; r < HEIGHT; r++) {
            const complex_lanes a = A[(long)(i + r) * n + j];
            add_product(sum[r], a, other);
            add_conjugate_product(y, a, own[r]);
        }
        x[j] = y;
    }
    for (int r = 0; r < HEIGHT; r++) {
        const complex_lanes *row = A + (long)(i + r) * n + i + r;
        for (int s = 0; s < r; s++) {
            add_product(sum[r], row[s - r], own[s]);
            add_conjugate_product(sum[s], row[s - r], own[r]);
        }
        sum[r].re += row[0].re * own[r].re;
        sum[r].im += row[0].re * own[r].im;
    }
    for (int r = 0; r < HEIGHT; r++)
        x[i + r] = sum[r];
}

/* A -= v x' + x v' in rows i to i + HEIGHT - 1 of the lower triangle */
template <int HEIGHT>
ALWAYS_INLINE void update_rows(int n, int first, int i, complex_lanes *A, const complex_lanes *v,
                               const complex_lanes *x)
{
    complex_lanes vi[HEIGHT], xi[HEIGHT];
    for (int r = 0; r < HEIGHT; r++) {
        vi[r] = v[i + r];
        xi[r] = x[i + r];
    }
    for (int j = first; j < i; j++) {
        const complex_lanes vj = v[j], xj = x[j];
        for (int r = 0; r < HEIGHT; r++) {
            complex_lanes a = A[(long)(i + r) * n + j];
            a.re -= vi[r].re * xj.re + vi[r].im * xj.im + xi[r].re * vj.re + xi[r].im * vj.im;
            a.im -= vi[r].im * xj.re - vi[r].re * xj.im + xi[r].im * vj.re - xi[r].re * vj.im;
            A[(long)(i + r) * n + j] = a;
        }
    }
    for (int r = 1; r < HEIGHT; r++)
        for (int s = 0; s < r; s++) {
            complex_lanes &a = A[(long)(i + r) * n + i + s];
            a.re -= vi[r].re * xi[s].re + vi[r].im * xi[s].im + xi[r].re * vi[s].re + xi[r].im * vi[s].im;
            a.im -= vi[r].im * xi[s].re - vi[r].re * xi[s].im + xi[r].im * vi[s].re - xi[r].re * vi[s].im;
        }
    for (int r = 0; r < HEIGHT; r++)
        A[(long)(i + r) * n + i + r].re -= 2.0 * (vi[r].re * xi[r].re + vi[r].im * xi[r].im);
}

/* Reduce the matrix to tridiagonal form Q T Q'; the reflectors of Q stay in the upper triangle. */
void reduce_to_tridiagonal(int n, Workspace &w)
{
    complex_lanes *A = w.matrix, *x = w.product;
    for (int c = 0; c < n - 1; c++) {
        make_reflector(n, c, w);
        const complex_lanes *v = A + (long)c * n;
        const complex_lanes tau = w.tau[c];
        int i = c + 1;
        for (; i + 2 <= n; i += 2)
            multiply_rows<2>(n, c + 1, i, A, v, x);
        for (; i < n; i++)
            multiply_rows<1>(n, c + 1, i, A, v, x);
        real hr = real{}, hi = real{};
        for (i = c + 1; i < n; i++) {
            x[i] = times(tau, x[i]);
            hr += x[i].re * v[i].re + x[i].im * v[i].im;
            hi += x[i].re * v[i].im - x[i].im * v[i].re;
        }
        const real gr = -0.5 * (tau.re * hr - tau.im * hi), gi = -0.5 * (tau.re * hi + tau.im * hr);
        for (i = c + 1; i < n; i++) {
            x[i].re += gr * v[i].re - gi * v[i].im;
            x[i].im += gr * v[i].im + gi * v[i].re;
        }
        for (i = c + 1; i + 2 <= n; i += 2)
            update_rows<2>(n, c + 1, i, A, v, x);
        for (; i < n; i++)
            update_rows<1>(n, c + 1, i, A, v, x);
    }
    for (int i = 0; i < n; i++)
        w.diagonal[i] = A[(long)i * n + i].re;
    w.off[n - 1] = real{};
}

/* Reflectors are applied in pairs, c and then c - 1; product[c] becomes v(c - 1)' v(c). */
void couple_reflectors(int n, Workspace &w)
{
    for (int c = n - 2; c > 0; c--) {
        const complex_lanes *a = w.matrix + (long)c * n, *b = a - n;
        complex_lanes sum = {b[c + 1].re, -b[c + 1].im};
        for (int i = c + 2; i < n; i++)
            add_conjugate_product(sum, b[i], a[i]);
        w.product[c] = sum;
    }
}

/* WIDTH columns y of the eigenvectors: reflectors c and c - 1 are applied, each column read twice and written once. */
template <int WIDTH> ALWAYS_INLINE void apply_pair(int n, int c, const Workspace &w, complex_lanes *y)
{
    const complex_lanes *a = w.matrix + (long)c * n, *b = a - n;
    complex_lanes with_a[WIDTH], with_b[WIDTH];
    for (int k = 0; k < WIDTH; k++) {
        with_a[k] = y[(c + 1) * COLUMNS + k];
        with_b[k] = y[c * COLUMNS + k];
        add_conjugate_product(with_b[k], b[c + 1], with_a[k]);
    }
    for (int i = c + 2; i < n; i++) {
        const complex_lanes ai = a[i], bi = b[i];
        for (int k = 0; k < WIDTH; k++) {
            const complex_lanes z = y[i * COLUMNS + k];
            add_conjugate_product(with_a[k], ai, z);
            add_conjugate_product(with_b[k], bi, z);
        }
    }
    for (int k = 0; k < WIDTH; k++) {
        with_a[k] = times(w.tau[c], with_a[k]);
        subtract_product(with_b[k], w.product[c], with_a[k]);
        with_b[k] = times(w.tau[c - 1], with_b[k]);
        y[c * COLUMNS + k].re -= with_b[k].re;
        y[c * COLUMNS + k].im -= with_b[k].im;
        y[(c + 1) * COLUMNS + k].re -= with_a[k].re;
        y[(c + 1) * COLUMNS + k].im -= with_a[k].im;
        subtract_product(y[(c + 1) * COLUMNS + k], b[c + 1], with_b[k]);
    }
    for (int i = c + 2; i < n; i++) {
        const complex_lanes ai = a[i], bi = b[i];
        for (int k = 0; k < WIDTH; k++) {
            complex_lanes z = y[i * COLUMNS + k];
            subtract_product(z, ai, with_a[k]);
            subtract_product(z, bi, with_b[k]);
            y[i * COLUMNS + k] = z;
        }
    }
}

/* Eigenvectors of the matrix, COLUMNS from `first`: reflectors applied to columns of the rotation matrix. */
void back_transform(int n, int first, Workspace &w)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < COLUMNS; k++)
            w.column[i * COLUMNS + k] = {first + k < n ? w.rotation[(long)i * n + first + k] : real{}, real{}};
    int c = n - 2;
    if (n % 2 == 0) { /* one without a partner: it acts on the last row alone */
        complex_lanes *y = w.column + (n - 1) * COLUMNS;
        for (int k = 0; k < COLUMNS; k++)
            subtract_product(y[k], w.tau[c], y[k]);
        c--;
    }
    for (; c > 0; c -= 2)
        for (int k = 0; k < COLUMNS; k += BESIDE)
            apply_pair<BESIDE>(n, c, w, w.column + k);
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

/* Eigenvalues and, in ascending order of them, eigenvectors with the phases of their atoms and J. */
void write_modes(int n, int count, bool phases, Workspace &w, double *eigenvalue, double *eigenvector, double *spin)
{
    rank_eigenvalues(n, w.diagonal, w.rank);
    for (int i = 0; i < n; i++)
        for (int lane = 0; lane < count; lane++)
            eigenvalue[(long)lane * n + w.rank[i][lane]] = w.diagonal[i][lane] * w.scale[lane];
    if (eigenvector == NULL && spin == NULL)
        return;
    couple_reflectors(n, w);
    for (int mode = 0; mode < n; mode += COLUMNS) {
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
