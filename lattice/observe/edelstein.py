"""Phonon thermal Edelstein effect: angular momentum of a crystal in a temperature gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice import units
from lattice.errors import InputError, StabilityError
from lattice.modes.arguments import NAC_METHODS
from lattice.modes.flow import Flow
from lattice.modes.sampling import checked_mesh, mesh_points
from lattice.structure import argument
from lattice.structure.crystal import Crystal, FloatArray, IntArray
from lattice.structure.symmetry import cartesian_rotations

if TYPE_CHECKING:
    import xarray

_SOFT = 1e-2  #: THz; an imaginary frequency beyond this is an instability, a smaller one noise of acoustic modes


@argument.takes(
    crystal=argument.crystal,
    temperature=argument.array,
    lifetime=argument.number,
    symmetry=argument.flag,
    nac_method=argument.text,
    progress=argument.flag,
)
def edelstein(
    crystal: Crystal,
    mesh: Sequence[int],
    temperature: float | Sequence[float] = 300.0,
    *,
    lifetime: float = 1.0,
    symmetry: bool = True,
    nac_method: str = "gonze-lee",
    progress: bool = False,
) -> xarray.Dataset:
    """Return the phonon thermal Edelstein tensor: angular momentum per volume J/V = α ∇T.

    α_αβ = −(τ/V) Σ_qν J_α(q,ν) v_β(q,ν) ∂n/∂T with V = N_q V_cell, one lifetime τ for all modes, on a Γ-centred mesh.
    Γ itself is left out: acoustic modes do not turn there, and the velocity of polar ones is not defined.

    Parameters
    ----------
    crystal : Crystal
        With force constants of a supercell.
    mesh : sequence of int
        ``(3,)``.
    temperature : float or sequence of float
        *K*, above 0.
    lifetime : float
        τ in *ps*; α is proportional to it.
    symmetry : bool
        Whether to use time reversal and the point group to reduce the work.
    nac_method : {"gonze-lee", "wang", "none"}
    progress : bool
        Whether to show a progress bar where it takes more than 2 s.

    Returns
    -------
    xarray.Dataset
        ``alpha`` (temperature, axis, gradient) in *ħ Å⁻² K⁻¹*: row α the axis of J, column β that of ∇T. Zero with
        inversion, opposite in enantiomers. Attributes: ``mesh``, ``lifetime`` in *ps*, ``qpoints`` = points solved,
        ``left_out`` = modes whose frequency is too near to zero (±0.01 THz) to have a velocity; should be 0.

    Raises
    ------
    InputError
        If an argument is out of range, or the force constants hold Γ alone.
    StabilityError
        If a mode has an imaginary frequency.

    References
    ----------
    M. Hamada, E. Minamitani, M. Hirayama and S. Murakami, Phys. Rev. Lett. 121, 175301 (2018), eq. (4).
    """
    import xarray as xr
    from tqdm import tqdm

    kelvin = _checked(crystal, temperature, lifetime, nac_method)
    points, weights, operations = mesh_points(crystal.spacegroup, mesh, symmetry=symmetry)
    flow = Flow(crystal, nac_method)
    total, left_out = np.zeros((len(kelvin), 3, 3)), 0
    for point, weight in zip(tqdm(points, unit="q", delay=2.0, disable=not progress), weights, strict=True):
        if not point.any():
            continue
        frequency, carried = flow.at(point)
        if frequency[0] < -_SOFT:
            raise StabilityError(
                "A mode has an imaginary frequency, so that it has no occupation",
                found=f"{frequency[0]:.3f} THz at q = {np.round(point, 6).tolist()}",
                fix="use force constants of a stable structure",
            )
        moving = np.isfinite(carried[:, 0, 0])
        left_out += int((~moving).sum())
        total += weight * np.einsum("tn,nxy->txy", slope_of_occupation(frequency[moving], kelvin), carried[moving])
    alpha = -lifetime / crystal.volume * _symmetrised(crystal, total, operations) + 0.0  # no −0
    return xr.Dataset(
        {"alpha": (("temperature", "axis", "gradient"), alpha, {"units": "hbar Angstrom^-2 K^-1"})},
        coords={
            "temperature": ("temperature", kelvin, {"units": "K"}),
            "axis": list("xyz"),
            "gradient": list("xyz"),
        },
        attrs={
            "mesh": list(checked_mesh(mesh)),
            "lifetime": float(lifetime),
            "qpoints": len(points),
            "left_out": left_out,
        },
    )


def edelstein_table(crystal: Crystal, result: xarray.Dataset) -> dict[str, Any]:
    """Return the result of `edelstein` as plain numbers.

    Parameters
    ----------
    crystal : Crystal
    result : xarray.Dataset

    Returns
    -------
    dict
        `spacegroup`, `inversion`, `mesh`, `qpoints` (solved), `left_out` (modes without velocity), `lifetime_ps`,
        `temperature_K`, `alpha` (for each temperature three rows, axis of J, of three columns, direction of ∇T, in
        *ħ Å⁻² K⁻¹*).
    """
    return {
        "spacegroup": crystal.spacegroup.symbol,
        "inversion": bool((crystal.spacegroup.rotations == -np.eye(3)).all(axis=(1, 2)).any()),
        "mesh": list(result.attrs["mesh"]),
        "qpoints": int(result.attrs["qpoints"]),
        "left_out": int(result.attrs["left_out"]),
        "lifetime_ps": float(result.attrs["lifetime"]),
        "temperature_K": result["temperature"].values.tolist(),
        "alpha": result["alpha"].values.tolist(),
    }


def slope_of_occupation(frequency: FloatArray, kelvin: FloatArray) -> FloatArray:
    """Return ∂n/∂T of the Bose–Einstein distribution ``(n_temperatures, n_modes)`` in *1/K*; ν in *THz* > 0."""
    x = units.HBAR * units.TWO_PI * frequency[None] / (units.KB * kelvin[:, None])
    small = np.exp(-x)  # n = e^{-x}/(1 − e^{-x}) does not overflow
    return np.asarray(x / kelvin[:, None] * small / np.expm1(-x) ** 2)


def _checked(crystal: Crystal, temperature: float | Sequence[float], lifetime: float, nac_method: str) -> FloatArray:
    """Return the temperatures as an array; check the other arguments."""
    kelvin = np.atleast_1d(np.asarray(temperature, dtype=np.float64))
    if kelvin.ndim != 1 or not kelvin.size or not np.isfinite(kelvin).all() or (kelvin <= 0).any():
        raise InputError("A temperature is a number of K above zero", found=temperature, fix="give e.g. 300")
    if not (np.isfinite(lifetime) and lifetime > 0):
        raise InputError("The lifetime is a number of ps above zero", found=lifetime, fix="give e.g. 1.0")
    if nac_method not in NAC_METHODS:
        raise InputError(
            "The method of the non-analytic term is unknown", found=nac_method, fix=f"use one of {NAC_METHODS}"
        )
    constants = crystal.force_constants
    if constants is None or constants.gamma_only:
        other = f", e.g. the bundled {crystal.dispersion_name!r}" if crystal.dispersion_name else ""
        raise InputError(
            "The Edelstein effect needs the dispersion of the modes",
            found="no force constants" if constants is None else "force constants of a single cell",
            fix=f"give force constants of a supercell{other}",
        )
    return kelvin


def _symmetrised(crystal: Crystal, tensor: FloatArray, operations: IntArray) -> FloatArray:
    """Average over the operations that reduced the mesh: J is an axial vector, v a polar one."""
    from lattice.modes.representation import cell_of

    rotations = cartesian_rotations(cell_of(crystal), crystal.spacegroup)[operations]
    sign = np.linalg.det(rotations)
    return np.asarray(np.einsum("g,gxa,gyb,tab->txy", sign, rotations, rotations, tensor) / len(rotations))
