/*
 * Trajectories of real normal coordinates under a table of polynomial terms, one in each SIMD lane.
 *
 * Without a bath a step is a composition of exact damped-harmonic drifts and kicks by all terms (Blanes and Moan), in a
 * bath half a kick, the exact Ornstein–Uhlenbeck step, half a kick. The force comes from V = ½ X^T S X with X = (Q, E, 1,
 * needed products): a sparse product S X, then the chain rule through the products. What is asked for is gathered as the
 * trajectory runs, so nothing is stored over time. A lane's bits depend on its own trajectory alone: where only some
 * lanes of a block see light, the others add zeros.
 *
 * Ledger: every sub-step's change of l_st = Q_s P_t − Q_t P_s is booked on (row, linked pair s, t), that of
 * ½ (P_s² + ω_s² Q_s²) on (row, coordinate s).
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

/*
 * Gaussian fields as phasors z = exp(a(t)) with quadratic a, one for each kick of a step: from step to step z → z r,
 * r → z q. They are computed anew at the beginning of every group of steps, counted from the start of the run, and are
 * zero where the group has no light: both depend on the trajectory alone.
 */
struct Wave {
    pack *phasor; /* (n_lights, n_kicks, 4): z, r */
    pack *pace;   /* (n_lights, 2): q */
    pack *along;  /* (n_lights, 6): x̂, helicity ŷ */
    long next;    /* step for which they stand, −1 for none */
};

const int GROUP = 16; /* steps */
const int PATTERN_WEIGHTS = 9;
const int MAX_KICKS = 16; /* of a composition whose force is written out */

/* What is gathered over the run, until its end. */
struct Sums {
    pack *Q_peak, *Q_square, *P_square, *form_peak, *form_sum, *line_sum, *ledger, *energy, *change, *scale, *alive;
};

/* Everything of one block of trajectories. */
struct Block {
    const Job *job;
    long first;      /* trajectory in lane 0 */
    double on, off;  /* ps between which some lane has a field */
    bool axis[3];    /* whether a field has a component along x, y, z */
    bool book;       /* whether changes of angular momentum are booked now */
    bool book_energy; /* whether those of energy are */
    pack sigma;
    pack *X, *F;     /* scratch: (n + LEAVES + n_products) */
    pack *fast_Q, *fast_P, *slow_Q, *slow_P; /* states: of the run's own steps, and of those twice as long */
    pack *shock;     /* (4 n) random increments of Q, P */
    pack *before, *push; /* (n), (n_pushes): P before a kick, and what the sections add to it; with an energy ledger */
    Wave wave[2];    /* of the run's own steps, and of those twice as long */
    double *pattern[2]; /* (n_kicks, PATTERN_WEIGHTS) of the written-out force, times the weight of each kick */
    Sums sums;
};

/* Number `item` of an array that is the same for all trajectories, or each one's own: that of register u. */
template <bool OWN> ALWAYS_INLINE real number(const Block &b, const double *p, long item, int u)
{
    if (!OWN)
        return splat(p[item]);
    real x;
    memcpy(&x, p + item * b.job->stride + b.first + u * LANES, sizeof(real));
    return x;
}

ALWAYS_INLINE pack lanes_of(const Block &b, const double *p, long item) { return load(p + item * b.job->stride + b.first); }

/* ---- light ---- */

enum { CENTER, STRENGTH, INVERSE_DURATION, OMEGA, PHASE, CHIRP, HELICITY, ROTATION, X_AXIS, Y_AXIS = X_AXIS + 3,
       BEGIN = Y_AXIS + 3, END, EDGE, TOTAL };
enum { GAUSSIAN, SECH2, FLAT_TOP, FEW_CYCLE, SAMPLED, STEADY };
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

/* Phasors of the next step, in register u */
ALWAYS_INLINE void go_on(pack *z, const pack *q, int u)
{
    const real re = z[0].v[u], im = z[1].v[u], r_re = z[2].v[u], r_im = z[3].v[u], q_re = q[0].v[u], q_im = q[1].v[u];
    z[0].v[u] = re * r_re - im * r_im;
    z[1].v[u] = re * r_im + im * r_re;
    z[2].v[u] = r_re * q_re - r_im * q_im;
    z[3].v[u] = r_re * q_im + r_im * q_re;
}

/* The same with nothing but the table, for fields that are no phasors. */
__attribute__((noinline)) void shine_alone(const Block &b, const lattice_light &light, double t, int u, real *E)
{
    shine(light, light.parameter + b.first + u * LANES, b.job->stride, t, E);
}

/*
 * Field of register u at time t, the one of kick k: (3,). Steady lights come from the phasors, where there are any, which
 * go on to the next step.
 */
ALWAYS_INLINE void field_of(const Block &b, double t, const Wave *wave, int k, int u, real *E)
{
    const Job &job = *b.job;
    for (int axis = 0; axis < 3; axis++)
        E[axis] = real{};
    for (int i = 0; i < job.n_lights; i++) {
        if (job.light[i].shape != STEADY || wave == NULL) {
            shine_alone(b, job.light[i], t, u, E);
            continue;
        }
        pack *z = wave->phasor + 4L * (i * job.fine.n_kicks + k);
        const pack *along = wave->along + 6 * i;
        const real re = z[0].v[u], im = z[1].v[u];
        for (int axis = 0; axis < 3; axis++)
            if (b.axis[axis])
                E[axis] += re * along[axis].v[u] + im * along[3 + axis].v[u];
        go_on(z, wave->pace + 2 * i, u);
    }
}

/* Field of all registers */
void field(const Block &b, double t, const Wave *wave, int k, pack *E)
{
    for (int u = 0; u < UNROLL; u++) {
        real sum[3];
        field_of(b, t, wave, k, u, sum);
        for (int axis = 0; axis < 3; axis++)
            E[axis].v[u] = sum[axis];
    }
}

/* Phasors of one register of trajectories at the first step of a group, with steps h: z, r, where `pace` q; x̂, helicity ŷ. */
ALWAYS_INLINE void seed_phasor(const double *parameter, long stride, double t, double h, double begin, bool pace, real *out)
{
    real p[TOTAL];
    for (int i = 0; i < TOTAL; i++)
        memcpy(&p[i], parameter + i * stride, sizeof(real));
    const mask lit = (begin + GROUP * h - p[CENTER] >= p[BEGIN]) & (begin - p[CENTER] <= p[END]);
    const real s = t - p[CENTER], decay = 0.5 * FOUR_LN2 * p[INVERSE_DURATION] * p[INVERSE_DURATION];
    const real size[3] = {-decay * s * s, -decay * h * (2.0 * s + h), -2.0 * decay * h * h};
    const real angle[3] = {p[OMEGA] * s + p[PHASE] + p[CHIRP] * s * s, p[OMEGA] * h + p[CHIRP] * h * (2.0 * s + h),
                           2.0 * p[CHIRP] * h * h};
    for (int i = 0; i < (pace ? 3 : 2); i++) {
        real sine, cosine;
        turn(angle[i], sine, cosine);
        const real e = exponential(size[i]) * (i == 0 ? p[STRENGTH] : splat(1.0));
        out[2 * i] = choose(lit, e * cosine, real{});
        out[2 * i + 1] = choose(lit, e * sine, real{});
    }
    for (int axis = 0; axis < 3; axis++) {
        out[6 + axis] = p[X_AXIS + axis];
        out[9 + axis] = p[HELICITY] * p[Y_AXIS + axis];
    }
}

/* Bring the phasors to step `index`, counted from the start of the run. */
void prepare_light(const Block &b, const Step &step, Wave &wave, long index)
{
    const Job &job = *b.job;
    const long first = index - index % GROUP;
    if (index == first || wave.next != index) {
        for (int i = 0; i < job.n_lights; i++) {
            if (job.light[i].shape != STEADY)
                continue;
            for (int k = 0; k < step.n_kicks; k++) {
                pack *z = wave.phasor + 4L * (i * step.n_kicks + k);
                for (int u = 0; u < UNROLL; u++) {
                    real x[12];
                    const double begin = first * step.step;
                    seed_phasor(job.light[i].parameter + b.first + u * LANES, job.stride, begin + step.kick_time[k],
                                step.step, begin, k == 0, x);
                    for (int c = 0; c < 4; c++)
                        z[c].v[u] = x[c];
                    for (int c = 0; c < 2 && k == 0; c++)
                        wave.pace[2 * i + c].v[u] = x[4 + c];
                    for (int c = 0; c < 6 && k == 0; c++)
                        wave.along[6 * i + c].v[u] = x[6 + c];
                }
                for (long at = first; at < index; at++)
                    for (int u = 0; u < UNROLL; u++)
                        go_on(z, wave.pace + 2 * i, u);
            }
        }
    }
    wave.next = index + 1;
}

/* Whether some lane may have light in the group of steps that `index` is in. */
bool has_light(const Block &b, const Step &step, long index)
{
    const double begin = (index - index % GROUP) * step.step;
    return begin <= b.off && begin + GROUP * step.step >= b.on;
}

/* Times between which the field of the block is not zero. */
void find_light(Block &b)
{
    const Job &job = *b.job;
    b.wave[0].next = b.wave[1].next = -1;
    b.axis[0] = b.axis[1] = b.axis[2] = false;
    b.on = HUGE_VAL;
    b.off = -HUGE_VAL;
    for (int i = 0; i < job.n_lights; i++) {
        const double *p = job.light[i].parameter + b.first;
        for (int axis = 0; axis < 3; axis++)
            for (int lane = 0; lane < BLOCK; lane++)
                b.axis[axis] |= p[(X_AXIS + axis) * job.stride + lane] != 0.0 || p[(Y_AXIS + axis) * job.stride + lane] != 0.0;
        for (int lane = 0; lane < BLOCK; lane++) {
            const double center = p[CENTER * job.stride + lane];
            const double begin = center + p[BEGIN * job.stride + lane], end = center + p[END * job.stride + lane];
            b.on = begin < b.on ? begin : b.on;
            b.off = end > b.off ? end : b.off;
        }
    }
}

/* ---- force of the table ---- */

/* Products from, …, to − 1; the first factor stays in registers while it is the same, for which the table is sorted. */
ALWAYS_INLINE void multiply_products(const Block &b, int from, int to)
{
    const int *factor = b.job->product;
    pack *product = b.X + b.job->n + LEAVES;
    for (int p = from; p < to;) {
        const int shared = factor[2 * p];
        const pack x = b.X[shared];
        do {
            const pack &y = b.X[factor[2 * p + 1]];
            UNROLLED for (int u = 0; u < UNROLL; u++) product[p].v[u] = x.v[u] * y.v[u];
            p++;
        } while (p < to && factor[2 * p] == shared);
    }
}

template <bool OWN> ALWAYS_INLINE void add_row(const Block &b, const int *row, pack &sum)
{
    const Job &job = *b.job;
    for (int k = row[1]; k < row[2]; k++) {
        const pack &x = b.X[job.column[k]];
        UNROLLED for (int u = 0; u < UNROLL; u++) sum.v[u] += number<OWN>(b, job.value, k, u) * x.v[u];
    }
}

enum { ROW, ROW_END, INNER, INNER_END, MODE, MODE_END, NEAR, NEAR_END, LEDGER_ROW, NEEDS_LIGHT, SECTION };

/*
 * Chain rule through products that share their first factor, from `row` on: return the first row after them. The force
 * on that factor stays in registers until its products are done.
 */
template <bool OWN> ALWAYS_INLINE const int *chain(const Block &b, const int *row, const int *end)
{
    const int *factor = b.job->product;
    const int leaves = b.job->n + LEAVES, shared = factor[2 * (row[0] - leaves)];
    pack force = b.F[shared];
    const pack x = b.X[shared];
    do {
        const int other = factor[2 * (row[0] - leaves) + 1];
        pack sum = row[3] ? b.F[row[0]] : fill(0.0);
        add_row<OWN>(b, row, sum);
        if (other == shared) {
            UNROLLED for (int u = 0; u < UNROLL; u++) force.v[u] += 2.0 * sum.v[u] * x.v[u];
        } else {
            const pack &y = b.X[other];
            pack &push = b.F[other];
            UNROLLED for (int u = 0; u < UNROLL; u++) force.v[u] += sum.v[u] * y.v[u];
            UNROLLED for (int u = 0; u < UNROLL; u++) push.v[u] += sum.v[u] * x.v[u];
        }
        row += 4;
    } while (row < end && factor[2 * (row[0] - leaves)] == shared);
    b.F[shared] = force;
    return row;
}

/* Force of one section of the table, in F of the coordinates that it pushes; with a ledger 0 in F of the others. */
template <bool OWN> ALWAYS_INLINE void section_force(const Block &b, const int *section)
{
    const Job &job = *b.job;
    const int *row = job.row + 4 * section[ROW];
    for (int i = 0; b.book && i < job.n; i++)
        b.F[i] = fill(0.0);
    for (int i = section[MODE]; i < section[MODE_END]; i++, row += 4) {
        pack sum = fill(0.0);
        add_row<OWN>(b, row, sum);
        b.F[row[0]] = sum;
    }
    for (int i = 0; section[NEEDS_LIGHT] && i < LEAVES; i++)
        b.F[job.n + i] = fill(0.0);
    for (int i = section[INNER]; i < section[INNER_END]; i++)
        b.F[job.inner[i]] = fill(0.0);
    for (const int *end = job.row + 4 * section[ROW_END]; row < end;)
        row = chain<OWN>(b, row, end);
}

/* Book weight × force of a section as changes of l_st. */
void book_kick(const Block &b, double weight, const int *section)
{
    const Job &job = *b.job;
    for (int k = section[NEAR]; k < section[NEAR_END]; k++) {
        const int i = job.near[k], s = job.link[2 * i], t = job.link[2 * i + 1];
        pack &account = b.sums.ledger[(long)section[LEDGER_ROW] * job.n_links + i];
        UNROLLED for (int u = 0; u < UNROLL; u++)
            account.v[u] += weight * (b.X[s].v[u] * b.F[t].v[u] - b.X[t].v[u] * b.F[s].v[u]);
    }
}

/* Keep weight × force of a section until the kick is complete. */
void keep_push(const Block &b, double weight, const int *section)
{
    for (int m = section[MODE]; m < section[MODE_END]; m++)
        b.push[m] = weight * b.F[b.job->mode[m]];
}

/* Book the work of every section of a kick: its push times the mean of the momenta before and after the whole kick. */
void book_work(const Block &b, bool lit, const pack *P)
{
    const Job &job = *b.job;
    for (int i = 0; i < job.n_sections; i++) {
        const int *section = job.section + SECTION * i;
        if (section[NEEDS_LIGHT] && !lit)
            continue;
        for (int m = section[MODE]; m < section[MODE_END]; m++) {
            const int s = job.mode[m];
            pack &account = b.sums.energy[(long)section[LEDGER_ROW] * job.n + s];
            UNROLLED for (int u = 0; u < UNROLL; u++)
                account.v[u] += b.push[m].v[u] * (0.5 * (b.before[s].v[u] + P[s].v[u]));
        }
    }
}

/* Kick P; where `late`, not by the first section, whose force is left in F for the drift. */
template <bool OWN>
ALWAYS_INLINE void kick(const Block &b, double weight, double t, bool lit, const Wave *wave, int k, bool late, pack *P)
{
    const Job &job = *b.job;
    if (lit)
        field(b, t, wave, k, b.X + job.n);
    multiply_products(b, 0, lit ? job.n_products : job.n_dark_products);
    if (b.book_energy)
        memcpy((void *)b.before, P, job.n * sizeof(pack));
    for (int i = job.n_sections - 1; i >= 0; i--) {
        const int *section = job.section + SECTION * i;
        if (section[NEEDS_LIGHT] && !lit)
            continue;
        section_force<OWN>(b, section);
        if (late && i == 0)
            break;
        for (int m = section[MODE]; m < section[MODE_END]; m++) {
            const pack &force = b.F[job.mode[m]];
            UNROLLED for (int u = 0; u < UNROLL; u++) P[job.mode[m]].v[u] += weight * force.v[u];
        }
        if (b.book)
            book_kick(b, weight, section);
        if (b.book_energy)
            keep_push(b, weight, section);
    }
    if (b.book_energy)
        book_work(b, lit, P);
}

/* ---- drifts ---- */

/* Drift number k, where PUSHED after a push by weight × F. */
template <bool OWN, bool PUSHED = false>
ALWAYS_INLINE void drift(const Block &b, const double *flow, long k, pack *Q, pack *P, double weight = 0.0)
{
    const int n = b.job->n;
    for (int s = 0; s < n; s++) {
        const long m = 4 * (k * n + s);
        UNROLLED for (int u = 0; u < UNROLL; u++)
        {
            const real q = Q[s].v[u], p = PUSHED ? P[s].v[u] + weight * b.F[s].v[u] : P[s].v[u];
            Q[s].v[u] = number<OWN>(b, flow, m, u) * q + number<OWN>(b, flow, m + 1, u) * p;
            P[s].v[u] = number<OWN>(b, flow, m + 2, u) * q + number<OWN>(b, flow, m + 3, u) * p;
        }
    }
}

/* Book restoring and damping torques of drift k: bilinear forms of the state before it. */
template <bool OWN> void book_drift(const Block &b, const double *integral, long k, const pack *Q, const pack *P)
{
    const Job &job = *b.job;
    for (int i = 0; i < job.n_links; i++) {
        const int s = job.link[2 * i], t = job.link[2 * i + 1];
        const int rows[2] = {job.harmonic_row, job.damping_row};
        for (int r = 0; r < 2; r++) {
            pack &account = b.sums.ledger[(long)rows[r] * job.n_links + i];
            const long w = 8 * (k * job.n_links + i) + 4 * r;
            UNROLLED for (int u = 0; u < UNROLL; u++)
            {
                const real q = Q[s].v[u], p = P[s].v[u];
                account.v[u] += (number<OWN>(b, integral, w, u) * q + number<OWN>(b, integral, w + 2, u) * p) * Q[t].v[u]
                                + (number<OWN>(b, integral, w + 1, u) * q + number<OWN>(b, integral, w + 3, u) * p) * P[t].v[u];
            }
        }
    }
}

/* Book the energy that damping gives in drift k (≤ 0 for one forward in time): −∫ Γ P², a quadratic form of the state. */
template <bool OWN> void book_loss(const Block &b, const double *loss, long k, const pack *Q, const pack *P)
{
    const Job &job = *b.job;
    for (int s = 0; s < job.n; s++) {
        pack &account = b.sums.energy[(long)job.damping_row * job.n + s];
        const long w = 3 * (k * job.n + s);
        UNROLLED for (int u = 0; u < UNROLL; u++)
        {
            const real q = Q[s].v[u], p = P[s].v[u];
            account.v[u] += (number<OWN>(b, loss, w, u) * q + number<OWN>(b, loss, w + 1, u) * p) * q
                            + number<OWN>(b, loss, w + 2, u) * p * p;
        }
    }
}

/* ---- random increments ---- */

/* Increments number `index` of (Q, P) of every coordinate. */
template <bool OWN> void draw(const Block &b, const double *noise, uint64_t index, pack *shock)
{
    const Job &job = *b.job;
    for (int s = 0; s < job.n; s += 2)
        for (int first = 0; first < UNROLL; first += TOGETHER) {
            word c[4][TOGETHER];
            EACH_TOGETHER
            {
                c[0][j] = word{} + (uint64_t)(index & 0xffffffffULL);
                c[1][j] = word{} + (index >> 32);
                memcpy(&c[2][j], job.number + b.first + (first + j) * LANES, sizeof(word));
                c[3][j] = word{} + (uint64_t)(0x80000000U | (uint32_t)s);
            }
            philox(c, job.seed);
            for (int i = 0; i < 2 && s + i < job.n; i++) {
                const long w = 3L * (s + i);
                real x[TOGETHER], y[TOGETHER];
                normal_pair(c[2 * i], c[2 * i + 1], x, y);
                EACH_TOGETHER
                {
                    const int u = first + j;
                    const real in_P = number<OWN>(b, noise, w + 1, u) * x[j] + number<OWN>(b, noise, w + 2, u) * y[j];
                    shock[s + i].v[u] = b.sigma.v[u] * (number<OWN>(b, noise, w, u) * x[j]);
                    shock[job.n + s + i].v[u] = b.sigma.v[u] * in_P;
                }
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
        pack &account = b.sums.ledger[(long)job.noise_row * job.n_links + i];
        const pack change = Q[s] * shock[n + t] + shock[s] * (P[t] + shock[n + t]) - Q[t] * shock[n + s]
                            - shock[t] * (P[s] + shock[n + s]);
        account += change;
    }
    for (int s = 0; b.book_energy && s < n; s++) {
        pack &account = b.sums.energy[(long)job.noise_row * n + s];
        UNROLLED for (int u = 0; u < UNROLL; u++)
        {
            const real dq = shock[s].v[u], dp = shock[n + s].v[u];
            account.v[u] += dp * (P[s].v[u] + 0.5 * dp)
                            + number<OWN>(b, job.omega_squared, s, u) * dq * (Q[s].v[u] + 0.5 * dq);
        }
    }
    for (int s = 0; s < n; s++)
        UNROLLED for (int u = 0; u < UNROLL; u++)
        {
            Q[s].v[u] += shock[s].v[u];
            P[s].v[u] += shock[n + s].v[u];
        }
}

/* ---- steps ---- */

/* Whether nothing is booked and the first section, which is always on, pushes every coordinate. */
bool pushes_late(const Block &b)
{
    const int *section = b.job->section;
    return !b.book && !b.book_energy && b.job->n_sections > 0 && !section[NEEDS_LIGHT]
           && section[MODE_END] - section[MODE] == b.job->n;
}

/* `steps` steps from step `index` on, counted from the start of the run. */
template <bool OWN>
void advance_table(const Block &b, const Step &step, Wave &wave, long index, int steps, pack *Q, pack *P)
{
    const Job &job = *b.job;
    const int n = job.n;
    const bool late = pushes_late(b);
    memcpy((void *)b.X, Q, n * sizeof(pack));
    for (int i = 0; i < steps; i++, index++) {
        const double begin = index * step.step;
        const bool lit = has_light(b, step, index);
        if (lit)
            prepare_light(b, step, wave, index);
        for (int k = 0; k <= step.n_kicks; k++) {
            if (b.book)
                book_drift<OWN>(b, step.integral, k, b.X, P);
            if (b.book_energy)
                book_loss<OWN>(b, step.loss, k, b.X, P);
            if (late && k > 0)
                drift<OWN, true>(b, step.flow, k, b.X, P, step.kick[k - 1]);
            else
                drift<OWN>(b, step.flow, k, b.X, P);
            if (k < step.n_kicks)
                kick<OWN>(b, step.kick[k], begin + step.kick_time[k], lit, &wave, k, late, P);
        }
    }
    memcpy((void *)Q, b.X, n * sizeof(pack));
}

/* The same in a bath; where `pair`, a step holds two random increments. */
template <bool OWN> void advance_bath(const Block &b, const Step &step, long index, int steps, bool pair, pack *Q, pack *P)
{
    const Job &job = *b.job;
    const int n = job.n;
    memcpy((void *)b.X, Q, n * sizeof(pack));
    for (int i = 0; i <= steps; i++, index++) {
        const double t = index * step.step;
        const double weight = i == 0 || i == steps ? 0.5 * step.step : step.step;
        kick<OWN>(b, weight, t, t >= b.on && t <= b.off, NULL, 0, false, P);
        if (i == steps)
            break;
        if (b.book)
            book_drift<OWN>(b, step.integral, 0, b.X, P);
        if (b.book_energy)
            book_loss<OWN>(b, step.loss, 0, b.X, P);
        drift<OWN>(b, step.flow, 0, b.X, P);
        shake<OWN>(b, step, pair ? 2 * index : index, pair, b.X, P);
    }
    memcpy((void *)Q, b.X, n * sizeof(pack));
}

#include "ensemble_pattern.h"

/* One interval, or two with steps twice as long. */
void advance(Block &b, const Step &step, int interval, bool pair, pack *Q, pack *P)
{
    const Job &job = *b.job;
    const long index = (long)(pair ? interval / 2 : interval) * job.steps;
    Wave &wave = b.wave[pair];
    if (job.bath && job.own)
        advance_bath<true>(b, step, index, job.steps, pair, Q, P);
    else if (job.bath && job.pattern)
        advance_pattern_bath(b, step, index, job.steps, pair, Q, P);
    else if (job.bath)
        advance_bath<false>(b, step, index, job.steps, pair, Q, P);
    else if (job.own)
        advance_table<true>(b, step, wave, index, job.steps, Q, P);
    else if (job.pattern)
        advance_pattern(b, step, pair, index, job.steps, Q, P);
    else
        advance_table<false>(b, step, wave, index, job.steps, Q, P);
}

/* ---- what is gathered ---- */

ALWAYS_INLINE void raise_peak(pack &peak, const pack &value)
{
    UNROLLED for (int u = 0; u < UNROLL; u++)
        peak.v[u] = choose(absolute(value.v[u]) > absolute(peak.v[u]), value.v[u], peak.v[u]);
}

__attribute__((noinline)) void observe(const Block &b, int interval, const pack *Q, const pack *P)
{
    const Job &job = *b.job;
    const Sums &sums = b.sums;
    for (int s = 0; job.want_peak && s < job.n; s++)
        raise_peak(sums.Q_peak[s], Q[s]);
    for (int s = 0; job.want_squares && s < job.n; s++) {
        sums.Q_square[s] += Q[s] * Q[s];
        sums.P_square[s] += P[s] * P[s];
    }
    for (int i = 0; i < job.n_forms; i++) {
        pack L = fill(0.0);
        for (int j = job.form_start[i]; j < job.form_start[i + 1]; j++) {
            const int s = job.link[2 * job.form_link[j]], t = job.link[2 * job.form_link[j] + 1];
            UNROLLED for (int u = 0; u < UNROLL; u++)
                L.v[u] += job.form_weight[j] * (Q[s].v[u] * P[t].v[u] - Q[t].v[u] * P[s].v[u]);
        }
        raise_peak(sums.form_peak[i], L);
        sums.form_sum[i] += L;
    }
    const double *line = job.line + 2L * interval * job.n_lines;
    for (int i = 0; i < 2 * job.n_lines; i++)
        for (int s = 0; s < job.n; s++)
            sums.line_sum[i * job.n + s] += line[i] * Q[s];
}

/* Write what was gathered in `count` sums. */
void write_sums(const Block &b, const pack *sum, long count, double *out)
{
    for (long i = 0; i < count; i++)
        store(out + i * b.job->stride + b.first, sum[i]);
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

/* Numbers of the two ledgers */
long ledger_size(const Job &job) { return job.book ? (long)job.n_rows * job.n_links : 0; }
long energy_size(const Job &job) { return job.book_energy ? (long)job.n_rows * job.n : 0; }

/* Keep the ledgers as they are now. */
void take_books(const Block &b, int time)
{
    const Job &job = *b.job;
    write_sums(b, b.sums.ledger, ledger_size(job), job.ledger_series + time * ledger_size(job) * job.stride);
    write_sums(b, b.sums.energy, energy_size(job), job.energy_series + time * energy_size(job) * job.stride);
}

/* Begin or stop booking, as far as books are asked for. */
void set_books(Block &b, bool open)
{
    b.book = open && b.job->book;
    b.book_energy = open && b.job->book_energy;
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
        raise_peak(b.sums.change[s], b.fast_Q[s] - b.slow_Q[s]);
        raise_peak(b.sums.scale[s], b.fast_Q[s]);
    }
    b.sums.alive[1] += finite(job.n, b.slow_Q, b.slow_P);
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
    set_books(b, true);
    find_light(b);
    if (job.pattern) {
        weigh_pairs(job, job.fine, b.pattern[0]);
        weigh_pairs(job, job.coarse, b.pattern[1]);
    }
    int time = 0, book = 0;
    for (int interval = 0;; interval++) {
        if (interval >= job.first)
            observe(b, interval, b.fast_Q, b.fast_P);
        while (time < job.n_times && job.signal_interval[time] == interval)
            take_signal(b, time++, b.fast_Q);
        while (book < job.n_books && job.book_interval[book] == interval)
            take_books(b, book++);
        if (interval > 0 && interval % 2 == 0) {
            b.sums.alive[0] += finite(job.n, b.fast_Q, b.fast_P);
            if (job.check) {
                set_books(b, false);
                advance(b, job.coarse, interval - 2, true, b.slow_Q, b.slow_P);
                set_books(b, true);
                compare(b);
            }
        }
        if (interval == job.n_intervals)
            break;
        advance(b, job.fine, interval, false, b.fast_Q, b.fast_P);
    }
    const int n = job.n;
    write_sums(b, b.fast_Q, n, job.Q_end);
    write_sums(b, b.fast_P, n, job.P_end);
    write_sums(b, b.sums.Q_peak, n, job.Q_peak);
    write_sums(b, b.sums.Q_square, n, job.Q_square);
    write_sums(b, b.sums.P_square, n, job.P_square);
    write_sums(b, b.sums.form_peak, job.n_forms, job.form_peak);
    write_sums(b, b.sums.form_sum, job.n_forms, job.form_sum);
    write_sums(b, b.sums.line_sum, 2L * job.n_lines * n, job.line_sum);
    write_sums(b, b.sums.ledger, ledger_size(job), job.ledger);
    write_sums(b, b.sums.energy, energy_size(job), job.energy);
    write_sums(b, b.sums.change, n, job.change);
    write_sums(b, b.sums.scale, n, job.scale);
    write_sums(b, b.sums.alive, 2, job.alive);
}

/* Lay the block out in `memory`, in packs, and return how many it takes; without memory only that. */
long lay_out(const Job &job, Block &b, double *memory)
{
    const long n = job.n, width = n + LEAVES + job.n_products, kicks = 4L * job.n_lights * job.fine.n_kicks;
    const struct {
        pack **place;
        long count;
    } part[] = {
        {&b.X, width}, {&b.F, width}, {&b.fast_Q, n}, {&b.fast_P, n}, {&b.slow_Q, n}, {&b.slow_P, n}, {&b.shock, 4 * n},
        {&b.wave[0].phasor, kicks}, {&b.wave[0].pace, 2L * job.n_lights}, {&b.wave[0].along, 6L * job.n_lights},
        {&b.wave[1].phasor, kicks}, {&b.wave[1].pace, 2L * job.n_lights}, {&b.wave[1].along, 6L * job.n_lights},
        {&b.sums.Q_peak, n}, {&b.sums.Q_square, n}, {&b.sums.P_square, n}, {&b.sums.form_peak, job.n_forms},
        {&b.sums.form_sum, job.n_forms}, {&b.sums.line_sum, 2L * job.n_lines * n},
        {&b.sums.ledger, ledger_size(job)}, {&b.sums.energy, energy_size(job)}, {&b.sums.change, n},
        {&b.sums.scale, n}, {&b.sums.alive, 2}, {&b.before, job.book_energy ? n : 0},
        {&b.push, job.book_energy ? job.n_pushes : 0},
    };
    long total = 0;
    for (const auto &p : part) {
        if (memory != NULL) {
            *p.place = (pack *)memory + total;
            memset((void *)*p.place, 0, p.count * sizeof(pack));
        }
        total += p.count;
    }
    return total;
}

}  // namespace

#define JOIN(a, b) a##b
#define NAME(prefix, level) JOIN(prefix, level)

extern "C" int NAME(lattice_ensemble_lanes_, LEVEL)(void) { return BLOCK; }

extern "C" long NAME(lattice_ensemble_work_, LEVEL)(const lattice_ensemble *job)
{
    Block b;
    return lay_out(*job, b, NULL) * BLOCK;
}

extern "C" void NAME(lattice_ensemble_, LEVEL)(const lattice_ensemble *job, long first, double *work)
{
    Block b;
    b.job = job;
    b.first = first;
    double pattern[2][MAX_KICKS * PATTERN_WEIGHTS];
    b.pattern[0] = pattern[0];
    b.pattern[1] = pattern[1];
    lay_out(*job, b, work);
    run(b);
}
