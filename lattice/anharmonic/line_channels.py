"""Channels among phonons of finite wave vector: a(q) · b(q') → c(q + q')."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lattice.anharmonic.channels import ALLOWED, Describe
from lattice.anharmonic.stars import moved_waves, shifted_wave
from lattice.errors import InputError
from lattice.modes.modes import MODES, ComplexArray, Modes
from lattice.modes.representation import cell_of
from lattice.structure import argument
from lattice.structure.crystal import Crystal, FloatArray

_SAME_Q = 1e-5


@argument.takes(a=MODES, b=MODES, c=MODES)
def line_channels(a: Modes, b: Modes, c: Modes) -> list[dict[str, Any]]:
    """Return every cubic coupling a(q) · b(q') → c(q + q') that the space group allows.

    The incoming waves q, q' and −q − q' are taken to themselves or to one another by some operations; a coupling is
    allowed iff the projection of ε_a ⊗ ε_b ⊗ ε_c* on what these leave invariant is not zero. On a line of symmetry this
    is a rule, at general q everything is allowed. Time reversal forbids nothing more.

    Parameters
    ----------
    a, b, c : Modes
        Of one crystal and about one axis, at q, q' and q + q' (up to a reciprocal lattice vector), none of them with a
        direction at Γ.

    Returns
    -------
    list of dict
        As from `channels`; ``modes`` are indices at q, q' and q + q', each pair of inputs once if q = q'. m and ΔM are
        those of the rotation that leaves all three wave vectors invariant, ``rotation_order`` its order n: ΔM is a
        multiple of n unless a screw meets a reciprocal lattice vector. Light drives and sees modes at Γ alone.

    Raises
    ------
    InputError
        If the modes are not of one crystal, or the wave vectors do not add up.
    """
    _check(a, b, c)
    factors = (a, b, c)
    keep = [
        np.array([i for x in modes.multiplets if not x.acoustic for i in x.indices], dtype=np.int64)
        for modes in factors
    ]
    waves = [a.qpoint, b.qpoint, -c.qpoint]
    vectors = [a.eigenvectors[keep[0]], b.eigenvectors[keep[1]], c.eigenvectors[keep[2]].conj()]
    weight = np.zeros(tuple(len(k) for k in keep))
    count = 0
    for matrices, order in triple_operations(a.crystal, waves, vectors):
        # Π_i ⟨x_i|T|x_π(i)⟩ over all products x at once
        letters = "ijk"
        weight += (
            np.einsum(
                ",".join(letters[i] + letters[order[i]] for i in range(3)) + "->ijk", *matrices, optimize=True
            ).real
            if order != (0, 1, 2)
            else np.einsum("i,j,k->ijk", *(np.diag(m) for m in matrices)).real
        )
        count += 1
    found = np.argwhere(weight / count > ALLOWED)
    products = np.column_stack([keep[i][found[:, i]] for i in range(3)])
    if np.abs(a.qpoint - b.qpoint).max() < _SAME_Q:
        products = products[products[:, 0] <= products[:, 1]]
    return Describe(factors).rows(products)


def _check(a: Modes, b: Modes, c: Modes) -> None:
    """The modes must be of one crystal and axis, and their wave vectors add up."""
    check_alike((a, b, c), "a channel")
    rest = a.qpoint + b.qpoint - c.qpoint
    if np.abs(rest - np.rint(rest)).max() > _SAME_Q:
        raise InputError(
            "The wave vectors of a channel do not add up",
            found=f"{a.qpoint.tolist()} + {b.qpoint.tolist()} → {c.qpoint.tolist()}",
            fix="solve the output at the sum of the inputs",
        )


def check_alike(factors: Sequence[Modes], what: str) -> None:
    """Check that modes at several wave vectors are of one crystal and about one axis.

    Parameters
    ----------
    factors : sequence of Modes
    what : str
        What they belong to, for the message: ``a channel``.

    Raises
    ------
    InputError
        If they are not, or are solved at Γ along a direction, where the symmetry is not that of the crystal.
    """
    a = factors[0]
    for other in factors[1:]:
        first, second = cell_of(a.crystal), cell_of(other.crystal)
        same_axis = (a.axis is None) == (other.axis is None) and (
            a.axis is None or other.axis is None or np.abs(a.axis - other.axis).max() < 1e-9
        )
        if (
            first.n_atoms != second.n_atoms
            or np.abs(first.cell - second.cell).max() > 1e-9
            or np.abs(first.positions - second.positions).max() > 1e-9
            or not same_axis
        ):
            raise InputError(
                f"The modes of {what} belong to different crystals or axes",
                found=f"{a.crystal.name or 'a crystal'} and {other.crystal.name or 'another one'}",
                fix="solve all of them for the same crystal and axis",
            )
    if any(modes.direction is not None for modes in factors):
        raise InputError(
            f"The modes of {what} must have the full symmetry",
            found="a direction at Γ",
            fix="solve Γ without a direction",
        )


def triple_operations(
    crystal: Crystal, waves: list[FloatArray], vectors: list[ComplexArray]
) -> Iterator[tuple[list[ComplexArray], tuple[int, ...]]]:
    """Yield, for each operation and permutation that takes the three waves to one another, ⟨V_i|T(S)|V_π(i)⟩.

    Waves that differ by a reciprocal lattice vector are the same; see `lattice.anharmonic.stars.moved_waves`.
    """
    for turned, moved in moved_waves(crystal, waves, vectors):
        for order in itertools.permutations(range(3)):
            shifts = [turned[order[i]] - waves[i] for i in range(3)]
            if max(float(np.abs(g - np.rint(g)).max()) for g in shifts) > _SAME_Q:
                continue
            yield (
                [
                    np.einsum(
                        "ska,tka->st",
                        vectors[i].conj(),
                        shifted_wave(crystal, moved[order[i]], shifts[i]),
                        optimize=True,
                    )
                    for i in range(3)
                ],
                order,
            )
