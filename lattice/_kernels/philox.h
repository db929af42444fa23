/*
 * Counter-based random numbers: Philox 4×32 with 10 rounds, and pairs of normal numbers from it.
 *
 * A number depends on its counter and key only, so any trajectory, step and coordinate can be drawn in any order by any
 * thread. Source: J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, Proc. SC'11, 16 (2011).
 */
#ifndef LATTICE_PHILOX_H
#define LATTICE_PHILOX_H

#include <math.h>
#include <stdint.h>

/* Replace the counter c[0..3] by 128 random bits under the key (k0, k1). */
static inline void lattice_philox(uint32_t *c, uint32_t k0, uint32_t k1)
{
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
        const uint32_t c1 = c[1], c3 = c[3];
        c[0] = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c[1] = (uint32_t)b;
        c[2] = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c[3] = (uint32_t)a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/* Two independent normal numbers of mean 0 and variance 1 (Box–Muller) for (seed, trajectory, index, mode). */
static inline void lattice_normal_pair(uint64_t seed, uint32_t trajectory, uint64_t index, uint32_t mode, double *x, double *y)
{
    uint32_t c[4] = {(uint32_t)index, (uint32_t)(index >> 32), trajectory, mode};
    lattice_philox(c, (uint32_t)seed, (uint32_t)(seed >> 32));
    const uint64_t u = ((uint64_t)c[0] << 32) | c[1], v = ((uint64_t)c[2] << 32) | c[3];
    /* u in (0, 1], v in [0, 1), 53 bits each */
    const double radius = sqrt(-2.0 * log((double)((u >> 11) + 1) * 1.1102230246251565e-16));
    const double angle = 6.283185307179586 * ((double)(v >> 11) * 1.1102230246251565e-16);
    *x = radius * cos(angle);
    *y = radius * sin(angle);
}

#endif
