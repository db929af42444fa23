/* Instruction sets for which the inner loops are compiled (setup.py) and what a processor must have for each. */
#ifndef LATTICE_LEVELS_H
#define LATTICE_LEVELS_H

#ifdef LATTICE_X86_LEVELS
#define LATTICE_N_LEVELS 4
#else
#define LATTICE_N_LEVELS 1
#endif

/* Asks for exactly the features with which setup.py compiles the level: 0 plain, 1 v2, 2 v3, 3 v4. */
static int lattice_cpu_has(int level)
{
#ifdef LATTICE_X86_LEVELS
    __builtin_cpu_init();
    if (level >= 1 && !(__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")))
        return 0;
    if (level >= 2 && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
                        && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")))
        return 0;
    if (level >= 3 && !(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
                        && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
                        && __builtin_cpu_supports("avx512vl")))
        return 0;
#endif
    return level < LATTICE_N_LEVELS;
}

#endif
