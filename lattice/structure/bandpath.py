"""Special points of the Brillouin zone and the customary path along them, from ASE."""

from __future__ import annotations

from typing import Any

from lattice.errors import InputError
from lattice.structure.crystal import Crystal, FloatArray

Corner = tuple[str, FloatArray]


def special_path(crystal: Crystal, path: str | None = None) -> list[list[Corner]]:
    """Return the corners of a path along special points.

    Parameters
    ----------
    crystal : Crystal
        Only its cell matters; a cell that is not primitive has the special points of its own lattice.
    path : str, optional
        Names of special points as ASE writes them: ``"GXL"``; ``","`` begins a new piece, digits belong to the name
        before them (``"GX,X1Z"``). Default: the path of W. Setyawan and S. Curtarolo, as in ASE.

    Returns
    -------
    list of list of tuple
        Pieces, each with its corners: name, and q ``(3,)`` in units of the reciprocal cell vectors.

    Raises
    ------
    InputError
        If the path names an unknown point or has a piece of fewer than two, or the lattice is not recognised.

    References
    ----------
    W. Setyawan and S. Curtarolo, Comput. Mater. Sci. 49, 299 (2010).
    """
    from ase.cell import Cell
    from ase.dft.kpoints import parse_path_string

    make_cell: Any = Cell  # ASE has no types
    try:
        known = make_cell(crystal.cell).bandpath(npoints=0)
    except (RuntimeError, ValueError, ArithmeticError) as error:
        raise InputError(
            "ASE does not recognise the lattice of this cell",
            found=f"{type(error).__name__}: {error}",
            fix="give the corners of the path as q-points",
        ) from None
    points = known.special_points
    parse: Any = parse_path_string
    pieces = parse(known.path if path is None else "".join(path.split()))
    unknown = [name for piece in pieces for name in piece if name not in points]
    if unknown or not pieces or min(map(len, pieces)) < 2:
        raise InputError(
            "The path names a point that this lattice does not have"
            if unknown
            else "A path needs two points in every piece",
            found=unknown[0] if unknown else path,
            fix=f"use the points {', '.join(sorted(points))}; the customary path is {known.path}",
        )
    return [[(name, points[name].copy()) for name in piece] for piece in pieces]
