"""The table of `lattice channels`: plain numbers and strings, as they are printed and written to JSON."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.anharmonic.channels import channels
from lattice.anharmonic.line_channels import line_channels
from lattice.anharmonic.triples import project_triple
from lattice.errors import InputError
from lattice.modes.patterns import solve_patterns
from lattice.modes.solve import solve_modes
from lattice.observe.mode_table import mode_table
from lattice.structure.cubic_files import read_cubic

if TYPE_CHECKING:
    from lattice.modes.modes import Modes
    from lattice.structure.crystal import Crystal
    from lattice.structure.cubic import CubicForceConstants


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


def line_channel_table(
    crystal: Crystal,
    first: Sequence[float],
    second: Sequence[float],
    *,
    order: int = 3,
    axis: Sequence[float] | None = None,
    fc3: str | os.PathLike[str] | None = None,
    setup: str | os.PathLike[str] | None = None,
) -> tuple[dict[str, Any], Modes]:
    """Return the channels a(q) · b(q') → c(q + q') of a crystal, with their size where third-order constants are given.

    Parameters
    ----------
    crystal : Crystal
        With force constants of a supercell.
    first, second : sequence of float
        ``(3,)`` q and q' in units of the reciprocal cell vectors.
    order : int
        3; channels of order 4 are those of Γ.
    axis : sequence of float, optional
        Cartesian direction of n̂.
    fc3, setup : path, optional
        Third-order force constants, and a YAML file that names their supercell, as in
        `lattice.structure.cubic_files.read_cubic`.

    Returns
    -------
    dict
        `spacegroup`, `axis`, `rotation_order` (of the rotation that all three wave vectors share), `order`, `qpoints`
        (q, q', q + q'), `modes_at` (three tables of modes), `channels`. With `fc3` each channel has `coupling_eV`, real
        and imaginary part of Φ(q a, q' b, −(q + q') c*) in *eV/(Å√amu)³* (`lattice.project_triple`), and
        `coupling_error`; the table has `forbidden_max`, `permutation_defect` and `sum_rule_defect` in the same unit.
    Modes
        Those at q.

    Raises
    ------
    InputError
        If the order is not 3, or as in `solve_modes`.
    """
    if order != 3:
        raise InputError("Channels among wave vectors are of order 3", found=order, fix="leave out the wave vectors")
    total = np.array(first, dtype=np.float64) + np.array(second, dtype=np.float64)
    if np.abs(total - np.rint(total)).max() < 1e-9:
        total = np.zeros(3)  # Γ, where translations are told from vibrations
    factors = [solve_modes(crystal, q, axis=axis) for q in (first, second, total.tolist())]
    tables = [mode_table(modes) for modes in factors]
    rows = line_channels(*factors)
    return {
        "spacegroup": crystal.spacegroup.symbol,
        "axis": tables[0]["axis"],
        "rotation_order": math.gcd(*(modes.rotation_order for modes in factors)),
        "order": order,
        "qpoints": [modes.qpoint.tolist() for modes in factors],
        "modes_at": [table["modes"] for table in tables],
        "channels": rows,
        **(
            {} if fc3 is None else _sizes(factors, rows, read_cubic(fc3, crystal, setup=setup, qpoints=(first, second)))
        ),
    }, factors[0]


def _sizes(factors: list[Modes], rows: list[dict[str, Any]], constants: CubicForceConstants) -> dict[str, float]:
    """Add the coupling of each channel to its row; return the defects of all of them."""
    first, second, output = factors
    opposite = replace(output, qpoint=-output.qpoint, eigenvectors=output.eigenvectors.conj())
    triple = project_triple(first, second, opposite, constants)
    for row in rows:
        place = tuple(row["modes"])
        coupling = complex(triple.array[place])
        row["coupling_eV"] = [coupling.real, coupling.imag]
        row["coupling_error"] = float(triple.error[place])
    return {
        "forbidden_max": triple.symmetry_defect,
        "permutation_defect": triple.permutation_defect,
        "sum_rule_defect": triple.sum_rule_defect,
    }
