/*
 * Forces written out for common small potentials, so that the whole state stays in registers. Part of
 * ensemble_block.cpp.
 *
 * Pattern 1, an E_u and an E_g pair of D3d, u = x + iy and g = X + iY, to fourth order, and linear light:
 *   V = a0 Re g³ + a1 Re(u² g) + a2 |u|⁴ + a3 |g|⁴ + a4 |u|² |g|² + a5 Re(u² g*²) − Σ Z_sα Q_s E_α
 * with the values a0 … a5, then Z (4, 3). Re(u² g*²) = Re u² Re g² + Im u² Im g².
 */

const int PAIRS = 4; /* coordinates of pattern 1 */

ALWAYS_INLINE void pairs_force(const double *a, const pack *Q, pack *F)
{
    UNROLLED for (int i = 0; i < UNROLL; i++)
    {
        const real x = Q[0].v[i], y = Q[1].v[i], X = Q[2].v[i], Y = Q[3].v[i];
        const real x2 = x * x, y2 = y * y, X2 = X * X, Y2 = Y * Y;
        const real u_re = x2 - y2, u_im = 2.0 * x * y, g_re = X2 - Y2, g_im = 2.0 * X * Y;
        const real u = x2 + y2, g = X2 + Y2;
        const real push_u = 4.0 * a[2] * u + 2.0 * a[4] * g, push_g = 4.0 * a[3] * g + 2.0 * a[4] * u;
        const real by_u_re = 2.0 * a[1] * X + 2.0 * a[5] * g_re, by_u_im = 2.0 * a[5] * g_im - 2.0 * a[1] * Y;
        const real by_g_re = 2.0 * a[5] * u_re, by_g_im = 2.0 * a[5] * u_im;
        F[0].v[i] = -(push_u * x + by_u_re * x + by_u_im * y);
        F[1].v[i] = -(push_u * y - by_u_re * y + by_u_im * x);
        F[2].v[i] = -(push_g * X + by_g_re * X + by_g_im * Y + 3.0 * a[0] * g_re + a[1] * u_re);
        F[3].v[i] = -(push_g * Y - by_g_re * Y + by_g_im * X - 6.0 * a[0] * X * Y - a[1] * u_im);
    }
}

ALWAYS_INLINE void pairs_light(const Block &b, const double *Z, double t, pack *F)
{
    pack E[3];
    if (t < b.on || t > b.off)
        return;
    field(b, t, E);
    UNROLLED for (int s = 0; s < PAIRS; s++)
        for (int axis = 0; axis < 3; axis++)
            F[s] += Z[3 * s + axis] * E[axis];
}

ALWAYS_INLINE void pairs_drift(const double *m, pack *Q, pack *P)
{
    UNROLLED for (int s = 0; s < PAIRS; s++)
    {
        const pack q = Q[s], p = P[s];
        Q[s] = m[4 * s] * q + m[4 * s + 1] * p;
        P[s] = m[4 * s + 2] * q + m[4 * s + 3] * p;
    }
}

template <bool LIGHT> ALWAYS_INLINE void pairs_step(const Block &b, const Step &step, double begin, pack *Q, pack *P)
{
    const double *a = b.job->pattern_value;
    for (int k = 0; k < step.n_kicks; k++) {
        pack F[PAIRS];
        pairs_drift(step.flow + 4 * PAIRS * k, Q, P);
        pairs_force(a, Q, F);
        if (LIGHT)
            pairs_light(b, a + 6, begin + step.kick_time[k], F);
        UNROLLED for (int s = 0; s < PAIRS; s++) P[s] += step.kick[k] * F[s];
    }
    pairs_drift(step.flow + 4 * PAIRS * step.n_kicks, Q, P);
}

void advance_pattern(const Block &b, const Step &step, double t, int steps, pack *Q0, pack *P0)
{
    pack Q[PAIRS], P[PAIRS];
    UNROLLED for (int s = 0; s < PAIRS; s++) Q[s] = Q0[s], P[s] = P0[s];
    for (int i = 0; i < steps; i++) {
        const double begin = t + i * step.step;
        if (begin <= b.off && begin + step.step >= b.on)
            pairs_step<true>(b, step, begin, Q, P);
        else
            pairs_step<false>(b, step, begin, Q, P);
    }
    UNROLLED for (int s = 0; s < PAIRS; s++) Q0[s] = Q[s], P0[s] = P[s];
}

void advance_pattern_bath(const Block &b, const Step &step, double t, int steps, uint64_t index, bool pair, pack *Q,
                          pack *P)
{
    const double *a = b.job->pattern_value, half = 0.5 * step.step;
    pack F[PAIRS];
    pairs_force(a, Q, F);
    pairs_light(b, a + 6, t, F);
    for (int s = 0; s < PAIRS; s++)
        P[s] += half * F[s];
    for (int i = 0; i < steps; i++) {
        pairs_drift(step.flow, Q, P);
        shake<false>(b, step, index, pair, Q, P);
        index += pair ? 2 : 1;
        pairs_force(a, Q, F);
        pairs_light(b, a + 6, t + (i + 1) * step.step, F);
        const double weight = i + 1 < steps ? step.step : half;
        for (int s = 0; s < PAIRS; s++)
            P[s] += weight * F[s];
    }
}
