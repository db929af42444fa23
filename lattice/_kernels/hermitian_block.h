/* Modes of a block of q-points, one q-point in each SIMD lane. One object of hermitian_block.cpp for each instruction set. */
#ifndef LATTICE_HERMITIAN_BLOCK_H
#define LATTICE_HERMITIAN_BLOCK_H

#ifdef __cplusplus
extern "C" {
#endif

/* Short-range dynamical matrix D_ij(q) = sum_R M_ij(R) exp(2 pi i q.R), mass-weighted, pairs i >= j only. */
typedef struct {
    int n_atoms;
    int n_vectors;
    const int *vector;        /* (n_vectors, 3): R in units of the cell vectors */
    const int *pair_start;    /* (n_atoms (n_atoms + 1) / 2 + 1,): first entry of pair i (i + 1) / 2 + j */
    const int *entry_vector;  /* (n_entries,) */
    const double *entry;      /* (n_entries, 3, 3) */
    const double *position;   /* (n_atoms, 3): fractional; gives the phases of the eigenvectors */
} lattice_bonds;

/*
 * Solve up to lattice_lanes_LEVEL() Hermitian problems.
 *
 * bonds        or NULL: then the matrices are given
 * qpoints      (count, 3), used with bonds
 * matrices     (count, n, n) complex, lower triangle used, without bonds
 * eigenvalue   (count, n) ascending
 * eigenvector  (count, n, n) complex: [q][mode][component], or NULL
 * spin         (count, n, 3): angular momentum of each mode in units of hbar, or NULL; n is then a multiple of 3
 * work         lattice_work_LEVEL(n, n_vectors) doubles, aligned to 64 bytes
 * returns      number of problems that did not converge
 */
typedef int (*lattice_hermitian_solver)(const lattice_bonds *bonds, int n, int count, const double *qpoints,
                                        const double *matrices, double *eigenvalue, double *eigenvector, double *spin,
                                        double *work);

#define LATTICE_DECLARE(LEVEL) \
    int lattice_hermitian_##LEVEL(const lattice_bonds *bonds, int n, int count, const double *qpoints, \
                                  const double *matrices, double *eigenvalue, double *eigenvector, double *spin, \
                                  double *work); \
    int lattice_lanes_##LEVEL(void); \
    long lattice_work_##LEVEL(int n, int n_vectors);

LATTICE_DECLARE(plain)
LATTICE_DECLARE(v2)
LATTICE_DECLARE(v3)
LATTICE_DECLARE(v4)

#ifdef __cplusplus
}
#endif
#endif
