"""HGH pseudopotentials (abinit ``pspcod 3`` tables) converted to UPF v2 for Quantum ESPRESSO.

Analytic separable form of Hartwigsen, Goedecker and Hutter, Phys. Rev. B 58, 3641 (1998): a local part, projectors
p_i^l with a symmetric matrix h^l, and a spin-orbit matrix k^l that multiplies L·S. With spin-orbit coupling the file is
fully relativistic, one projector for each j; without it k is left out, which is the mean over j. All lengths in bohr;
the tables are in hartree, UPF is in rydberg (factor 2).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PSEUDO_DIR_VARIABLE = "RECIPE_HGH_DIR"
DEBIAN_PSEUDO_DIR = "/usr/share/abinit/psp"  # where Debian's abinit-data installs the HGH tables
HGH_FILES = {"Al": "13al.3.hgh", "Bi": "83bi.5.hgh", "N": "7n.5.hgh", "Se": "34se.6.hgh"}

# Off-diagonal elements of h and k follow from the diagonal, eqs. (24)-(32) of the reference: (h12, h13)/..., h23/...
_OFF_DIAGONAL = {
    0: (-0.5 * math.sqrt(3 / 5), 0.5 * math.sqrt(5 / 21), -0.5 * math.sqrt(100 / 63)),
    1: (-0.5 * math.sqrt(5 / 7), math.sqrt(35 / 11) / 6, -14 / 6 / math.sqrt(11)),
    2: (-0.5 * math.sqrt(7 / 9), 0.5 * math.sqrt(63 / 143), -9 / math.sqrt(143)),
}
_MESH = {"xmin": -7.0, "dx": 0.0125, "rmax": 60.0}
_PROJECTOR_CUTOFF = 8.0  # bohr; the Gaussians are below 1e-15 there


Projector = tuple[int, float, np.ndarray]  #: l, j (l itself without spin-orbit coupling), and r·p(r) on the mesh


@dataclass(frozen=True)
class Channel:
    """One channel of angular momentum `ell`: `radius` in bohr, diagonals `h` and `k` (3,) in hartree."""

    ell: int
    radius: float
    h: tuple[float, ...]
    k: tuple[float, ...]


@dataclass(frozen=True)
class HghTable:
    """An HGH table: atomic number, ionic charge, local radius (bohr), local coefficients (hartree), channels."""

    atomic_number: int
    ionic_charge: float
    local_radius: float
    local_coefficients: tuple[float, ...]
    channels: tuple[Channel, ...]


def find_table(element: str, directory: str | None = None) -> Path:
    """Return the path of the HGH table of `element`.

    Parameters
    ----------
    directory : str, optional
        Folder searched with its sub-folders; else the variable RECIPE_HGH_DIR, else the folder of Debian's abinit-data.

    Raises
    ------
    FileNotFoundError
        No such table there.
    """
    root = Path(directory or os.environ.get(PSEUDO_DIR_VARIABLE) or DEBIAN_PSEUDO_DIR)
    found = sorted(root.rglob(HGH_FILES[element]))
    if not found:
        raise FileNotFoundError(
            f"no {HGH_FILES[element]} below {root}; install abinit-data or name its folder in {PSEUDO_DIR_VARIABLE}"
        )
    return found[0]


def read_table(text: str) -> HghTable:
    """Read an abinit ``pspcod 3`` table: s, p, d, f rows of radius and diagonal h; rows of diagonal k for l > 0."""
    lines = text.splitlines()

    def numbers(line: str, count: int) -> tuple[float, ...]:
        return tuple(float(word) for word in line.split()[:count])

    atomic_number, ionic_charge = numbers(lines[1], 2)
    local_radius, *coefficients = numbers(lines[3], 5)
    channels = []
    cursor = 4
    for ell in range(4):
        radius, *h = numbers(lines[cursor], 4)
        cursor += 1
        k: tuple[float, ...] = (0.0, 0.0, 0.0)
        if ell > 0:
            k = numbers(lines[cursor], 3)
            cursor += 1
        if radius > 0:
            channels.append(Channel(ell, radius, tuple(h), k))
    return HghTable(int(atomic_number), ionic_charge, local_radius, tuple(coefficients), tuple(channels))


def coupling_matrix(ell: int, diagonal: tuple[float, ...]) -> np.ndarray:
    """Return the symmetric (3, 3) matrix h^l or k^l, *hartree*, from its diagonal."""
    matrix = np.diag(np.array(diagonal, dtype=float))
    if any(diagonal[1:]):
        factor = _OFF_DIAGONAL[ell]
        for (i, j), value in zip(((0, 1), (0, 2), (1, 2)), factor, strict=True):
            matrix[i, j] = matrix[j, i] = value * diagonal[j]
    return matrix


def projector(ell: int, i: int, radius: float, r: np.ndarray) -> np.ndarray:
    """Return the normalised radial projector p_i^l(r), i = 0, 1, 2: eq. (3) of the reference."""
    power = ell + (4 * (i + 1) - 1) / 2
    norm = math.sqrt(2) / (radius**power * math.sqrt(math.gamma(power)))
    return np.asarray(norm * r ** (ell + 2 * i) * np.exp(-(r**2) / (2 * radius**2)))


def nonlocal_blocks(
    table: HghTable, *, spin_orbit: bool = True
) -> list[tuple[int, float, list[int], float, np.ndarray]]:
    """Return (l, j, projector indices, radius, D) per (l, j): D = h + <L·S> k, *hartree*.

    <L·S> is l/2 for j = l + 1/2 and −(l + 1)/2 for j = l − 1/2. Without spin-orbit coupling: one block for each l, with
    D = h, and l in the place of j.
    """
    blocks = []
    for channel in table.channels:
        used = [i for i in range(3) if abs(channel.h[i]) > 1e-12 or abs(channel.k[i]) > 1e-12]
        if not used:
            continue
        size = max(used) + 1
        ell = channel.ell
        h = coupling_matrix(ell, channel.h)[:size, :size]
        k = coupling_matrix(ell, channel.k)[:size, :size]
        momenta = (float(ell),) if not spin_orbit else (0.5,) if ell == 0 else (ell - 0.5, ell + 0.5)
        for j in momenta:
            product = 0.0 if j == ell or ell == 0 else (ell / 2 if j > ell else -(ell + 1) / 2)
            blocks.append((ell, j, list(range(size)), channel.radius, h + product * k))
    return blocks


def radial_mesh(atomic_number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithmic mesh r and its weights dr, *bohr*, with an odd number of points (Simpson's rule)."""
    n = int((math.log(atomic_number * _MESH["rmax"]) - _MESH["xmin"]) / _MESH["dx"]) + 1
    n += 1 - n % 2
    r = np.exp(_MESH["xmin"] + _MESH["dx"] * np.arange(n)) / atomic_number
    return r, r * _MESH["dx"]


def local_potential(table: HghTable, r: np.ndarray) -> np.ndarray:
    """Return the local part V(r), *hartree*: eq. (1) of the reference."""
    x = r / table.local_radius
    screened = np.array([math.erf(value) for value in x / math.sqrt(2)])
    short = sum(c * x ** (2 * i) for i, c in enumerate(table.local_coefficients))
    return np.asarray(-table.ionic_charge / r * screened + np.exp(-0.5 * x**2) * short)


def upf_text(table: HghTable, element: str, *, spin_orbit: bool = True) -> str:
    """Return the UPF v2 file, norm-conserving, with or without spin-orbit coupling, LDA of Perdew and Wang.

    Raises
    ------
    ValueError
        A projector is not normalised on the radial mesh to 1e-3.
    """
    r, weight = radial_mesh(table.atomic_number)
    projectors: list[Projector] = []
    blocks = nonlocal_blocks(table, spin_orbit=spin_orbit)
    total = sum(len(indices) for _, _, indices, _, _ in blocks)
    coefficients = np.zeros((total, total))
    for ell, j, indices, radius, matrix in blocks:
        start = len(projectors)
        for i in indices:
            p = projector(ell, i, radius, r)
            norm = float(np.sum((p * r) ** 2 * weight))
            if abs(norm - 1) > 1e-3:
                raise ValueError(f"projector {element} l={ell} i={i} has norm {norm:.6f} on the mesh")
            projectors.append((ell, j, r * p))
        coefficients[start : start + len(indices), start : start + len(indices)] = 2 * matrix
    # The sum of atomic densities only starts the self-consistency; any smooth density with the right charge serves.
    density = r**4 * np.exp(-2 * r)
    density *= table.ionic_charge / np.sum(density * weight)
    return "\n".join(
        [
            '<UPF version="2.0.1">',
            f"<PP_INFO>\nHGH, Phys. Rev. B 58, 3641 (1998), LDA{', spin-orbit' if spin_orbit else ''}\n</PP_INFO>",
            _header(table, element, projectors, len(r), spin_orbit),
            f'<PP_MESH dx="{_MESH["dx"]}" mesh="{len(r)}" xmin="{_MESH["xmin"]}" rmax="{r[-1]:.10f}" '
            f'zmesh="{float(table.atomic_number)}">',
            _array("PP_R", r),
            _array("PP_RAB", weight),
            "</PP_MESH>",
            _array("PP_LOCAL", 2 * local_potential(table, r)),
            _nonlocal(projectors, coefficients, r),
            "<PP_PSWFC>\n</PP_PSWFC>",
            _array("PP_RHOATOM", density),
            *(_spin_orbit(projectors) if spin_orbit else []),
            "</UPF>\n",
        ]
    )


def _spin_orbit(projectors: list[Projector]) -> list[str]:
    rows = (f'<PP_RELBETA.{i} index="{i}" lll="{ell}" jjj="{j}"/>' for i, (ell, j, _) in enumerate(projectors, 1))
    return ["<PP_SPIN_ORB>", *rows, "</PP_SPIN_ORB>"]


def _header(table: HghTable, element: str, projectors: list[Projector], mesh: int, spin_orbit: bool) -> str:
    values = {
        "generated": "HGH",
        "author": "",
        "date": "",
        "comment": "",
        "element": element,
        "pseudo_type": "NC",
        "relativistic": "full" if spin_orbit else "scalar",
        "is_ultrasoft": "F",
        "is_paw": "F",
        "is_coulomb": "F",
        "has_so": "T" if spin_orbit else "F",
        "has_wfc": "F",
        "has_gipaw": "F",
        "core_correction": "F",
        "functional": "SLA PW NOGX NOGC",
        "z_valence": f"{table.ionic_charge:.6f}",
        "total_psenergy": "0.0",
        "wfc_cutoff": "0.0",
        "rho_cutoff": "0.0",
        "l_max": max(ell for ell, _, _ in projectors),
        "l_max_rho": "0",
        "l_local": "-3",
        "mesh_size": mesh,
        "number_of_wfc": "0",
        "number_of_proj": len(projectors),
    }
    return "<PP_HEADER " + " ".join(f'{key}="{value}"' for key, value in values.items()) + "/>"


def _array(tag: str, values: np.ndarray, attributes: str = "") -> str:
    flat = np.ravel(values)
    rows = "\n".join(" ".join(f"{v:.15E}" for v in flat[i : i + 4]) for i in range(0, len(flat), 4))
    return f'<{tag} type="real" size="{len(flat)}" columns="4"{attributes}>\n{rows}\n</{tag}>'


def _nonlocal(projectors: list[Projector], coefficients: np.ndarray, r: np.ndarray) -> str:
    cut = int(np.searchsorted(r, _PROJECTOR_CUTOFF))
    cut += 1 - cut % 2
    parts = ["<PP_NONLOCAL>"]
    for i, (ell, _, values) in enumerate(projectors, 1):
        parts.append(
            _array(
                f"PP_BETA.{i}",
                values,
                f' index="{i}" label="l{ell}" angular_momentum="{ell}" cutoff_radius_index="{cut}" '
                f'cutoff_radius="{_PROJECTOR_CUTOFF}" ultrasoft_cutoff_radius="0.0"',
            )
        )
    parts += [_array("PP_DIJ", coefficients), "</PP_NONLOCAL>"]
    return "\n".join(parts)


def upf_names(elements: Iterable[str], *, spin_orbit: bool = True) -> dict[str, str]:
    """Return the UPF file name of each element."""
    return {element: f"{element}_hgh_{'so' if spin_orbit else 'sr'}.UPF" for element in elements}


def write_all(folder: Path, elements: Iterable[str], directory: str | None = None, *, spin_orbit: bool = True) -> None:
    """Convert the tables of `elements` into `folder`; `directory` as in find_table."""
    folder.mkdir(parents=True, exist_ok=True)
    for element, name in upf_names(elements, spin_orbit=spin_orbit).items():
        table = read_table(find_table(element, directory).read_text())
        (folder / name).write_text(upf_text(table, element, spin_orbit=spin_orbit))
