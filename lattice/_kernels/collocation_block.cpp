/*
 * Exponential Gauss collocation of one trajectory, the eight nodes of a window in the SIMD lanes.
 *
 * Q'' + gamma Q' + omega^2 Q = f(Q, E(t)). In a window f is the polynomial of degree 7 through its values at the Gauss
 * nodes; Q and P follow from it by variation of constants, exactly, for any omega^2 and gamma. The values are found by
 * fixed-point passes that begin with the polynomial of the window before. The method has order 16 at the ends of
 * windows and 10 within them. E. Hairer, C. Lubich and G. Wanner, Geometric Numerical Integration, 2nd ed., II.1 and
 * XIII.1; M. Hochbruck and A. Ostermann, Acta Numerica 19, 209 (2010), section 2.
 *
 * Error of a window: the Legendre coefficients of f fall by a ratio that the last two pairs of them show; the next
 * pair, which is left out, is taken to fall by the same. Its effect on Q is what is compared with the tolerance.
 *
 * Everything but the function at the end is local to this object: objects for several instruction sets are linked
 * together and must not share inline functions.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "collocation_block.h"

#ifndef LANES
#error "LANES: doubles in a vector register"
#endif
#ifndef LEVEL
#error "LEVEL: name of the instruction set"
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)

namespace {

const int S = LATTICE_NODES;
const int PARTS = S / LANES;
const int MOST_PASSES = 16;
const double NEGLECTED = 1.0 / 512; /* of H^2: Q within a window from a Legendre polynomial of degree 8 in f */
const double PASS_WEIGHT = 0.125;   /* of H^2: Q from a change of f */
const double PASS_SHARE = 0.05;     /* of the tolerance that is left to the fixed point */
const double STILL = 1e-150;        /* largest |Q| that counts as no motion: the tail of a pulse that underflows */
const double SCALE_FLOOR = 1e-6;    /* of the largest |Q|: scale of multiplets that hardly move */
const double NOISE = 1e-14;         /* of the largest force: round-off of Legendre coefficients */
const double SAFETY = 0.25;         /* of the tolerance that a longer window may be expected to use */
const double CALM = 0.25;           /* largest contraction that a longer window may be expected to have */
const double STUBBORN = 0.25;       /* of its error that a window keeps when it is made shorter: round-off */

typedef double real __attribute__((vector_size(8 * LANES)));
struct lanes {
    real v[PARTS];
};

ALWAYS_INLINE lanes load(const double *x)
{
    lanes y;
    memcpy(&y, __builtin_assume_aligned(x, 64), sizeof y);
    return y;
}

ALWAYS_INLINE void store(double *x, lanes y) { memcpy(__builtin_assume_aligned(x, 64), &y, sizeof y); }

ALWAYS_INLINE lanes zero()
{
    lanes y;
    for (int k = 0; k < PARTS; k++)
        y.v[k] = real{};
    return y;
}

ALWAYS_INLINE lanes operator+(lanes a, lanes b)
{
    for (int k = 0; k < PARTS; k++)
        a.v[k] += b.v[k];
    return a;
}

ALWAYS_INLINE lanes operator*(lanes a, lanes b)
{
    for (int k = 0; k < PARTS; k++)
        a.v[k] *= b.v[k];
    return a;
}

ALWAYS_INLINE lanes operator*(double x, lanes b)
{
    for (int k = 0; k < PARTS; k++)
        b.v[k] *= x;
    return b;
}

ALWAYS_INLINE double larger(double x, double y) { return x > y ? x : y; }
ALWAYS_INLINE double smaller(double x, double y) { return x < y ? x : y; }

ALWAYS_INLINE lanes operator+(lanes a, double x)
{
    for (int k = 0; k < PARTS; k++)
        a.v[k] += x;
    return a;
}

/* sum_j weights[j] x[j], plus a */
ALWAYS_INLINE lanes apply(const double *weights, const double *x, lanes a)
{
    lanes b = zero();
    for (int j = 0; j < S; j += 2) {
        a = a + x[j] * load(weights + S * j);
        b = b + x[j + 1] * load(weights + S * (j + 1));
    }
    return a + b;
}

/* Largest of all lanes; NaN where one is not finite. */
ALWAYS_INLINE double largest(const double *x)
{
    double y = 0.0, none = 0.0;
    for (int k = 0; k < S; k++) {
        y = fabs(x[k]) > y ? fabs(x[k]) : y;
        none += 0.0 * x[k];
    }
    return y + none;
}

struct Workspace {
    double *node;      /* (n_nodes, 8) X */
    double *gradient;  /* (n_nodes, 8) */
    double *force;     /* (n_modes, 8) without the drive */
    double *last;      /* (n_modes, 8) the same of the window before */
    double *drive;     /* (n_modes, 8) forces that do not depend on Q */
    double *base;      /* (n_modes, 8) Q without the forces of the passes */
    double *total;     /* (n_modes, 8) */
    double *rate;      /* (n_modes, 8) P at the nodes */
    double *scale;     /* (n_modes,) 1 / size of the multiplet */
    double *size;      /* (n_multiplets,) */
    alignas(64) double extrapolate[S * S];
    double ratio;      /* of window lengths for which extrapolate was made */
    double contraction; /* of the last passes, per squared length */
    bool moving;       /* there is a window before */
    bool was_lit;
    int panel;
};

Workspace divide(const lattice_motion &m, double *work)
{
    Workspace w = {};
    const size_t modes = (size_t)S * m.n_modes;
    double **const parts[] = {&w.force, &w.last, &w.drive, &w.base, &w.total, &w.rate};
    w.node = work;
    w.gradient = w.node + (size_t)S * m.n_nodes;
    double *next = w.gradient + (size_t)S * m.n_nodes;
    for (double **part : parts) {
        *part = next;
        next += modes;
    }
    w.scale = next;
    w.size = w.scale + m.n_modes;
    memset(work, 0, sizeof(double) * (size_t)(next - work));
    return w;
}

/* Modes that a program pushes. */
ALWAYS_INLINE const int *leaves(const lattice_program &program) { return program.row + program.n_rows - program.n_leaves; }

/* Forces of a program at the nodes: the gradient of every row. */
void push(const lattice_motion &m, const lattice_program &program, const double *__restrict X, double *__restrict G)
{
    const int *const column = m.column, *const pull = m.pull, *const row = program.row;
    const double *const value = m.value;
    const int n_rows = program.n_rows;
    int e = program.start[0], k = program.pull_start[0];
    for (int r = 0; r < n_rows; r++) {
        lanes a = zero(), b = zero();
        for (const int end = program.start[r + 1]; e < end; e++) {
            const lanes c = a + value[e] * load(X + S * column[e]);
            a = b;
            b = c;
        }
        for (const int end = program.pull_start[r + 1]; k < end; k++) {
            const lanes c = a + load(G + S * pull[2 * k]) * load(X + S * pull[2 * k + 1]);
            a = b;
            b = c;
        }
        store(G + S * row[r], a + b);
    }
}

ALWAYS_INLINE void multiply(const lattice_motion &m, double *X, int end)
{
    for (int node = m.n_modes + 4; node < end; node++)
        store(X + S * node, load(X + S * m.left[node]) * load(X + S * m.right[node]));
}

/* Panel that holds t, or the nearest. */
int panel_of(const lattice_motion &m, double t, int guess)
{
    while (guess + 1 < m.n_panels && t >= m.edge[guess + 1])
        guess++;
    while (guess > 0 && t < m.edge[guess])
        guess--;
    return guess;
}

/* Whether there is a field in a window; it must then be no longer than `longest`. */
bool lit(const lattice_motion &m, double begin, double length, int *panel, double *longest)
{
    *longest = INFINITY;
    if (m.n_panels == 0 || begin >= m.edge[m.n_panels] || begin + length <= m.edge[0])
        return false;
    *panel = panel_of(m, begin, *panel);
    for (int k = *panel; k < m.n_panels && m.edge[k] < begin + length; k++)
        *longest = smaller(*longest, m.longest[k]);
    return true;
}

/* Field at the nodes by Clenshaw's sum; 0 before the first and after the last panel. */
void set_field(const lattice_motion &m, const double *node, double begin, double length, int panel, double *X)
{
    alignas(64) double time[S], place[S];
    store(time, length * load(node));
    for (int j = 0; j < S; j++)
        time[j] += begin;
    for (int j = 0; j < S; panel++) {
        const double a = m.edge[panel], b = m.edge[panel + 1];
        const bool last = panel + 1 == m.n_panels;
        const int first = j;
        while (j < S && (time[j] < b || last))
            j++;
        for (int k = 0; k < S; k++)
            place[k] = (2.0 * time[k] - a - b) / (b - a);
        const lanes y = load(place);
        for (int axis = 0; axis < 3; axis++) {
            const double *c = m.field + (size_t)LATTICE_CHEBYSHEV * (3 * (size_t)panel + axis);
            lanes b1 = zero(), b2 = zero();
            for (int k = LATTICE_CHEBYSHEV - 1; k > 0; k--) {
                const lanes b0 = 2.0 * y * b1 + -1.0 * b2 + c[k];
                b2 = b1;
                b1 = b0;
            }
            alignas(64) double sum[S];
            store(sum, y * b1 + -1.0 * b2 + c[0]);
            for (int k = first; k < j; k++)
                X[S * (m.n_modes + axis) + k] = time[k] < a || time[k] > b ? 0.0 : sum[k];
        }
    }
}

/* 1 / size of each mode's multiplet; false if nothing has moved yet. */
bool set_scale(const lattice_motion &m, const double *peak, Workspace &w)
{
    double all = 0.0;
    for (int a = 0; a < m.n_multiplets; a++)
        w.size[a] = 0.0;
    for (int i = 0; i < m.n_modes; i++)
        w.size[m.multiplet[i]] = larger(w.size[m.multiplet[i]], peak[i]);
    for (int a = 0; a < m.n_multiplets; a++)
        all = larger(all, w.size[a]);
    for (int i = 0; i < m.n_modes; i++)
        w.scale[i] = all > STILL ? 1.0 / larger(w.size[m.multiplet[i]], SCALE_FLOOR * all) : 0.0;
    return all > STILL;
}

/* Weights that carry f from the nodes of the window before to those of the next, `ratio` times as long. */
void set_extrapolation(const lattice_stretch &s, double ratio, Workspace &w)
{
    w.ratio = ratio;
    for (int i = 0; i < S; i++) {
        double sum = 0.0, part[S];
        for (int j = 0; j < S; j++) {
            part[j] = s.barycentric[j] / (1.0 + ratio * s.node[i] - s.node[j]);
            sum += part[j];
        }
        for (int j = 0; j < S; j++)
            w.extrapolate[S * j + i] = part[j] / sum;
    }
}

/* Q at the nodes without the forces of the passes, and the first guess of these. */
void begin_window(const lattice_motion &m, const lattice_stretch &s, const lattice_window &window, bool is_lit,
                  const lattice_state &state, Workspace &w, double before)
{
    const lattice_program &drive = m.program[is_lit ? LATTICE_DRIVE_LIT : LATTICE_DRIVE];
    const lattice_program &force = m.program[is_lit ? LATTICE_FORCE_LIT : LATTICE_FORCE];
    if (is_lit)
        multiply(m, w.node, m.n_nodes);
    push(m, drive, w.node, w.gradient);
    if (is_lit != w.was_lit || drive.n_leaves)
        memset(w.drive, 0, sizeof(double) * S * m.n_modes);
    for (int k = 0; k < drive.n_leaves; k++)
        store(w.drive + S * leaves(drive)[k], load(w.gradient + S * leaves(drive)[k]));
    for (int i = 0; i < m.n_modes; i++) {
        const double *flow = window.flow + 4 * S * m.kind[i];
        store(w.base + S * i, state.q[i] * load(flow) + state.p[i] * load(flow + S));
    }
    for (int k = 0; k < drive.n_leaves; k++) {
        const int i = leaves(drive)[k];
        const double *response = window.response + S * S * m.kind[i];
        store(w.base + S * i, apply(response, w.drive + S * i, load(w.base + S * i)));
    }
    memset(w.force, 0, sizeof(double) * S * m.n_modes);
    if (w.moving) {
        const double ratio = window.length / before;
        if (ratio != w.ratio)
            set_extrapolation(s, ratio, w);
        for (int k = 0; k < force.n_leaves; k++) {
            const int i = leaves(force)[k];
            store(w.force + S * i, apply(w.extrapolate, w.last + S * i, zero()));
        }
    }
}

/* Passes until the force no longer changes; false if they do not contract. X holds the positions of the last force. */
bool iterate(const lattice_motion &m, const lattice_window &window, bool is_lit, double tolerance, Workspace &w,
             long long *passes)
{
    const lattice_program &program = m.program[is_lit ? LATTICE_FORCE_LIT : LATTICE_FORCE];
    const double square = window.length * window.length, weight = PASS_WEIGHT * square;
    double before = 0.0, contraction = larger(2.0 * w.contraction * square, 1e-3);
    alignas(64) double change[S];
    if (program.n_leaves == 0)
        return true;
    for (int pass = 0; pass < MOST_PASSES; pass++) {
        for (int k = 0; k < program.n_leaves; k++) {
            const int i = leaves(program)[k];
            const double *response = window.response + S * S * m.kind[i];
            store(w.node + S * i, apply(response, w.force + S * i, load(w.base + S * i)));
        }
        multiply(m, w.node, is_lit ? m.n_nodes : m.n_dark);
        push(m, program, w.node, w.gradient);
        lanes sum = zero();
        for (int k = 0; k < program.n_leaves; k++) {
            const int i = leaves(program)[k];
            const lanes now = load(w.gradient + S * i);
            const lanes step = w.scale[i] * (now + -1.0 * load(w.force + S * i));
            sum = sum + step * step;
            store(w.force + S * i, now);
        }
        store(change, sum);
        const double step = weight * sqrt(largest(change));
        ++*passes;
        if (!(step < 1e100))
            return false;
        if (step == 0.0)
            return true;
        if (pass > 0 && before > 0.0) {
            contraction = larger(step / before, 1e-6);
            w.contraction = contraction / square;
        }
        if (contraction < 0.5 && step * contraction <= PASS_SHARE * tolerance * (1.0 - contraction))
            return true;
        if (pass > 2 && contraction > 0.8)
            return false;
        before = step;
    }
    return false;
}

/* Estimated error of Q in the window, relative to the multiplets. */
double window_error(const lattice_motion &m, const lattice_stretch &s, const lattice_window &window, Workspace &w)
{
    alignas(64) double c[S];
    double most = 0.0, error = 0.0;
    for (int i = 0; i < m.n_modes; i++)
        store(w.total + S * i, load(w.force + S * i) + load(w.drive + S * i));
    for (int i = 0; i < m.n_modes; i++)
        most = larger(most, fabs(w.total[S * i]));
    for (int i = 0; i < m.n_modes; i++) {
        store(c, apply(s.legendre, w.total + S * i, zero()));
        const double low = larger(fabs(c[S - 4]), fabs(c[S - 3])), high = larger(fabs(c[S - 2]), fabs(c[S - 1]));
        const double next = low > high ? high * high / low : high;
        error = larger(error, w.scale[i] * larger(next - NOISE * most, 0.0));
    }
    return NEGLECTED * window.length * window.length * error;
}

/* Book the torques and works of the window: integrals over the nodes, the weights of the quadrature left to the end. */
void book(const lattice_motion &m, const lattice_window &window, bool is_lit, Workspace &w, const lattice_state &state)
{
    double *account = state.account;
    double *const Q = w.base; /* positions of the forces as they are now; those of the nodes are one pass behind */
    for (int i = 0; i < m.n_modes; i++) {
        const int kind = m.kind[i];
        const double *flow = window.flow + 4 * S * kind;
        const lanes rate = state.q[i] * load(flow + 2 * S) + state.p[i] * load(flow + 3 * S);
        store(w.rate + S * i, apply(window.rate + S * S * kind, w.total + S * i, rate));
        store(Q + S * i, apply(window.response + S * S * kind, w.force + S * i, load(Q + S * i)));
    }
    for (int c = LATTICE_FIRST_ROW; c < m.n_programs; c++) {
        const lattice_program &program = m.program[c];
        const bool silent = program.lit && !is_lit;
        if (!silent)
            push(m, program, w.node, w.gradient);
        for (int k = 0; k < program.n_leaves; k++) {
            const int i = leaves(program)[k], first = m.partner_start[i], end = m.partner_start[i + 1];
            if (silent) {
                account += S * (1 + end - first);
                continue;
            }
            const lanes force = window.length * load(w.gradient + S * i);
            store(account, load(account) + force * load(w.rate + S * i));
            account += S;
            for (int e = first; e < end; e++, account += S)
                store(account, load(account) + force * load(Q + S * m.partner[e]));
        }
    }
    for (int k = 0; k < m.n_links; k++, account += 3 * S) {
        const int a = m.link[2 * k], b = m.link[2 * k + 1];
        const lanes qa = window.length * load(Q + S * a), qb = window.length * load(Q + S * b);
        store(account, load(account) + qa * load(Q + S * b));
        store(account + S, load(account + S) + qb * load(w.rate + S * a));
        store(account + 2 * S, load(account + 2 * S) + qa * load(w.rate + S * b));
    }
    for (int i = 0; i < m.n_modes; i++, account += S) {
        const lanes rate = load(w.rate + S * i);
        store(account, load(account) + (m.gamma[i] * window.length) * rate * rate);
    }
}

/* State at the recorded times of the window and at its end; whether a coordinate is further out than ever. */
bool finish_window(const lattice_motion &m, const lattice_window &window, const Workspace &w, lattice_state &state,
                   long long record)
{
    alignas(64) double out[2 * LATTICE_MOST_OUTPUTS];
    const int n = window.n_out;
    bool further = false;
    for (int i = 0; i < m.n_modes; i++) {
        const double *flow = window.out_flow + (size_t)2 * S * window.n_blocks * m.kind[i];
        const double *response = window.out_response + (size_t)S * S * window.n_blocks * m.kind[i];
        for (int block = 0; block < window.n_blocks; block++) {
            const lanes free = state.q[i] * load(flow + 2 * S * block) + state.p[i] * load(flow + 2 * S * block + S);
            store(out + S * block, apply(response + S * S * block, w.total + S * i, free));
        }
        if (record >= 0)
            for (int k = 0; k < n; k++) {
                const size_t place = (size_t)(record + k) * m.n_modes + i;
                state.record_q[place] = out[k];
                state.record_p[place] = out[n + k];
            }
        state.q[i] = out[n - 1];
        state.p[i] = out[2 * n - 1];
        if (fabs(state.q[i]) > state.peak[i]) {
            state.peak[i] = fabs(state.q[i]);
            further = true;
        }
    }
    return further;
}

bool finite(const lattice_motion &m, const lattice_state &state)
{
    double sum = 0.0;
    for (int i = 0; i < m.n_modes; i++)
        sum += 0.0 * state.q[i] + 0.0 * state.p[i];
    return sum == 0.0;
}

/* The longest window, no longer than number `level`, that ends where it may: `within` units after a recorded time. */
int fitting(const lattice_stretch &s, int level, long long within, long long left)
{
    for (;; level++) {
        const long long units = s.window[level].units;
        const bool aligned = units < s.interval ? within % units == 0 : within == 0;
        if (aligned && units <= left)
            return level;
    }
}

void settle_series(const lattice_stretch &s, const lattice_state &state, long long record)
{
    double *out = state.series + (size_t)record * s.n_book;
    for (int k = 0; k < s.n_book; k++) {
        double sum = 0.0;
        for (int j = 0; j < S; j++)
            sum += s.weight[j] * state.account[S * (size_t)k + j];
        out[k] = sum;
    }
}

/* Size of what the first window does to a crystal at rest: scale of its errors. */
void set_first_scale(const lattice_motion &m, lattice_state &state, Workspace &w)
{
    for (int i = 0; i < m.n_modes; i++) {
        const double reach = largest(w.base + S * i);
        state.peak[i] = reach < 1e300 ? reach : 0.0;
    }
    set_scale(m, state.peak, w);
}

/* One attempt at a window; error is infinite where the passes do not contract. */
double attempt(const lattice_motion &m, const lattice_stretch &s, const lattice_window &window, bool is_lit,
               bool at_rest, lattice_state &state, Workspace &w, double before)
{
    begin_window(m, s, window, is_lit, state, w, before);
    if (at_rest)
        set_first_scale(m, state, w);
    if (!iterate(m, window, is_lit, s.tolerance, w, &state.passes)) {
        w.contraction = 0.0;
        return INFINITY;
    }
    const double error = window_error(m, s, window, w);
    return error <= 1e100 ? error : INFINITY;
}

/* Whether a window of length `next` is expected to pass, after one of `length` with this error (of order 10). */
bool may_grow(double next, double length, double error, double tolerance, const Workspace &w)
{
    const double g = next / length, g2 = g * g, g8 = g2 * g2 * g2 * g2;
    return w.contraction * next * next < CALM && error * g8 * g2 < SAFETY * tolerance;
}

int advance(const lattice_motion &m, const lattice_stretch &s, lattice_state &state)
{
    Workspace w = divide(m, state.work);
    const int last = s.n_windows - 1;
    int level = 0, status = LATTICE_OK;
    long long within = 0, recorded = 0; /* units since the last recorded time; recorded times so far */
    double before = 0.0;
    for (int j = 0; j < S; j++)
        w.node[S * (m.n_modes + 3) + j] = 1.0;
    bool at_rest = !set_scale(m, state.peak, w);
    for (long long at = 0; at < s.total;) {
        const double begin = s.begin + s.window[last].length * (double)at;
        double longest, error, missed = INFINITY;
        int now = fitting(s, level, within, s.total - at);
        bool is_lit;
        for (;;) {
            const lattice_window &window = s.window[now];
            is_lit = lit(m, begin, window.length, &w.panel, &longest);
            if (window.length > longest && now < last) {
                now = fitting(s, now + 1, within, s.total - at);
                continue;
            }
            if (is_lit)
                set_field(m, s.node, begin, window.length, w.panel, w.node);
            error = attempt(m, s, window, is_lit, at_rest, state, w, before);
            w.was_lit = is_lit;
            if (error <= s.tolerance)
                break;
            if (error < INFINITY && (now == last || error > STUBBORN * missed)) {
                status = LATTICE_UNRESOLVED;
                break;
            }
            if (now == last || state.windows >= s.most)
                return now == last ? LATTICE_DIVERGED : LATTICE_UNRESOLVED;
            missed = error;
            level = now = fitting(s, now + 1, within, s.total - at);
        }
        const lattice_window &window = s.window[now];
        if (s.book)
            book(m, window, is_lit, w, state);
        within += window.units;
        const bool landed = within >= s.interval;
        if (finish_window(m, window, w, state, landed ? recorded : -1) || at_rest)
            at_rest = !set_scale(m, state.peak, w);
        if (!finite(m, state))
            return LATTICE_DIVERGED;
        if (landed) {
            recorded += window.n_out;
            within = 0;
            if (state.series)
                settle_series(s, state, recorded - 1);
        }
        double *const forces = w.last;
        w.last = w.force;
        w.force = forces;
        w.moving = true;
        before = window.length;
        state.windows++;
        state.shortest = smaller(state.shortest, window.length);
        at += window.units;
        if (now == level && level > 0 && may_grow(s.window[level - 1].length, window.length, error, s.tolerance, w))
            level--;
    }
    return status;
}

} // namespace

extern "C" int JOIN(lattice_collocation_, LEVEL)(const lattice_motion *motion, const lattice_stretch *stretch,
                                                lattice_state *state)
{
    return advance(*motion, *stretch, *state);
}
