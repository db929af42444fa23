"""The table of `lattice channels`: plain numbers and strings, as they are printed and written to JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lattice.anharmonic.channels import channels
from lattice.modes.patterns import solve_patterns
from lattice.modes.solve import solve_modes
from lattice.observe.mode_table import mode_table

if TYPE_CHECKING:
    from lattice.modes.modes import Modes
    from lattice.structure.crystal import Crystal


def channel_table(
    crystal: Crystal, order: int = 3, *, axis: Sequence[float] | None = None
) -> tuple[dict[str, Any], Modes]:
    """Return the channels of a crystal among its modes at Γ, or among displacement patterns without force constants.

    Parameters
    ----------
    crystal : Crystal
    order : {3, 4}
    axis : sequence of float, optional
        Cartesian direction of n̂; default: the rotation axis of highest order.

    Returns
    -------
    dict
        `spacegroup`, `axis`, `rotation_order` and `modes` as from `mode_table`, `order`, and `channels` as from
        `lattice.channels`.
    Modes
        What the indices of the channels count.
    """
    known = crystal.force_constants is not None
    modes = solve_modes(crystal, axis=axis) if known else solve_patterns(crystal, axis=axis)
    return {**mode_table(modes), "order": order, "channels": channels(modes, order)}, modes
