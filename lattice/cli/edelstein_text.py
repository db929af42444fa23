"""The table of `lattice edelstein` for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lattice.cli.columns import aligned

if TYPE_CHECKING:
    from lattice.structure.crystal import Crystal

ROUND_OFF = 1e-12  #: of the largest component: zero by symmetry


def edelstein_text(table: dict[str, Any], crystal: Crystal) -> str:
    """Return the tensor at each temperature.

    Parameters
    ----------
    table : dict
        As from `lattice.observe.edelstein.edelstein_table`.
    crystal : Crystal
    """
    mesh = " × ".join(map(str, table["mesh"]))
    lines = [
        f"{crystal.name}: {table['spacegroup']} (No. {crystal.spacegroup.number}), mesh {mesh}, "
        f"lifetime {table['lifetime_ps']:g} ps",
        "J/V = α ∇T in ħ Å⁻² K⁻¹; rows: axis of J, columns: direction of ∇T",
    ]
    for temperature, tensor in zip(table["temperature_K"], table["alpha"], strict=True):
        rows: list[tuple[str, ...]] = [(f"{temperature:g} K", "x", "y", "z")]
        smallest = ROUND_OFF * max(abs(value) for row in tensor for value in row)
        rows += [
            (axis, *(f"{value:+.4e}" if abs(value) > smallest else "0" for value in row))
            for axis, row in zip("xyz", tensor, strict=True)
        ]
        lines += ["", *aligned(rows)]
    if table["left_out"]:
        lines += ["", f"{table['left_out']} modes of nearly zero frequency are left out: they have no velocity"]
    if table["inversion"]:
        lines += ["", "the crystal has inversion: the tensor is zero by symmetry"]
    return "\n".join(lines)
