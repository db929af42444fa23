# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Contraction of third-order force constants with three sets of real displacement patterns.

The caller owns and allocates every array; nothing here converts units or looks at names.
"""


def contract(
    const double[:, :, :, ::1] constants,  # IN (n_rows, n_columns, n_columns, 27): 27 = (α, β, γ)
    const double[:, :, ::1] first,  # IN (n_first, n_rows, 3)
    const double[:, :, ::1] second,  # IN (n_second, n_columns, 3)
    const double[:, :, ::1] third,  # IN (n_columns, 3, n_third): the fastest index is the pattern
    double[:, ::1] work,  # WORK (9, n_third)
    double[:, ::1] row,  # WORK (3, n_second * n_third)
    double[:, :, ::1] out,  # OUT (n_first, n_second, n_third)
):
    """out[a, b, c] = Σ constants[i, j, k, αβγ] first[a, i, α] second[b, j, β] third[k, γ, c]."""
    cdef Py_ssize_t i, j, k, p, q, r, a, b, c
    cdef Py_ssize_t n_rows = constants.shape[0], n_columns = constants.shape[1]
    cdef Py_ssize_t n_first = first.shape[0], n_second = second.shape[0], n_third = third.shape[2]
    cdef double x
    with nogil:
        for a in range(n_first):
            for b in range(n_second):
                for c in range(n_third):
                    out[a, b, c] = 0.0
        for i in range(n_rows):
            for p in range(3):
                for b in range(n_second * n_third):
                    row[p, b] = 0.0
            for j in range(n_columns):
                for q in range(9):
                    for c in range(n_third):
                        work[q, c] = 0.0
                for k in range(n_columns):
                    for q in range(9):
                        for r in range(3):
                            x = constants[i, j, k, 3 * q + r]
                            if x != 0.0:
                                for c in range(n_third):
                                    work[q, c] += x * third[k, r, c]
                for p in range(3):
                    for q in range(3):
                        for b in range(n_second):
                            x = second[b, j, q]
                            for c in range(n_third):
                                row[p, b * n_third + c] += x * work[3 * p + q, c]
            for a in range(n_first):
                for p in range(3):
                    x = first[a, i, p]
                    for b in range(n_second):
                        for c in range(n_third):
                            out[a, b, c] += x * row[p, b * n_third + c]
