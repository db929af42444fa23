/*
 * Trajectories of real normal coordinates under a table of polynomial terms, one in each SIMD lane.
 *
 * Without a bath a step is a composition of exact damped-harmonic drifts and kicks by all terms (Blanes and Moan), in a
 * bath half a kick, the exact Ornstein–Uhlenbeck step, half a kick. The force comes from V = ½ X^T S X with X = (Q, E, 1,
 * needed products): a sparse product S X, then the chain rule through the products. What is asked for is gathered as the
 * trajectory runs, so nothing is stored over time. A lane's bits depend on its own trajectory alone: where only some
 * lanes of a block see light, the others add zeros.
 *
 * Ledger: every sub-step's change of l_st = Q_s P_t − Q_t P_s is booked on (row, linked pair s, t).
 *
 * Everything but the three functions at the end is local to this object: objects for several instruction sets are
 * linked together and must not share inline functions.
 */
#include <math.h>
#include <stddef.h>

#include "ensemble_block.h"
#include "ensemble_lanes.h"

#ifndef LEVEL
#error "LEVEL: name of the instruction set"
#endif

namespace {

typedef lattice_ensemble Job;
typedef lattice_step Step;

const int LEAVES = 4; /* X after the coordinates: field components and one */

/* Everything of one block of trajectories. */
struct Block {
    const Job *job;
    long first;      /* trajectory in lane 0 */
    double on, off;  /* ps between which some lane has a field */
    bool book;       /* whether changes of angular momentum are booked now */
    pack sigma;
    pack *X, *F;     /* scratch: (n + LEAVES + n_products) */
    pack *slow_Q, *slow_P, *slow_F, *fast_Q, *fast_P, *fast_F; /* states: steps twice as long, and the run's own */
    pack *shock;     /* (2 n) random increment of Q, P */
};

/* Number `item` of an array that is the same for all trajectories, or each one's own. */
template <bool OWN> ALWAYS_INLINE pack scaled(const Block &b, const double *p, long item, const pack &x)
{
    if (OWN)
        return load(p + item * b.job->stride + b.first) * x;
    return p[item] * x;
}

ALWAYS_INLINE pack lanes_of(const Block &b, const double *p, long item) { return load(p + item * b.job->stride + b.first); }

/* ---- light ---- */

enum { CENTER, STRENGTH, INVERSE_DURATION, OMEGA, PHASE, CHIRP, HELICITY, ROTATION, X_AXIS, Y_AXIS = X_AXIS + 3,
       BEGIN = Y_AXIS + 3, END, EDGE, TOTAL };
enum { GAUSSIAN, SECH2, FLAT_TOP, FEW_CYCLE, SAMPLED };
static_assert(TOTAL == LATTICE_LIGHT_PARAMETERS, "parameters of a light");

const double FOUR_LN2 = 2.7725887222397811; /* 4 ln 2 */
const double SECH = 1.7627471740390861;     /* 2 arcosh √2 */
const double HALF_VALUE = 0.38533935051712676; /* erf⁻¹(√2 − 1) */

ALWAYS_INLINE real flat_top(real x, real width)
{
    real y;
    for (int lane = 0; lane < LANES; lane++) {
        const double half = 0.5 + HALF_VALUE * width[lane];
        y[lane] = 0.5 * (erf((x[lane] + half) / width[lane]) - erf((x[lane] - half) / width[lane]));
    }
    return y;
}

/* Components of a sampled field at times s after its centre. */
void sampled(const lattice_light &light, real s, real &e_x, real &e_y)
{
    for (int lane = 0; lane < LANES; lane++) {
        int low = 0, high = light.n_pieces;
        const double at = s[lane];
        e_x[lane] = e_y[lane] = 0.0;
        if (!(at >= light.knot[0] && at <= light.knot[high]))
            continue;
        while (high - low > 1) {
            const int middle = (low + high) / 2;
            if (at < light.knot[middle])
                high = middle;
            else
                low = middle;
        }
        const double *c = light.piece + 12L * low, d = at - light.knot[low];
        double x = c[0], y = c[1];
        for (int i = 1; i < 6; i++) {
            x = x * d + c[2 * i];
            y = y * d + c[2 * i + 1];
        }
        e_x[lane] = x;
        e_y[lane] = y;
    }
}

/* Add the field of one register of trajectories at time t. `parameter` points to that of the first lane. */
ALWAYS_INLINE void shine(const lattice_light &light, const double *parameter, long stride, double t, real *E)
{
    real p[TOTAL];
    for (int i = 0; i < TOTAL; i++)
        memcpy(&p[i], parameter + i * stride, sizeof(real));
    const real s = t - p[CENTER], x = s * p[INVERSE_DURATION];
    const mask lit = (s >= p[BEGIN]) & (s <= p[END]);
    real along_x, along_y;
    if (light.shape == SAMPLED) {
        sampled(light, s, along_x, along_y);
        along_x *= p[STRENGTH];
        along_y *= p[HELICITY] * p[STRENGTH];
    } else {
        real envelope, sine, cosine;
        if (light.shape == SECH2) {
            const real e = exponential(-SECH * absolute(x));
            envelope = 2.0 * e / (1.0 + e * e);
        } else if (light.shape == FLAT_TOP) {
            envelope = flat_top(x, p[EDGE]);
        } else {
            envelope = exponential(-0.5 * FOUR_LN2 * x * x);
        }
        envelope *= p[STRENGTH];
        turn(p[OMEGA] * s + p[PHASE] + p[CHIRP] * s * s, sine, cosine);
        if (light.shape == FEW_CYCLE) { /* E = dF/dt, as lattice.dynamics.pulse has it */
            const real carrier = envelope + 2.0 * envelope * p[CHIRP] * s / p[OMEGA];
            const real slope = -FOUR_LN2 * x * envelope * p[INVERSE_DURATION] / p[OMEGA];
            const real frame = p[ROTATION] / p[OMEGA] * envelope;
            along_x = carrier * cosine + slope * sine + p[HELICITY] * frame * cosine;
            along_y = p[HELICITY] * (carrier * sine - slope * cosine) + frame * sine;
        } else {
            along_x = envelope * cosine;
            along_y = p[HELICITY] * envelope * sine;
        }
    }
    real sine, cosine;
    turn(p[ROTATION] * s, sine, cosine);
    const real turned_x = cosine * along_x - sine * along_y, turned_y = sine * along_x + cosine * along_y;
    for (int axis = 0; axis < 3; axis++) {
        const real component = turned_x * p[X_AXIS + axis] + turned_y * p[Y_AXIS + axis];
        E[axis] += choose(lit, component, real{});
    }
}

/* Field of all lights at time t: (3,) */
__attribute__((noinline)) void field(const Block &b, double t, pack *E)
{
    const Job &job = *b.job;
    for (int axis = 0; axis < 3; axis++)
        E[axis] = fill(0.0);
    for (int i = 0; i < job.n_lights; i++)
        for (int u = 0; u < UNROLL; u++) {
            real sum[3] = {E[0].v[u], E[1].v[u], E[2].v[u]};
            shine(job.light[i], job.light[i].parameter + b.first + u * LANES, job.stride, t, sum);
            for (int axis = 0; axis < 3; axis++)
                E[axis].v[u] = sum[axis];
        }
}

/* Times between which the field of the block is not zero. */
void find_light(Block &b)
{
    const Job &job = *b.job;
    b.on = HUGE_VAL;
    b.off = -HUGE_VAL;
    for (int i = 0; i < job.n_lights; i++) {
        const double *p = job.light[i].parameter + b.first;
        for (int lane = 0; lane < BLOCK; lane++) {
            const double center = p[CENTER * job.stride + lane];
            const double begin = center + p[BEGIN * job.stride + lane], end = center + p[END * job.stride + lane];
            b.on = begin < b.on ? begin : b.on;
            b.off = end > b.off ? end : b.off;
        }
    }
}

/* ---- force of the table ---- */

ALWAYS_INLINE void multiply_products(const Block &b, int from, int to)
{
    const int *factor = b.job->product;
    pack *product = b.X + b.job->n + LEAVES;
    for (int p = from; p < to; p++)
        product[p] = b.X[factor[2 * p]] * b.X[factor[2 * p + 1]];
}

template <bool OWN> ALWAYS_INLINE pack row_sum(const Block &b, const int *row, pack sum)
{
    const Job &job = *b.job;
    for (int k = row[1]; k < row[2]; k++)
        sum += scaled<OWN>(b, job.value, k, b.X[job.column[k]]);
    return sum;
}

enum { ROW, ROW_END, INNER, INNER_END, MODE, MODE_END, NEAR, NEAR_END, LEDGER_ROW, NEEDS_LIGHT, SECTION };

/* Force of one section of the table, in F of the coordinates that it pushes; with a ledger 0 in F of the others. */
template <bool OWN> ALWAYS_INLINE void section_force(const Block &b, const int *section)
{
    const Job &job = *b.job;
    const int *row = job.row + 4 * section[ROW];
    for (int i = 0; b.book && i < job.n; i++)
        b.F[i] = fill(0.0);
    for (int i = section[MODE]; i < section[MODE_END]; i++, row += 4)
        b.F[row[0]] = row_sum<OWN>(b, row, fill(0.0));
    for (int i = 0; i < LEAVES; i++)
        b.F[job.n + i] = fill(0.0);
    for (int i = section[INNER]; i < section[INNER_END]; i++)
        b.F[job.inner[i]] = fill(0.0);
    for (const int *end = job.row + 4 * section[ROW_END]; row < end; row += 4) {
        const int *factor = job.product + 2 * (row[0] - job.n - LEAVES);
        const pack sum = row_sum<OWN>(b, row, row[3] ? b.F[row[0]] : fill(0.0));
        b.F[factor[0]] += sum * b.X[factor[1]];
        b.F[factor[1]] += sum * b.X[factor[0]];
    }
}

/* Book weight × force of a section as changes of l_st. */
void book_kick(const Block &b, double weight, const int *section)
{
    const Job &job = *b.job;
    for (int k = section[NEAR]; k < section[NEAR_END]; k++) {
        const int i = job.near[k], s = job.link[2 * i], t = job.link[2 * i + 1];
        double *account = job.ledger + ((long)section[LEDGER_ROW] * job.n_links + i) * job.stride + b.first;
        store(account, load(account) + weight * (b.X[s] * b.F[t] - b.X[t] * b.F[s]));
    }
}

template <bool OWN> ALWAYS_INLINE void kick(const Block &b, double weight, double t, bool light, pack *P)
{
    const Job &job = *b.job;
    const bool lit = light && t >= b.on && t <= b.off;
    if (lit)
        field(b, t, b.X + job.n);
    multiply_products(b, 0, lit ? job.n_products : job.n_dark_products);
    for (int i = 0; i < job.n_sections; i++) {
        const int *section = job.section + SECTION * i;
        if (section[NEEDS_LIGHT] && !lit)
            continue;
        section_force<OWN>(b, section);
        for (int k = section[MODE]; k < section[MODE_END]; k++)
            P[job.mode[k]] += weight * b.F[job.mode[k]];
        if (b.book)
            book_kick(b, weight, section);
    }
}

/* ---- drifts ---- */

template <bool OWN> ALWAYS_INLINE void drift(const Block &b, const double *flow, long k, pack *Q, pack *P)
{
    const int n = b.job->n;
    for (int s = 0; s < n; s++) {
        const long m = 4 * (k * n + s);
        const pack q = Q[s], p = P[s];
        Q[s] = scaled<OWN>(b, flow, m, q) + scaled<OWN>(b, flow, m + 1, p);
        P[s] = scaled<OWN>(b, flow, m + 2, q) + scaled<OWN>(b, flow, m + 3, p);
    }
}

/* Book restoring and damping torques of drift k: bilinear forms of the state before it. */
template <bool OWN> void book_drift(const Block &b, const double *integral, long k, const pack *Q, const pack *P)
{
    const Job &job = *b.job;
    for (int i = 0; i < job.n_links; i++) {
        const int s = job.link[2 * i], t = job.link[2 * i + 1];
        const pack product[4] = {Q[s] * Q[t], Q[s] * P[t], P[s] * Q[t], P[s] * P[t]};
        const int rows[2] = {job.harmonic_row, job.damping_row};
        for (int r = 0; r < 2; r++) {
            double *account = job.ledger + ((long)rows[r] * job.n_links + i) * job.stride + b.first;
            pack sum = load(account);
            for (int c = 0; c < 4; c++)
                sum += scaled<OWN>(b, integral, 8 * (k * job.n_links + i) + 4 * r + c, product[c]);
            store(account, sum);
        }
    }
}

/* ---- random increments ---- */

/* Increments number `index` of (Q, P) of every coordinate. */
template <bool OWN> void draw(const Block &b, const double *noise, uint64_t index, pack *shock)
{
    const Job &job = *b.job;
    for (int s = 0; s < job.n; s += 2)
        for (int u = 0; u < UNROLL; u++) {
            word c[4] = {word{} + (index & 0xffffffffULL), word{} + (index >> 32), word{},
                         word{} + (uint64_t)(0x80000000U | (uint32_t)s)};
            memcpy(&c[2], job.number + b.first + u * LANES, sizeof(word));
            philox(c, job.seed);
            for (int i = 0; i < 2 && s + i < job.n; i++) {
                real x, y, w[3];
                normal_pair(c[2 * i], c[2 * i + 1], x, y);
                for (int j = 0; j < 3; j++) {
                    if (OWN)
                        memcpy(&w[j], noise + (3L * (s + i) + j) * job.stride + b.first + u * LANES, sizeof(real));
                    else
                        w[j] = splat(noise[3 * (s + i) + j]);
                }
                shock[s + i].v[u] = b.sigma.v[u] * (w[0] * x);
                shock[job.n + s + i].v[u] = b.sigma.v[u] * (w[1] * x + w[2] * y);
            }
        }
}

/* Add the increments, two of half the length one after the other where `pair`, and book what they change. */
template <bool OWN> void shake(const Block &b, const Step &step, uint64_t index, bool pair, pack *Q, pack *P)
{
    const Job &job = *b.job;
    const int n = job.n;
    pack *shock = b.shock;
    draw<OWN>(b, step.noise, index, shock);
    if (pair) {
        drift<OWN>(b, step.half_flow, 0, shock, shock + n);
        draw<OWN>(b, step.noise, index + 1, shock + 2 * n);
        for (int i = 0; i < 2 * n; i++)
            shock[i] += shock[2 * n + i];
    }
    for (int i = 0; b.book && i < job.n_links; i++) {
        const int s = job.link[2 * i], t = job.link[2 * i + 1];
        double *account = job.ledger + ((long)job.noise_row * job.n_links + i) * job.stride + b.first;
        const pack change = Q[s] * shock[n + t] + shock[s] * (P[t] + shock[n + t]) - Q[t] * shock[n + s]
                            - shock[t] * (P[s] + shock[n + s]);
        store(account, load(account) + change);
    }
    for (int s = 0; s < n; s++) {
        Q[s] += shock[s];
        P[s] += shock[n + s];
    }
}

/* ---- steps ---- */

/* `steps` steps from time t; `index` is the number of the step, in steps of the run. */
template <bool OWN> void advance_table(const Block &b, const Step &step, double t, int steps, pack *Q, pack *P)
{
    const Job &job = *b.job;
    const int n = job.n;
    memcpy((void *)b.X, Q, n * sizeof(pack));
    for (int i = 0; i < steps; i++) {
        const double begin = t + i * step.step;
        const bool light = begin <= b.off && begin + step.step >= b.on;
        for (int k = 0; k <= step.n_kicks; k++) {
            if (b.book)
                book_drift<OWN>(b, step.integral, k, b.X, P);
            drift<OWN>(b, step.flow, k, b.X, P);
            if (k < step.n_kicks)
                kick<OWN>(b, step.kick[k], begin + step.kick_time[k], light, P);
        }
    }
    memcpy((void *)Q, b.X, n * sizeof(pack));
}

template <bool OWN>
void advance_bath(const Block &b, const Step &step, double t, int steps, uint64_t index, bool pair, pack *Q, pack *P)
{
    const Job &job = *b.job;
    const int n = job.n;
    const double half = 0.5 * step.step;
    const bool light = t <= b.off && t + steps * step.step >= b.on;
    memcpy((void *)b.X, Q, n * sizeof(pack));
    kick<OWN>(b, half, t, light, P);
    for (int i = 0; i < steps; i++) {
        if (b.book)
            book_drift<OWN>(b, step.integral, 0, b.X, P);
        drift<OWN>(b, step.flow, 0, b.X, P);
        shake<OWN>(b, step, index, pair, b.X, P);
        index += pair ? 2 : 1;
        kick<OWN>(b, i + 1 < steps ? step.step : half, t + (i + 1) * step.step, light, P);
    }
    memcpy((void *)Q, b.X, n * sizeof(pack));
}

#include "ensemble_pattern.h"

/* One interval, or two with steps twice as long. */
void advance(const Block &b, const Step &step, int interval, bool pair, pack *Q, pack *P)
{
    const Job &job = *b.job;
    const double t = interval * job.interval;
    if (job.bath) {
        const uint64_t index = (uint64_t)interval * (uint64_t)job.steps;
        if (job.own)
            advance_bath<true>(b, step, t, job.steps, index, pair, Q, P);
        else if (job.pattern)
            advance_pattern_bath(b, step, t, job.steps, index, pair, Q, P);
        else
            advance_bath<false>(b, step, t, job.steps, index, pair, Q, P);
    } else if (job.own) {
        advance_table<true>(b, step, t, job.steps, Q, P);
    } else if (job.pattern) {
        advance_pattern(b, step, t, job.steps, Q, P);
    } else {
        advance_table<false>(b, step, t, job.steps, Q, P);
    }
}

/* ---- what is gathered ---- */

ALWAYS_INLINE void raise_peak(double *peak, const pack &value)
{
    pack old = load(peak);
    for (int u = 0; u < UNROLL; u++)
        old.v[u] = choose(absolute(value.v[u]) > absolute(old.v[u]), value.v[u], old.v[u]);
    store(peak, old);
}

ALWAYS_INLINE void add_to(double *sum, const pack &value) { store(sum, load(sum) + value); }

__attribute__((noinline)) void observe(const Block &b, int interval, const pack *Q, const pack *P)
{
    const Job &job = *b.job;
    const long stride = job.stride;
    for (int s = 0; s < job.n; s++) {
        const long place = s * stride + b.first;
        raise_peak(job.Q_peak + place, Q[s]);
        add_to(job.Q_square + place, Q[s] * Q[s]);
        add_to(job.P_square + place, P[s] * P[s]);
    }
    for (int i = 0; i < job.n_forms; i++) {
        pack L = fill(0.0);
        for (int j = job.form_start[i]; j < job.form_start[i + 1]; j++) {
            const int s = job.link[2 * job.form_link[j]], t = job.link[2 * job.form_link[j] + 1];
            L += job.form_weight[j] * (Q[s] * P[t] - Q[t] * P[s]);
        }
        raise_peak(job.form_peak + i * stride + b.first, L);
        add_to(job.form_sum + i * stride + b.first, L);
    }
    const double *line = job.line + 2L * interval * job.n_lines;
    double *sum = job.line_sum + b.first;
    for (int i = 0; i < 2 * job.n_lines; i++)
        for (int s = 0; s < job.n; s++, sum += stride)
            add_to(sum, line[i] * Q[s]);
}

void take_signal(const Block &b, int time, const pack *Q)
{
    const Job &job = *b.job;
    for (int i = 0; i < job.n_signals; i++) {
        pack sum = fill(0.0);
        for (int s = 0; s < job.n; s++)
            sum += job.signal_weight[i * job.n + s] * Q[s];
        store(job.signal + ((long)time * job.n_signals + i) * job.stride + b.first, sum);
    }
}

/* 1 where every coordinate is finite, else 0 */
pack finite(int n, const pack *Q, const pack *P)
{
    pack y;
    for (int u = 0; u < UNROLL; u++) {
        real x = real{};
        for (int s = 0; s < n; s++)
            x += (Q[s].v[u] - Q[s].v[u]) + (P[s].v[u] - P[s].v[u]);
        y.v[u] = choose(x == 0.0, splat(1.0), real{});
    }
    return y;
}

/* Compare the two states, which are at the same time. */
void compare(const Block &b)
{
    const Job &job = *b.job;
    for (int s = 0; s < job.n; s++) {
        raise_peak(job.change + s * job.stride + b.first, b.fast_Q[s] - b.slow_Q[s]);
        raise_peak(job.scale + s * job.stride + b.first, b.fast_Q[s]);
    }
    add_to(job.alive + job.stride + b.first, finite(job.n, b.slow_Q, b.slow_P));
}

void run(Block &b)
{
    const Job &job = *b.job;
    for (int s = 0; s < job.n; s++) {
        b.slow_Q[s] = b.fast_Q[s] = lanes_of(b, job.Q0, s);
        b.slow_P[s] = b.fast_P[s] = lanes_of(b, job.P0, s);
    }
    for (int axis = 0; axis < 3; axis++)
        b.X[job.n + axis] = fill(0.0);
    b.X[job.n + 3] = fill(1.0);
    b.sigma = lanes_of(b, job.sigma, 0);
    b.book = job.book;
    find_light(b);
    int time = 0;
    for (int interval = 0;; interval++) {
        if (interval >= job.first)
            observe(b, interval, b.fast_Q, b.fast_P);
        while (time < job.n_times && job.signal_interval[time] == interval)
            take_signal(b, time++, b.fast_Q);
        if (interval > 0 && interval % 2 == 0) {
            add_to(job.alive + b.first, finite(job.n, b.fast_Q, b.fast_P));
            if (job.check) {
                b.book = false;
                advance(b, job.coarse, interval - 2, true, b.slow_Q, b.slow_P);
                b.book = job.book;
                compare(b);
            }
        }
        if (interval == job.n_intervals)
            break;
        advance(b, job.fine, interval, false, b.fast_Q, b.fast_P);
    }
    for (int s = 0; s < job.n; s++) {
        store(job.Q_end + s * job.stride + b.first, b.fast_Q[s]);
        store(job.P_end + s * job.stride + b.first, b.fast_P[s]);
    }
}

long packs_of(const Job *job) { return 2L * (job->n + LEAVES + job->n_products) + 8L * job->n; }

}  // namespace

#define JOIN(a, b) a##b
#define NAME(prefix, level) JOIN(prefix, level)

extern "C" int NAME(lattice_ensemble_lanes_, LEVEL)(void) { return BLOCK; }

extern "C" long NAME(lattice_ensemble_work_, LEVEL)(const lattice_ensemble *job) { return packs_of(job) * BLOCK; }

extern "C" void NAME(lattice_ensemble_, LEVEL)(const lattice_ensemble *job, long first, double *work)
{
    const int n = job->n, width = n + LEAVES + job->n_products;
    Block b;
    b.job = job;
    b.first = first;
    b.X = (pack *)work;
    b.F = b.X + width;
    b.fast_Q = b.F + width;
    b.fast_P = b.fast_Q + n;
    b.slow_Q = b.fast_P + n;
    b.slow_P = b.slow_Q + n;
    b.shock = b.slow_P + n;
    run(b);
}
