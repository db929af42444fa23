"""Counter-based random numbers and pairs of normal numbers from them; see philox.h."""

from libc.stdint cimport uint32_t, uint64_t

cdef extern from "philox.h" nogil:
    void philox_block "lattice_philox" (uint32_t* c, uint32_t k0, uint32_t k1)
    void normal_pair "lattice_normal_pair" (
        uint64_t seed, uint32_t trajectory, uint64_t index, uint32_t mode, double* x, double* y
    )
