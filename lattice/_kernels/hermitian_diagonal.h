/*
 * Eigenvalues and eigenvectors of real tridiagonal matrices, one in each lane.
 *
 * Implicit QL with the deflation of EISPACK's imtql2. Every lane goes on to its next eigenvalue as soon as it has the
 * one before: a sweep runs from the largest end to the smallest beginning of the lanes' blocks, which stay close together.
 * The recurrence of a sweep is one long chain of divisions, so PACKS of registers go through it side by side.
 */
#ifndef LATTICE_HERMITIAN_DIAGONAL_H
#define LATTICE_HERMITIAN_DIAGONAL_H

#include "hermitian_lanes.h"

namespace {

/* Where each lane of a register stands: its unreduced block low..end and what the shift is made of. */
struct Blocks {
    mask low, end;             /* low + 1 <= end; a lane that is done has low = n + 1, end = -1 */
    mask fresh;                /* set in lanes that have gone on to another eigenvalue */
    real diagonal, next, off, known; /* diagonal[low], diagonal[low + 1], off[low], shift[low] */
    int first, last;           /* smallest low and largest end; first > last once all lanes are done */
};

/*
 * Go on to the next block in every lane at its own place: low is the first element from the old low on that is not
 * negligible, end the first negligible one behind it. SQUARED: off holds squares; KNOWN: shift holds eigenvalues.
 */
template <bool SQUARED, bool KNOWN> ALWAYS_INLINE void next_blocks(int n, const Workspace &w, Blocks &b)
{
    mask end = mask{} + (long long)(n - 1), closed = mask{}, at = mask{} + (long long)b.first;
    b.fresh = mask{};
    for (int i = b.first; i < n - 1; i++, at += 1) {
        const real here = w.diagonal[i], next = w.diagonal[i + 1], off = w.off[i];
        const real limit = EPSILON * (absolute(here) + absolute(next)) + NEGLIGIBLE;
        const mask negligible = SQUARED ? off <= limit * limit : absolute(off) <= limit;
        const mask found = b.low == at, past = found & negligible, hit = negligible & (b.low < at) & ~closed;
        b.low -= past;
        b.fresh |= past;
        end = hit ? at : end;
        closed |= hit;
        b.diagonal = found ? here : b.diagonal;
        b.next = found ? next : b.next;
        b.off = found ? off : b.off;
        if (KNOWN)
            b.known = found ? w.shift[i] : b.known;
    }
    const mask done = b.low >= (long long)(n - 1);
    b.low = done ? mask{} + (long long)(n + 1) : b.low;
    b.end = done ? mask{} - 1 : end;
    b.first = n;
    b.last = -1;
    for (int lane = 0; lane < LANES; lane++) {
        b.first = (int)b.low[lane] < b.first ? (int)b.low[lane] : b.first;
        b.last = (int)b.end[lane] > b.last ? (int)b.end[lane] : b.last;
    }
}

/* Wilkinson's shift: of the eigenvalues of the first two by two block the one nearer to its first element. */
ALWAYS_INLINE real shift_of(real diagonal, real next, real off)
{
    const real a = (next - diagonal) / (2.0 * off);
    return diagonal - off / (a + with_sign(square_root(a * a + 1.0), a));
}

/* Before the first sweep */
ALWAYS_INLINE void begin_blocks(Blocks &b)
{
    b.low = mask{};
    b.first = 0;
    b.diagonal = b.next = b.known = real{};
    b.off = splat(1.0);
}

/* Rotate columns first..last of the rotation matrix by the angles of a sweep, from the last to the first. */
ALWAYS_INLINE void apply_rotations(int n, int first, int last, int sweeps, Workspace &w)
{
    for (int row = 0; row < n; row += ROWS) {
        /* Before the k-th sweep row j is zero right of column j + k: rotations of zeros are left out. */
        const int begin = last < row + ROWS - 1 + sweeps ? last : row + ROWS - 1 + sweeps;
        if (begin <= first)
            continue;
        real *a = w.rotation + (long)row * n, h[ROWS];
        for (int j = 0; j < ROWS; j++)
            h[j] = a[j * n + begin];
        for (int i = begin - 1; i >= first; i--) {
            const real s = w.sine[i], c = w.cosine[i];
            for (int j = 0; j < ROWS; j++) {
                const real z = a[j * n + i];
                a[j * n + i + 1] = s * z + c * h[j];
                h[j] = c * z - s * h[j];
            }
        }
        for (int j = 0; j < ROWS; j++)
            a[j * n + first] = h[j];
    }
}

/*
 * Eigenvalues alone: the QL iteration without square roots on the diagonal and the squares of off, by Pal, Walker and
 * Kahan (LAPACK's dsterf), with the shifts and sweeps of `rotate_to_diagonal`. Lanes that did not converge are marked
 * in w[pack].failed; what lanes outside of their block compute is dropped.
 */
template <int PACKS> void find_eigenvalues(int n, Workspace *w)
{
    const real zero = real{}, one = splat(1.0);
    Blocks b[PACKS];
    for (int k = 0; k < PACKS; k++) {
        begin_blocks(b[k]);
        for (int i = 0; i < n; i++)
            w[k].off[i] *= w[k].off[i];
    }
    for (int sweep = 0;; sweep++) {
        int first = n, last = -1;
        for (int k = 0; k < PACKS; k++) {
            if (b[k].first < n)
                next_blocks<true, false>(n, w[k], b[k]);
            first = b[k].first < first ? b[k].first : first;
            last = b[k].last > last ? b[k].last : last;
        }
        if (first == n)
            return;
        if (sweep == MAX_SWEEPS * n) {
            for (int k = 0; k < PACKS; k++)
                w[k].failed |= b[k].end > 0;
            return;
        }
        real shift[PACKS], gamma[PACKS], s[PACKS], c[PACKS], p[PACKS];
        mask at = mask{} + (long long)(last - 1);
        for (int k = 0; k < PACKS; k++) {
            shift[k] = shift_of(b[k].diagonal, b[k].next, square_root(b[k].off));
            s[k] = gamma[k] = p[k] = zero;
            c[k] = one;
        }
        for (int i = last - 1; i >= first; i--, at -= 1)
            for (int k = 0; k < PACKS; k++) {
                real *d = w[k].diagonal, *square = w[k].off;
                const mask on = (at >= b[k].low) & (at < b[k].end);
                const mask start = at + 1 == b[k].end, stop = at + 1 == b[k].low;
                const real begin = d[i + 1] - shift[k], past = start ? one : c[k];
                gamma[k] = start ? begin : gamma[k];
                p[k] = start ? begin * begin : p[k];
                const mask vanishing = p[k] < UNDERFLOW_FLOOR;
                const real before = gamma[k], r = p[k] + (on ? square[i] : zero), inverse = 1.0 / r;
                const real quotient = r / (vanishing ? one : p[k]);
                square[i + 1] = (on & ~start) | stop ? s[k] * r : square[i + 1];
                c[k] = vanishing ? zero : p[k] * inverse;
                s[k] = square[i] * inverse;
                gamma[k] = c[k] * (d[i] - shift[k]) - s[k] * before;
                d[i + 1] = on | stop ? before + (on ? d[i] - gamma[k] : shift[k]) : d[i + 1];
                p[k] = vanishing ? past * square[i] : gamma[k] * gamma[k] * quotient;
            }
        for (int k = 0; k < PACKS; k++) {
            const mask stop = b[k].low == (long long)first;
            w[k].off[first] = stop ? s[k] * p[k] : w[k].off[first];
            w[k].diagonal[first] = stop ? shift[k] + gamma[k] : w[k].diagonal[first];
        }
    }
}

/*
 * Eigenvalues, and the rotations gathered in w[pack].rotation; a lane is rotated by exactly zero outside of its block.
 * The shifts are Wilkinson's; with KNOWN the first one for each eigenvalue is that of w.shift, found before in the same
 * order, so that one or two sweeps are enough.
 */
template <int PACKS, bool KNOWN> void rotate_to_diagonal(int n, Workspace *w)
{
    const real zero = real{}, one = splat(1.0);
    Blocks b[PACKS];
    for (int k = 0; k < PACKS; k++)
        begin_blocks(b[k]);
    for (int sweep = 0;; sweep++) {
        int first = n, last = -1;
        for (int k = 0; k < PACKS; k++) {
            if (b[k].first < n)
                next_blocks<false, KNOWN>(n, w[k], b[k]);
            if (sweep == 0)
                b[k].fresh = mask{} - 1;
            first = b[k].first < first ? b[k].first : first;
            last = b[k].last > last ? b[k].last : last;
        }
        if (first == n)
            return;
        if (sweep == MAX_SWEEPS * n) {
            for (int k = 0; k < PACKS; k++)
                w[k].failed |= b[k].end > 0;
            return;
        }
        real shift[PACKS], g[PACKS], s[PACKS], c[PACKS], p[PACKS];
        mask at = mask{} + (long long)(last - 1);
        for (int k = 0; k < PACKS; k++) {
            shift[k] = shift_of(b[k].diagonal, b[k].next, b[k].off);
            if (KNOWN)
                shift[k] = b[k].fresh ? b[k].known : shift[k];
            s[k] = c[k] = one;
            p[k] = g[k] = zero;
        }
        for (int i = last - 1; i >= first; i--, at -= 1)
            for (int k = 0; k < PACKS; k++) {
                real *d = w[k].diagonal, *e = w[k].off;
                const mask on = (at >= b[k].low) & (at < b[k].end);
                const mask start = at + 1 == b[k].end, stop = at + 1 == b[k].low;
                g[k] = start ? d[i + 1] - shift[k] : g[k];
                const real f = s[k] * e[i], beside = c[k] * e[i], square = f * f + g[k] * g[k];
                const mask vanishing = square < UNDERFLOW_FLOOR;
                const real r = square_root(square), inverse = r * (1.0 / (vanishing ? one : square));
                e[i + 1] = on & ~start ? r : stop ? g[k] : e[i + 1];
                s[k] = on ? (vanishing ? zero : f * inverse) : s[k];
                c[k] = on ? (vanishing ? one : g[k] * inverse) : c[k];
                w[k].sine[i] = on ? s[k] : zero;
                w[k].cosine[i] = on ? c[k] : one;
                const real h = d[i + 1] - p[k], t = (d[i] - h) * s[k] + c[k] * (2.0 * beside);
                p[k] = on ? s[k] * t : p[k];
                d[i + 1] = on ? h + p[k] : stop ? h : d[i + 1];
                g[k] = on ? c[k] * t - beside : g[k];
            }
        for (int k = 0; k < PACKS; k++) {
            const mask stop = b[k].low == (long long)first;
            w[k].off[first] = stop ? g[k] : w[k].off[first];
            w[k].diagonal[first] = stop ? w[k].diagonal[first] - p[k] : w[k].diagonal[first];
            if (b[k].first < n)
                apply_rotations(n, b[k].first, b[k].last, sweep + 1, w[k]);
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
        rotate_to_diagonal<PACKS, false>(n, w);
        return;
    }
    find_eigenvalues<PACKS>(n, w);
    if (!vectors)
        return;
    for (int k = 0; k < PACKS; k++)
        for (int i = 0; i < n; i++) {
            w[k].shift[i] = w[k].diagonal[i];
            w[k].diagonal[i] = w[k].first_diagonal[i];
            w[k].off[i] = w[k].first_off[i];
        }
    rotate_to_diagonal<PACKS, true>(n, w);
}

}  // namespace
#endif
