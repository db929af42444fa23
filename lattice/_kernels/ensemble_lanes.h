/*
 * Numbers in SIMD lanes: packs of UNROLL registers, exponential, sine and cosine, Philox and normal numbers.
 *
 * Everything is elementwise, so a lane's bits do not depend on its neighbours. Own polynomials instead of a vector
 * library: the same to round-off on every instruction set, and no symbol that an old C library lacks.
 *
 * Coefficients of sine, cosine and logarithm: FreeBSD's msun (k_sin.c, k_cos.c, e_log.c), error below one ulp.
 */
#ifndef LATTICE_ENSEMBLE_LANES_H
#define LATTICE_ENSEMBLE_LANES_H

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#ifndef LANES
#error "LANES: doubles in a vector register"
#endif
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 8")

namespace {

typedef double real __attribute__((vector_size(8 * LANES)));
typedef long long mask __attribute__((vector_size(8 * LANES)));
typedef uint64_t word __attribute__((vector_size(8 * LANES)));

/* Registers side by side: they share what is read from the tables and hide the latency of the arithmetic. */
const int UNROLL = LANES >= 8 ? 4 : 8;
const int BLOCK = LANES * UNROLL;

struct pack {
    real v[UNROLL];
};

/* Minus zero, not plus: that leaves every x as it is, so no instruction remains of it. */
ALWAYS_INLINE real splat(double x) { return x - real{}; }

ALWAYS_INLINE pack fill(double x)
{
    pack y;
    UNROLLED for (int u = 0; u < UNROLL; u++) y.v[u] = splat(x);
    return y;
}

ALWAYS_INLINE pack load(const double *p)
{
    pack y;
    UNROLLED for (int u = 0; u < UNROLL; u++) memcpy(&y.v[u], p + u * LANES, sizeof(real));
    return y;
}

ALWAYS_INLINE void store(double *p, const pack &x)
{
    UNROLLED for (int u = 0; u < UNROLL; u++) memcpy(p + u * LANES, &x.v[u], sizeof(real));
}

#define PACK_OPERATOR(sign) \
    ALWAYS_INLINE pack operator sign(const pack &a, const pack &b) \
    { \
        pack y; \
        UNROLLED for (int u = 0; u < UNROLL; u++) y.v[u] = a.v[u] sign b.v[u]; \
        return y; \
    }
PACK_OPERATOR(+)
PACK_OPERATOR(-)
PACK_OPERATOR(*)
#undef PACK_OPERATOR

ALWAYS_INLINE pack operator*(double a, const pack &b)
{
    pack y;
    UNROLLED for (int u = 0; u < UNROLL; u++) y.v[u] = a * b.v[u];
    return y;
}

ALWAYS_INLINE void operator+=(pack &a, const pack &b)
{
    UNROLLED for (int u = 0; u < UNROLL; u++) a.v[u] += b.v[u];
}

ALWAYS_INLINE real choose(mask where, real yes, real no) { return (real)((where & (mask)yes) | (~where & (mask)no)); }

ALWAYS_INLINE real absolute(real x) { return (real)((mask)x & 0x7fffffffffffffffLL); }

ALWAYS_INLINE real square_root(real x)
{
#if LANES == 8 && defined(__AVX512F__)
    return (real)_mm512_sqrt_pd((__m512d)x);
#elif LANES == 4 && defined(__AVX__)
    return (real)_mm256_sqrt_pd((__m256d)x);
#elif LANES == 2 && defined(__SSE2__)
    return (real)_mm_sqrt_pd((__m128d)x);
#else
    real y;
    for (int lane = 0; lane < LANES; lane++)
        y[lane] = __builtin_sqrt(x[lane]);
    return y;
#endif
}

const double ROUND = 6755399441055744.0; /* 1.5 2^52: added and subtracted it rounds to an integer, left in the low bits */

/* e^x for x ≤ 0; 1e-304 below −700 */
ALWAYS_INLINE real exponential(real x)
{
    x = choose(x < -700.0, splat(-700.0), x);
    const real shifted = x * 1.4426950408889634 + ROUND;
    const real k = shifted - ROUND;
    const real r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
    real y = splat(1.6059043836821613e-10);
    const double factor[] = {2.08767569878681e-09, 2.505210838544172e-08, 2.755731922398589e-07, 2.7557319223985893e-06,
                             2.48015873015873e-05, 1.984126984126984e-04, 1.388888888888889e-03, 8.333333333333333e-03,
                             4.1666666666666664e-02, 1.6666666666666666e-01, 0.5, 1.0, 1.0};
    UNROLLED for (int i = 0; i < 13; i++) y = y * r + factor[i];
    return y * (real)(((mask)shifted + 1023) << 52);
}

/* Sine and cosine of |r| ≤ π/4 */
ALWAYS_INLINE void small_turn(real r, real &sine, real &cosine)
{
    const real z = r * r;
    real s = splat(1.58969099521155010221e-10), c = splat(-1.13596475577881948265e-11);
    s = s * z - 2.50507602534068634195e-08;
    c = c * z + 2.08757232129817482790e-09;
    s = s * z + 2.75573137070700676789e-06;
    c = c * z - 2.75573143513906633035e-07;
    s = s * z - 1.98412698298579493134e-04;
    c = c * z + 2.48015872894767294178e-05;
    s = s * z + 8.33333333332248946124e-03;
    c = c * z - 1.38888888888741095749e-03;
    s = s * z - 1.66666666666666324348e-01;
    c = c * z + 4.16666666666666019037e-02;
    sine = r + r * z * s;
    cosine = (1.0 - 0.5 * z) + z * z * c;
}

/* Sine and cosine of any angle up to about 1e6 rad */
ALWAYS_INLINE void turn(real x, real &sine, real &cosine)
{
    const real shifted = x * 0.63661977236758134308 + ROUND;
    const real k = shifted - ROUND;
    const real r = ((x - k * 1.57079632673412561417e+00) - k * 6.07710050630396597660e-11) - k * 2.02226624879595063154e-21;
    real s, c;
    small_turn(r, s, c);
    const mask quadrant = (mask)shifted;
    const mask odd = -(quadrant & 1);
    const mask zero = mask{};
    sine = (real)((mask)choose(odd, c, s) ^ ((zero + (quadrant & 2)) << 62));
    cosine = (real)((mask)choose(odd, s, c) ^ ((zero + ((quadrant + 1) & 2)) << 62));
}

/* log x for 0 < x < 1, normal */
ALWAYS_INLINE real logarithm(real x)
{
    /* m in [√½, √2): the exponent steps where the mantissa passes √2 */
    const mask bits = (mask)x + (0x3ff0000000000000LL - 0x3fe6a09e667f3bcdLL);
    const mask exponent = (mask)((word)bits >> 52);
    const real k = (real)(exponent | 0x4330000000000000LL) - (4503599627370496.0 + 1023.0);
    const real m = (real)((bits & 0x000fffffffffffffLL) + 0x3fe6a09e667f3bcdLL);
    const real f = m - 1.0, s = f / (2.0 + f), z = s * s;
    real y = splat(1.479819860511658591e-01);
    y = y * z + 1.531383769920937332e-01;
    y = y * z + 1.818357216161805012e-01;
    y = y * z + 2.222219843214978396e-01;
    y = y * z + 2.857142874366239149e-01;
    y = y * z + 3.999999999940941908e-01;
    y = y * z + 6.666666666666735130e-01;
    return k * 6.93147180559945309417e-01 + s * (2.0 + z * y);
}

/* a × low half of b */
ALWAYS_INLINE word multiply(uint32_t a, word b)
{
#if LANES == 8 && defined(__AVX512F__)
    return (word)_mm512_mul_epu32(_mm512_set1_epi64(a), (__m512i)b);
#elif LANES == 4 && defined(__AVX2__)
    return (word)_mm256_mul_epu32(_mm256_set1_epi64x(a), (__m256i)b);
#elif LANES == 2 && defined(__SSE2__)
    return (word)_mm_mul_epu32(_mm_set1_epi64x(a), (__m128i)b);
#else
    return (uint64_t)a * (b & 0xffffffffULL);
#endif
}

const int TOGETHER = 4; /* registers of random numbers made side by side: one alone waits for its own results */
#define EACH_TOGETHER UNROLLED for (int j = 0; j < TOGETHER; j++)

/*
 * Philox 4×32 with 10 rounds: replace the counters by 128 random bits. Only the low half of each word counts.
 * J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, Proc. SC'11, 16 (2011).
 */
ALWAYS_INLINE void philox(word (*c)[TOGETHER], uint64_t seed)
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    UNROLLED for (int round = 0; round < 10; round++)
    {
        EACH_TOGETHER
        {
            const word a = multiply(0xD2511F53u, c[0][j]), b = multiply(0xCD9E8D57u, c[2][j]);
            c[0][j] = (b >> 32) ^ c[1][j] ^ (uint64_t)k0;
            c[2][j] = (a >> 32) ^ c[3][j] ^ (uint64_t)k1;
            c[1][j] = b;
            c[3][j] = a;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/*
 * Two normal numbers (Box–Muller) from 64 random bits: 40 for the radius, which reaches 7.5, and 24 for the angle. All
 * moments of the angle's cosine and sine up to the 2^24th are exact.
 */
ALWAYS_INLINE void normal_pair(const word *high, const word *low, real *x, real *y)
{
    real radius[TOGETHER], s[TOGETHER], c[TOGETHER];
    EACH_TOGETHER
    {
        const word bits = ((high[j] << 20) & 0x000ffffffff00000ULL) | ((low[j] >> 12) & 0x00000000000ff000ULL);
        const real u = (real)(bits | 0x3ff0000000000800ULL) - 1.0; /* (k + ½)/2^40 */
        radius[j] = square_root(-2.0 * logarithm(u));
    }
    EACH_TOGETHER
    {
        const word angle = ((low[j] & 0xffffffULL) << 28) | 0x3ff0000000000000ULL;
        small_turn(((real)angle - 1.5) * 1.57079632679489661923, s[j], c[j]); /* (v − ½) 2π/4 */
    }
    EACH_TOGETHER
    {
        const real s2 = 2.0 * s[j] * c[j], c2 = 1.0 - 2.0 * s[j] * s[j];
        x[j] = radius[j] * (1.0 - 2.0 * s2 * s2);
        y[j] = radius[j] * (2.0 * s2 * c2);
    }
}

}  // namespace
#endif
