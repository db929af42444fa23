"""Raman tensors ∂ε/∂Q of Γ coordinates: their forms by symmetry, and the terms Q E E that belong to them.

Sign and factor: the field's part of the energy of a cell is V = −½ ε0 V_cell Σ E_i ε_ij(Q) E_j, so a Raman tensor R_s
of a transparent crystal stands for the terms −½ ε0 V_cell R_s,ij Q_s E_i E_j. Off-diagonal components appear twice in
that sum and once in the term table: c(Q E_x E_y) = −ε0 V_cell R_xy, c(Q E_x²) = −½ ε0 V_cell R_xx.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lattice import units
from lattice.anharmonic.invariance import coordinate_representation
from lattice.anharmonic.invariants import row_reduced, symmetric_power
from lattice.anharmonic.polynomial import padded
from lattice.anharmonic.potential import POTENTIAL, ComplexArray, Potential
from lattice.errors import InputError, SymmetryError
from lattice.structure import argument
from lattice.structure.crystal import FloatArray, frozen_array

TOLERANCE = 1e-6  #: of the largest component of all: how far Raman tensors may break the symmetry
_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


@dataclass(frozen=True, slots=True, eq=False)
class RamanForm:
    """One independent form of the Raman tensors of a multiplet, that its symmetry allows.

    Attributes
    ----------
    name : str
        The component that its constant is: ``Eg(2)x.xx`` is ∂ε_xx/∂Q of the coordinate Eg(2)x.
    multiplet : str
    tensor : ndarray
        ``(n, 3, 3)`` real, symmetric: the tensors of all coordinates where the constant is 1; 0 for other multiplets.
    """

    name: str
    multiplet: str
    tensor: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensor", frozen_array(self.tensor))


@argument.takes(potential=POTENTIAL)
def raman_forms(potential: Potential) -> tuple[RamanForm, ...]:
    """Find the independent forms of Raman tensors that the crystal's group allows.

    Parameters
    ----------
    potential : Potential
        With its crystal and eigenvectors.

    Returns
    -------
    tuple of RamanForm
        Multiplet by multiplet; silent ones have none. R_s = Σ constant · tensor is then the general symmetric tensor
        with Σ R_s,ij Q_s E_i E_j invariant.

    Raises
    ------
    InputError
        If the potential has no crystal or no eigenvectors.
    SymmetryError
        If the coordinates are not closed under the group.
    """
    matrices, rotations = _representation(potential)
    _, squares = symmetric_power(rotations, 2)
    forms = []
    for name in potential.multiplets:
        rows = np.flatnonzero(potential.multiplet == name)
        block = matrices[:, rows[:, None], rows]
        mean = np.einsum("gst,gmn->tnsm", block, squares) / len(block)
        size = len(rows) * len(_PAIRS)
        left, singular, _ = np.linalg.svd(mean.reshape(size, size))
        allowed = int((singular > 0.5).sum())  # the mean over the group is a projector
        if not allowed:
            continue
        reduced, pivots = row_reduced(left[:, :allowed].T)
        for row, pivot in zip(reduced, pivots, strict=True):
            tensor = np.zeros((potential.n_modes, 3, 3))
            for s, components in zip(rows, row.reshape(len(rows), -1), strict=True):
                for (i, j), c in zip(_PAIRS, components, strict=True):
                    tensor[s, i, j] = tensor[s, j, i] = c if i == j else 0.5 * c
            coordinate, component = rows[pivot // len(_PAIRS)], _PAIRS[pivot % len(_PAIRS)]
            label = "".join("xyz"[i] for i in component)
            tensor /= tensor[coordinate, component[0], component[1]]
            forms.append(RamanForm(f"{potential.labels[coordinate]}.{label}", name, tensor))
    return tuple(forms)


def _representation(potential: Potential) -> tuple[FloatArray, FloatArray]:
    """Matrices of the group on coordinates and on vectors."""
    if potential.crystal is None or potential.eigenvectors is None:
        raise InputError(
            "The forms of Raman tensors need the symmetry of the crystal",
            found="a potential without crystal or eigenvectors",
            fix="give raman tensors in its file, or use a potential with its crystal",
        )
    return coordinate_representation(potential.eigenvectors, potential.crystal.to_cell())


def raman_from_constants(potential: Potential, constants: Mapping[str, complex]) -> ComplexArray:
    """Return Raman tensors from the constants of their forms.

    Parameters
    ----------
    potential : Potential
        With its crystal and eigenvectors.
    constants : mapping
        Name of a form → its constant in *1/(Å√amu)*; those left out are 0.

    Returns
    -------
    ndarray
        ``(n, 3, 3)`` complex *1/(Å√amu)*.

    Raises
    ------
    InputError
        If a name is unknown or a constant is not finite.
    """
    forms = {form.name: form for form in raman_forms(potential)}
    total = np.zeros((potential.n_modes, 3, 3), dtype=np.complex128)
    for name, value in constants.items():
        if name not in forms:
            known = ", ".join(forms) or "none: every multiplet is silent"
            raise InputError("There is no such Raman constant", found=name, fix=f"use one of: {known}")
        if not np.isfinite(value):
            raise InputError(f"The Raman constant {name} is not finite", found=value, fix="give 1/(Å√amu)")
        total += value * forms[name].tensor
    return total


def raman_from_terms(potential: Potential) -> ComplexArray | None:
    """Return the Raman tensors that the terms Q E E of a potential stand for.

    These are the derivatives of the electronic permittivity at low frequency, the limit of the Raman tensor for light
    far below the gap.

    Returns
    -------
    ndarray or None
        ``(n, 3, 3)`` complex (real values) *1/(Å√amu)*; None where there is no such term or no cell.
    """
    chosen = _raman_terms(potential)
    if potential.crystal is None or not chosen.any():
        return None
    scale = units.FIELD_ENERGY * abs(float(np.linalg.det(potential.crystal.cell)))
    total = np.zeros((potential.n_modes, 3, 3), dtype=np.complex128)
    for t in np.flatnonzero(chosen):
        s = int(potential.mode_index[t].max())
        i, j = (a for a in potential.field_axis[t].tolist() if a >= 0)
        total[s, i, j] -= potential.coefficient[t] / scale
        total[s, j, i] -= potential.coefficient[t] / scale
    return total


def _raman_terms(potential: Potential) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which terms have one Q and two E."""
    n_q = (potential.mode_index >= 0).sum(axis=1)
    n_e = (potential.field_axis >= 0).sum(axis=1)
    return np.asarray((n_q == 1) & (n_e == 2))


@argument.takes(potential=POTENTIAL)
def with_raman_drive(potential: Potential) -> Potential:
    """Return the potential with the terms Q E E of its Raman tensors in place of those that it had.

    The real part of the tensors, at the photon energy at which they are known, stands for their low-frequency limit.

    Parameters
    ----------
    potential : Potential
        With `raman` and its crystal (for the volume of the cell).

    Returns
    -------
    Potential
        Channels ``Eg(2) E^2``: light drives these coordinates without a detour over an infrared mode.

    Raises
    ------
    InputError
        If the potential has no Raman tensors or no crystal.
    """
    if potential.raman is None or potential.crystal is None:
        raise InputError(
            "The Raman force of light needs Raman tensors and the volume of the cell",
            found="no raman tensors" if potential.raman is None else "no crystal",
            fix="give raman tensors and [crystal] in the potential's file",
        )
    scale = units.FIELD_ENERGY * abs(float(np.linalg.det(potential.crystal.cell)))
    kept = ~_raman_terms(potential)
    modes = [[s for s in row if s >= 0] for row in potential.mode_index[kept].tolist()]
    fields = [[a for a in row if a >= 0] for row in potential.field_axis[kept].tolist()]
    coefficient, channel = potential.coefficient[kept].tolist(), potential.channel[kept].tolist()
    for s, tensor in enumerate(potential.raman.real):
        for i, j in _PAIRS:
            if tensor[i, j]:
                coefficient.append(-scale * float(tensor[i, j]) * (0.5 if i == j else 1.0))
                modes.append([s])
                fields.append([i, j])
                channel.append(f"{potential.multiplet[s]} E^2")
    return replace(
        potential,
        coefficient=np.array(coefficient),
        mode_index=padded(modes),
        field_axis=padded(fields),
        channel=np.array(channel, dtype=np.str_),
    )


def check_raman(potential: Potential) -> None:
    """Check that Raman tensors have the symmetry of the crystal, where both are known.

    Raises
    ------
    SymmetryError
        If an operation changes a tensor by more than 1e-6 of the largest component of all.
    """
    if potential.raman is None or potential.crystal is None or potential.eigenvectors is None:
        return
    matrices, rotations = _representation(potential)
    turned = np.einsum("gts,gki,glj,tkl->gsij", matrices, rotations, rotations, potential.raman, optimize=True)
    defect = np.abs(turned - potential.raman).max(axis=(0, 2, 3))
    largest = float(np.abs(potential.raman).max(initial=0.0))
    for name in potential.multiplets:
        rows = potential.multiplet == name
        if defect[rows].max() > TOLERANCE * largest:
            allowed = ", ".join(form.name for form in raman_forms(potential) if form.multiplet == name) or "none"
            raise SymmetryError(
                f"The Raman tensors of {name} break the symmetry of the crystal",
                found=f"an operation changes them by {defect[rows].max() / largest:.1e} of the largest component",
                fix=f"give them in the axes of the crystal, with 8 digits; independent components: {allowed}",
            )
