"""Instantaneous changes of ε by a field: forms of the Pockels and Kerr tensors that a crystal's group allows.

δε_ij = Σ p_ijk E_k + Σ K_ijkl E_k E_l with E the field inside the crystal. In the words of nonlinear optics
p = 2χ⁽²⁾(ω; ω, 0) and K = 3χ⁽³⁾(ω; ω, 0, 0), for a field that is slow against the optical cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np

from lattice.anharmonic.invariance import coordinate_representation
from lattice.anharmonic.invariants import row_reduced, symmetric_power
from lattice.anharmonic.potential import ComplexArray, Potential
from lattice.errors import InputError
from lattice.structure.crystal import FloatArray

POCKELS, KERR = 1, 2


def field_forms(potential: Potential, order: int) -> dict[str, FloatArray]:
    """Find the independent forms of the Pockels (order 1) or Kerr (order 2) tensor.

    Parameters
    ----------
    potential : Potential
        With its crystal and eigenvectors.
    order : {1, 2}
        Number of factors E.

    Returns
    -------
    dict
        Name → ``(3, 3, 3)`` or ``(3, 3, 3, 3)`` where the constant is 1. The name is the component that the constant
        is: ``xy.z`` is δε_xy/E_z, ``xx.yy`` is δε_xx/E_y². Symmetric in the first two and in the last two indices.
        Empty where symmetry forbids the effect.

    Raises
    ------
    InputError
        If the potential has no crystal or no eigenvectors.
    """
    if potential.crystal is None or potential.eigenvectors is None:
        raise InputError(
            "The forms of the Pockels and Kerr tensors need the symmetry of the crystal",
            found="a potential without crystal or eigenvectors",
            fix="give the whole tensor, or use a potential with its crystal",
        )
    _, rotations = coordinate_representation(potential.eigenvectors, potential.crystal.to_cell())
    pairs, squares = symmetric_power(rotations, 2)
    fields, powers = symmetric_power(rotations, order)
    size = len(pairs) * len(fields)
    mean = np.einsum("gmn,gfh->nhmf", squares, powers) / len(rotations)
    left, singular, _ = np.linalg.svd(mean.reshape(size, size))
    allowed = int((singular > 0.5).sum())
    if not allowed:
        return {}
    rows, pivots = row_reduced(left[:, :allowed].T)
    forms = {}
    for row, pivot in zip(rows, pivots, strict=True):
        tensor = np.zeros((3,) * (2 + order))
        for value, (pair, field) in zip(row, ((p, f) for p in pairs for f in fields), strict=True):
            places = {(a, b) for a in permutations(pair) for b in permutations(field)}
            for first, second in places:
                tensor[(*first, *second)] = value / len(places)
        pair, field = pairs[pivot // len(fields)], fields[pivot % len(fields)]
        name = ".".join("".join("xyz"[i] for i in part) for part in (pair, field))
        forms[name] = tensor / tensor[(*pair, *field)]
    return forms


def field_tensor(potential: Potential, constants: Mapping[str, complex], order: int) -> ComplexArray:
    """Return the Pockels or Kerr tensor from the constants of its forms.

    Parameters
    ----------
    potential : Potential
        With its crystal and eigenvectors.
    constants : mapping
        Name of a form → its constant, *(MV/cm)^−order*; those left out are 0.
    order : {1, 2}

    Returns
    -------
    ndarray
        ``(3, 3, 3)`` or ``(3, 3, 3, 3)`` complex.

    Raises
    ------
    InputError
        If a name is unknown or a constant is not finite.
    """
    forms = field_forms(potential, order)
    total = np.zeros((3,) * (2 + order), dtype=np.complex128)
    for name, value in constants.items():
        if name not in forms:
            effect = "Pockels" if order == POCKELS else "Kerr"
            known = ", ".join(forms) or f"none: symmetry forbids the {effect} effect"
            raise InputError(
                f"There is no such constant of the {effect} tensor", found=name, fix=f"use one of: {known}"
            )
        if not np.isfinite(value):
            raise InputError(f"The constant {name} is not finite", found=value, fix=f"give it in (MV/cm)^-{order}")
        total += value * forms[name]
    return total
