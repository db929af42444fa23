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

/* Factors of the force of pattern 1 times the weight of a kick. */
void weigh_pairs_kick(const double *a, double weight, double *w)
{
    const double factor[PATTERN_WEIGHTS] = {4.0 * a[2], 2.0 * a[4], 4.0 * a[3], 2.0 * a[1], 2.0 * a[5],
                                            4.0 * a[5], 3.0 * a[0], a[1],       6.0 * a[0]};
    for (int i = 0; i < PATTERN_WEIGHTS; i++)
        w[i] = weight * factor[i];
}

/* Those of every kick of a composition. */
void weigh_pairs(const Job &job, const Step &step, double *w)
{
    for (int k = 0; k < step.n_kicks && k < MAX_KICKS; k++)
        weigh_pairs_kick(job.pattern_value, step.kick[k], w + PATTERN_WEIGHTS * k);
}

/* P += weight × force, the weight in the factors w */
ALWAYS_INLINE void pairs_kick(const double *w, Pairs &z)
{
    EACH_SHARE
    {
        const real x = z.Q[0][i], y = z.Q[1][i], X = z.Q[2][i], Y = z.Q[3][i];
        const real x2 = x * x, y2 = y * y, X2 = X * X, Y2 = Y * Y, xy = x * y, XY = X * Y;
        const real u_re = x2 - y2, g_re = X2 - Y2, u = x2 + y2, g = X2 + Y2;
        const real push_u = w[0] * u + w[1] * g, push_g = w[2] * g + w[1] * u;
        const real by_u_re = w[3] * X + w[4] * g_re, by_u_im = w[5] * XY - w[3] * Y;
        const real by_g_re = w[4] * u_re, by_g_im = w[5] * xy;
        z.P[0][i] = z.P[0][i] - (push_u + by_u_re) * x - by_u_im * y;
        z.P[1][i] = z.P[1][i] - (push_u - by_u_re) * y - by_u_im * x;
        z.P[2][i] = z.P[2][i] - (push_g + by_g_re) * X - by_g_im * Y - w[6] * g_re - w[7] * u_re;
        z.P[3][i] = z.P[3][i] - (push_g - by_g_re) * Y - by_g_im * X + w[8] * XY + w[3] * xy;
    }
}

/* P += weight × Z E for register i of the share */
ALWAYS_INLINE void pairs_light(const double *Z, double weight, const bool *along, const real *E, int i, Pairs &z)
{
    for (int axis = 0; axis < 3; axis++)
        if (along[axis]) {
            const real pull = weight * E[axis];
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

/* One step of a share that begins with register `first`, all in registers. */
template <bool LIT>
ALWAYS_INLINE void pairs_step(const Block &b, const Step &step, bool slow, double begin, int first, Pairs &z)
{
    const double *Z = b.job->pattern_value + 6, *w = b.pattern[slow];
    for (int k = 0; k < step.n_kicks; k++) {
        pairs_drift(step.flow + 4 * PAIRS * k, z);
        pairs_kick(w + PATTERN_WEIGHTS * k, z);
        if (LIT)
            EACH_SHARE
            {
                real E[3];
                field_of(b, begin + step.kick_time[k], &b.wave[slow], k, first + i, E);
                pairs_light(Z, step.kick[k], b.axis, E, i, z);
            }
    }
    pairs_drift(step.flow + 4 * PAIRS * step.n_kicks, z);
}

void advance_pattern(Block &b, const Step &step, bool slow, long index, int steps, pack *Q, pack *P)
{
    for (const long end = index + steps; index < end; index++) {
        const bool lit = has_light(b, step, index);
        if (lit)
            prepare_light(b, step, b.wave[slow], index);
        for (int first = 0; first < UNROLL; first += SHARE) {
            Pairs z;
            load_pairs(z, Q, P, first);
            if (lit)
                pairs_step<true>(b, step, slow, index * step.step, first, z);
            else
                pairs_step<false>(b, step, slow, index * step.step, first, z);
            store_pairs(z, Q, P, first);
        }
    }
}

void pairs_kick_all(const Block &b, double weight, double t, pack *Q, pack *P)
{
    const bool lit = t >= b.on && t <= b.off;
    double w[PATTERN_WEIGHTS];
    weigh_pairs_kick(b.job->pattern_value, weight, w);
    for (int first = 0; first < UNROLL; first += SHARE) {
        Pairs z;
        load_pairs(z, Q, P, first);
        pairs_kick(w, z);
        if (lit)
            EACH_SHARE
            {
                real E[3];
                field_of(b, t, NULL, 0, first + i, E);
                pairs_light(b.job->pattern_value + 6, weight, b.axis, E, i, z);
            }
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
