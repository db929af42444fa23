/*
 * Forces written out for common small potentials, so that the whole state stays in registers. Part of
 * ensemble_block.cpp.
 *
 * Pattern 1, an E_u and an E_g pair of D3d, u = x + iy and g = X + iY, to fourth order, and linear light:
 *   V = a0 Re g³ + a1 Re(u² g) + a2 |u|⁴ + a3 |g|⁴ + a4 |u|² |g|² + a5 Re(u² g*²) − Σ Z_sα Q_s E_α
 * with the values a0 … a5, then Z (4, 3). Re(u² g*²) = Re u² Re g² + Im u² Im g².
 */

const int PAIRS = 4;                          /* coordinates of pattern 1 */
const int SHARE = LANES >= 8 ? 2 : UNROLL / 2; /* registers of each coordinate that are moved together */
static_assert(UNROLL % SHARE == 0, "a pack is a whole number of shares");

struct Pairs {
    real Q[PAIRS][SHARE], P[PAIRS][SHARE];
};

#define EACH_SHARE UNROLLED for (int i = 0; i < SHARE; i++)
#define EACH_PAIR UNROLLED for (int s = 0; s < PAIRS; s++)

ALWAYS_INLINE void load_pairs(Pairs &x, const pack *Q, const pack *P, int first)
{
    EACH_PAIR EACH_SHARE x.Q[s][i] = Q[s].v[first + i], x.P[s][i] = P[s].v[first + i];
}

ALWAYS_INLINE void store_pairs(const Pairs &x, pack *Q, pack *P, int first)
{
    EACH_PAIR EACH_SHARE Q[s].v[first + i] = x.Q[s][i], P[s].v[first + i] = x.P[s][i];
}

/* P += weight × force */
ALWAYS_INLINE void pairs_kick(const double *a, double weight, Pairs &z)
{
    EACH_SHARE
    {
        const real x = z.Q[0][i], y = z.Q[1][i], X = z.Q[2][i], Y = z.Q[3][i];
        const real x2 = x * x, y2 = y * y, X2 = X * X, Y2 = Y * Y;
        const real u_re = x2 - y2, u_im = 2.0 * x * y, g_re = X2 - Y2, g_im = 2.0 * X * Y;
        const real u = x2 + y2, g = X2 + Y2;
        const real push_u = 4.0 * a[2] * u + 2.0 * a[4] * g, push_g = 4.0 * a[3] * g + 2.0 * a[4] * u;
        const real by_u_re = 2.0 * a[1] * X + 2.0 * a[5] * g_re, by_u_im = 2.0 * a[5] * g_im - 2.0 * a[1] * Y;
        const real by_g_re = 2.0 * a[5] * u_re, by_g_im = 2.0 * a[5] * u_im;
        z.P[0][i] -= weight * (push_u * x + by_u_re * x + by_u_im * y);
        z.P[1][i] -= weight * (push_u * y - by_u_re * y + by_u_im * x);
        z.P[2][i] -= weight * (push_g * X + by_g_re * X + by_g_im * Y + 3.0 * a[0] * g_re + a[1] * u_re);
        z.P[3][i] -= weight * (push_g * Y - by_g_re * Y + by_g_im * X - 3.0 * a[0] * g_im - a[1] * u_im);
    }
}

/* P += weight × Z E for registers `first` to first + SHARE of the field */
ALWAYS_INLINE void pairs_light(const double *Z, double weight, const pack *E, int first, Pairs &z)
{
    for (int axis = 0; axis < 3; axis++)
        EACH_SHARE
        {
            const real pull = weight * E[axis].v[first + i];
            EACH_PAIR z.P[s][i] += Z[3 * s + axis] * pull;
        }
}

ALWAYS_INLINE void pairs_drift(const double *m, Pairs &z)
{
    EACH_PAIR EACH_SHARE
    {
        const real q = z.Q[s][i], p = z.P[s][i];
        z.Q[s][i] = m[4 * s] * q + m[4 * s + 1] * p;
        z.P[s][i] = m[4 * s + 2] * q + m[4 * s + 3] * p;
    }
}

/* One step with light: all registers kick by kick, so that the field is computed once for each kick. */
void pairs_lit_step(const Block &b, const Step &step, Wave &wave, long index, pack *Q, pack *P)
{
    const double *a = b.job->pattern_value;
    prepare_light(b, step, wave, index);
    for (int k = 0; k <= step.n_kicks; k++) {
        pack E[3];
        if (k < step.n_kicks)
            field(b, index * step.step + step.kick_time[k], &wave, k, E);
        for (int first = 0; first < UNROLL; first += SHARE) {
            Pairs z;
            load_pairs(z, Q, P, first);
            pairs_drift(step.flow + 4 * PAIRS * k, z);
            if (k < step.n_kicks) {
                pairs_kick(a, step.kick[k], z);
                pairs_light(a + 6, step.kick[k], E, first, z);
            }
            store_pairs(z, Q, P, first);
        }
    }
}

/* One step in the dark, all in registers. */
ALWAYS_INLINE void pairs_dark_step(const Block &b, const Step &step, Pairs &z)
{
    for (int k = 0; k < step.n_kicks; k++) {
        pairs_drift(step.flow + 4 * PAIRS * k, z);
        pairs_kick(b.job->pattern_value, step.kick[k], z);
    }
    pairs_drift(step.flow + 4 * PAIRS * step.n_kicks, z);
}

void advance_pattern(const Block &b, const Step &step, Wave &wave, long index, int steps, pack *Q, pack *P)
{
    for (const long end = index + steps; index < end; index++) {
        if (has_light(b, step, index)) {
            pairs_lit_step(b, step, wave, index, Q, P);
            continue;
        }
        for (int first = 0; first < UNROLL; first += SHARE) {
            Pairs z;
            load_pairs(z, Q, P, first);
            pairs_dark_step(b, step, z);
            store_pairs(z, Q, P, first);
        }
    }
}

void pairs_kick_all(const Block &b, double weight, double t, pack *Q, pack *P)
{
    const bool lit = t >= b.on && t <= b.off;
    pack E[3];
    if (lit)
        field(b, t, NULL, 0, E);
    for (int first = 0; first < UNROLL; first += SHARE) {
        Pairs z;
        load_pairs(z, Q, P, first);
        pairs_kick(b.job->pattern_value, weight, z);
        if (lit)
            pairs_light(b.job->pattern_value + 6, weight, E, first, z);
        store_pairs(z, Q, P, first);
    }
}

void advance_pattern_bath(const Block &b, const Step &step, long index, int steps, bool pair, pack *Q, pack *P)
{
    for (int i = 0; i <= steps; i++, index++) {
        const double weight = i == 0 || i == steps ? 0.5 * step.step : step.step;
        pairs_kick_all(b, weight, index * step.step, Q, P);
        if (i == steps)
            break;
        drift<false>(b, step.flow, 0, Q, P);
        shake<false>(b, step, pair ? 2 * index : index, pair, Q, P);
    }
}
