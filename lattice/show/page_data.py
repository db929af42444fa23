"""What a page shows, as plain numbers and strings: the crystal, its modes, and the run."""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lattice.dynamics.ledger import GROSS_FLOOR
from lattice.dynamics.stored_potential import potential_of_run
from lattice.errors import InputError
from lattice.observe.ledger_series import ledger_series
from lattice.observe.mode_table import mode_table
from lattice.observe.multiplet_motion import along_axis, by_response, rotating_pair
from lattice.observe.report import run_report
from lattice.observe.selection import partner_m
from lattice.show.block import block_of_crystal
from lattice.structure.species import appearance_of_species, species_of_numbers

if TYPE_CHECKING:
    from xarray import Dataset

    from lattice.anharmonic.potential import Potential
    from lattice.modes.modes import ComplexArray, Modes
    from lattice.structure.crystal import FloatArray

BYTES = 1_300_000  #: of recorded numbers in a page; base64 makes 4/3 of it
SAMPLES = 8  #: frames per period of the fastest coordinate that a page keeps at least
TRACE = 0.01  #: of the largest L or ledger entry: what stays below has no line and no bar


def run_data(run: Dataset) -> dict[str, Any]:
    """Return the data of a page about a run.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory with Q.

    Returns
    -------
    dict
        `title`, `verdict`, `warnings`, `facts`, `crystal` (None where unknown), `modes`, `run`; only what JSON knows,
        arrays of the run as base64 of little-endian float32.

    Raises
    ------
    InputError
        An ensemble, a run without Q, one that diverged, or a species that is not an element.
    """
    _check_run(run)
    potential = potential_of_run(run)
    report = run_report(run, potential)
    record = potential.crystal
    formula = "" if record is None else _formula(record.species)
    return {
        "title": formula or "Model potential",
        "subtitle": "driven by light" if "E" in run and np.abs(run["E"].values).max() > 0 else "free motion",
        "verdict": report["verdict"],
        "warnings": report["warnings"],
        "facts": _facts(run, report),
        "axis": potential.axis.tolist(),
        "crystal": None
        if record is None or potential.eigenvectors is None
        else _crystal(record.cell, record.positions, record.species, potential.axis),
        "modes": [] if record is None or potential.eigenvectors is None else _modes_of_run(potential, record.masses),
        "run": _series(run, potential),
    }


def modes_data(modes: Modes) -> dict[str, Any]:
    """Return the data of a page about the modes at one q-point.

    Parameters
    ----------
    modes : Modes

    Returns
    -------
    dict
        As `run_data`, with `verdict` and `run` None.
    """
    crystal = modes.crystal
    table = mode_table(modes)
    species = species_of_numbers(crystal.numbers)
    axis = np.array([0.0, 0.0, 1.0]) if modes.axis is None else modes.axis
    drawn = _crystal(crystal.cell, crystal.positions, species, axis)
    places = np.array(drawn["fractional"])
    patterns = modes.eigenvectors / np.sqrt(crystal.masses)[None, :, None]
    patterns = patterns * np.exp(2j * np.pi * places @ modes.qpoint)[None, :, None]
    turns = np.asarray(modes.J) @ axis
    rows = [
        _mode(row, float(turns[i]), patterns[i], _activity(row["ir_active"], row["raman_active"]))
        for i, row in enumerate(table["modes"])
    ]
    q = " ".join(f"{x:g}" for x in modes.qpoint)
    return {
        "title": _formula(species),
        "subtitle": f"modes at q = ({q})" if modes.qpoint.any() else "modes at Γ",
        "verdict": None,
        "warnings": [],
        "facts": [
            ["space group", table["spacegroup"]],
            ["rotation axis n̂", "none" if modes.axis is None else _direction(axis)],
            ["its order at q", str(modes.rotation_order)],
        ],
        "axis": axis.tolist(),
        "crystal": drawn | {"phases": (drawn["shifts"] @ modes.qpoint).tolist()},
        "modes": rows,
        "run": None,
    }


def _check_run(run: Dataset) -> None:
    """Refuse what cannot be shown."""
    if "trajectory" in run.dims:
        raise InputError(
            "A page shows one trajectory",
            found=f"an ensemble of {run.sizes['trajectory']}",
            fix="choose one: run.isel(trajectory=0)",
        )
    if "Q" not in run:
        raise InputError(
            "A page needs the motion of the modes",
            found="a run without Q",
            fix='record quantities = ["Q", "P", "L", "E"]',
        )
    if len(run["time"]) < 2 or not np.isfinite(run["Q"].values).all():
        raise InputError(
            "The run holds no motion that could be shown",
            found=f"{len(run['time'])} recorded times, {run['message'].item()}",
            fix="run it with weaker light or for a longer time",
        )


def _facts(run: Dataset, report: dict[str, Any]) -> list[list[str]]:
    """Label and value of what the reader must know of a run."""
    pulses = report["pulse"] if isinstance(report["pulse"], list) else [report["pulse"]]
    facts = [
        [
            "light" if len(pulses) == 1 else f"light {i + 1}",
            f"{p['amplitude']:g} MV/cm inside, {p['frequency']:g} THz, {p['duration']:g} ps, "
            f"helicity {p['helicity']:+g}",
        ]
        for i, p in enumerate(pulses)
    ]
    parameters = json.loads(run.attrs["provenance"])["parameters"]
    facts.append(["temperature", f"{parameters['temperature_K']:g} K"])
    facts.append(["rotation axis n̂", _direction(run["rotation_axis"].values)])
    if report["step_error"] is not None:
        facts.append(["step error", f"{report['step_error']:.1e}"])
    if report["ledger"]["closure"] is not None:
        facts.append(["ledger closes to", f"{report['ledger']['closure']:.1e}"])
    return facts


def _crystal(cell: FloatArray, positions: FloatArray, species: tuple[str, ...], axis: FloatArray) -> dict[str, Any]:
    """The block of atoms with radii and colours."""
    names = list(dict.fromkeys(species))
    looks = {name: appearance_of_species(name) for name in names}
    block = block_of_crystal(cell, positions, np.array([looks[name][0] for name in species]), axis)
    return {
        "names": names,
        "colours": ["#" + "".join(f"{round(255 * x):02x}" for x in looks[name][1]) for name in names],
        "radii": [round(looks[name][0], 3) for name in names],
        "kind": [names.index(name) for name in species],
        "basis": _rounded(block.basis),
        "fractional": block.basis_fractional.tolist(),
        "shifts": block.shifts.tolist(),
        "translations": _rounded(block.translations),
        "bonds": block.bonds.tolist(),
        "edges": _rounded(block.edges),
        "corner": _rounded(block.corner),
        "phases": [0.0] * len(block.shifts),
    }


def _modes_of_run(potential: Potential, masses: FloatArray) -> list[dict[str, Any]]:
    """Circular partners and singlets of the coordinates of a potential: ε_± = (e_x ± i e_y)/√2."""
    assert potential.eigenvectors is not None
    assert potential.irreps is not None
    patterns = potential.eigenvectors / np.sqrt(masses)[None, :, None]
    M = np.tensordot(potential.axis, potential.angular_momentum, axes=1)
    sizes = {name: int((potential.multiplet == name).sum()) for name in potential.multiplet.tolist()}
    m, _ = partner_m(potential)
    rows = []
    for s, partner in enumerate(potential.pair.tolist()):
        name = str(potential.multiplet[s])
        if partner < 0:
            sign, pattern = 0, patterns[s].astype(complex)
        else:
            x, y = min(s, partner), max(s, partner)
            sign = 1 if s == x else -1
            pattern = (patterns[x] + sign * 1j * patterns[y]) / math.sqrt(2.0)
        row = {
            "index": int(potential.mode_numbers[s]),  # type: ignore[index]
            "multiplet": name,
            "irrep": str(potential.irreps[s]) or None,
            "frequency_THz": float(potential.frequency[s]),
            "degeneracy": sizes[name],
            "m": m[s],
        }
        turn = 0.0 if partner < 0 else sign * float(M[min(s, partner), max(s, partner)])
        rows.append(_mode(row, turn, pattern, _activity(bool(potential.mode_charge[s].any()), None), sign))
    return rows


def _mode(row: dict[str, Any], J: float, pattern: ComplexArray, active: str, sign: int | None = None) -> dict[str, Any]:
    """One row of the list of modes; the pattern is scaled so that its largest displacement is 1 Å."""
    if sign is None:
        sign = 0 if abs(J) < 1e-6 else int(math.copysign(1, J))
    largest = math.sqrt(float((np.abs(pattern) ** 2).sum(axis=1).max()))
    scaled = pattern / largest
    return {
        "index": row["index"],
        "multiplet": row["multiplet"],
        "irrep": row["irrep"],
        "frequency": row["frequency_THz"],
        "m": row["m"],
        "J": J + 0.0,
        "sign": sign if row["degeneracy"] > 1 or sign else 0,
        "active": active,
        "re": _rounded(scaled.real, 5),
        "im": _rounded(scaled.imag, 5),
    }


def _activity(infrared: bool, raman: bool | None) -> str:
    """Words for what light sees of a mode; a potential knows nothing of Raman activity."""
    return " ".join(word for word, seen in (("IR", infrared), ("Raman", raman)) if seen)


def _series(run: Dataset, potential: Potential) -> dict[str, Any]:
    """Everything over time, thinned to fit the page."""
    times, Q = run["time"].values, run["Q"].values
    received = ledger_series(run)
    names = run["multiplet"].values.tolist()
    order = by_response(run) if "P" in run else names
    channels, shown = _entries(run, order)
    columns = [names.index(name) for name in order]
    numbers = Q.shape[1] + len(names) + 3 + (0 if received is None else len(channels) * (len(shown) + 1))
    keep = _frames(run, max(2, BYTES // (4 * numbers)))
    coordinates = [np.flatnonzero(run["mode_multiplet"].values == name).tolist() for name in order]
    pairs = [rotating_pair(run, name) for name in order]
    return {
        "t0": float(times[keep][0]),
        "dt": float(times[keep][1] - times[keep][0]),
        "n": len(times[keep]),
        "cut": None if times[keep][-1] > times[-1] - 2 * (times[keep][1] - times[keep][0]) else float(times[-1]),
        "labels": run["mode"].values.tolist(),
        "multiplets": order,
        "coordinates": coordinates,
        "pairs": [None if pair is None else list(pair) for pair in pairs],
        "frequency": [float(run["frequency"].values[rows[0]]) for rows in coordinates],
        "pattern": [] if potential.eigenvectors is None or potential.crystal is None else _patterns(potential),
        "Q": _packed(Q[keep]),
        "L": _packed(along_axis(run, "L")[keep][:, columns]) if "L" in run else None,
        "E": _packed(run["E"].values[keep]) if "E" in run else None,
        "ledger": _ledger(run, received, channels, shown, keep),
    }


def _patterns(potential: Potential) -> list[list[float]]:
    """Displacement in Å of every atom per Å√amu of each coordinate, one flat list for each."""
    assert potential.eigenvectors is not None
    assert potential.crystal is not None
    flat = potential.eigenvectors / np.sqrt(potential.crystal.masses)[None, :, None]
    return [_rounded(row.ravel(), 6) for row in flat]


def _entries(run: Dataset, order: list[str]) -> tuple[list[int], list[str]]:
    """Channels and multiplets with entries that can be seen beside the largest."""
    book = np.abs(along_axis(run, "ledger"))
    names = run["multiplet"].values.tolist()
    floor = max(TRACE * float(np.nanmax(book, initial=0.0)), GROSS_FLOOR)
    channels = np.flatnonzero((book > floor).any(axis=1)).tolist()
    return channels, [name for name in order if (book[:, names.index(name)] > floor).any()][:4]


def _ledger(
    run: Dataset, received: FloatArray | None, channels: list[int], shown: list[str], keep: slice
) -> dict[str, Any]:
    """Totals along n̂ and, where they can be had, their growth in time: (frame, channel, column), crystal last."""
    names = run["multiplet"].values.tolist()
    columns = [names.index(name) for name in shown]
    totals = np.column_stack([along_axis(run, "ledger")[:, columns], along_axis(run, "crystal")])[channels]
    series = None
    if received is not None and channels:
        # The counter-entry of what light, damping and noise do is not in the crystal: there the book has 0.
        takes = np.isin(run["channel"].values, ["light", "light2", "damping", "noise"], invert=True)
        crystal = -received.sum(axis=2, keepdims=True) * takes[None, :, None]
        series = _packed(np.concatenate([received[:, :, columns], crystal], axis=2)[keep][:, channels])
    return {
        "channels": run["channel"].values[channels].tolist(),
        "columns": [*shown, "crystal"],
        "totals": np.where(np.isfinite(totals), totals, 0.0).tolist(),
        "series": series,
    }


def _frames(run: Dataset, most: int) -> slice:
    """Frames a page keeps: all where they fit, else every n-th, else the beginning; never too coarse to follow."""
    n = len(run["time"])
    step = float(run["time"].values[1] - run["time"].values[0])
    fastest = float(np.abs(run["frequency"].values).max())
    stride = min(math.ceil(n / most), max(1, int(1.0 / (SAMPLES * max(fastest, 1e-3) * step))))
    return slice(0, min(n, most * stride), stride)


def _packed(values: ArrayLike) -> str:
    """Base64 of little-endian float32."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")


def _rounded(values: ArrayLike, digits: int = 4) -> Any:
    """Nested lists of short numbers; −0 becomes 0."""
    return (np.round(np.asarray(values, dtype=float), digits) + 0.0).tolist()


def _direction(axis: FloatArray) -> str:
    return "[" + " ".join(f"{x + 0.0:.3g}" for x in np.round(axis, 6)) + "]"


def _formula(species: tuple[str, ...]) -> str:
    """Bi2Se3: symbols with their counts, in the order of the atoms, divided by the common factor."""
    counts = {name: species.count(name) for name in dict.fromkeys(species)}
    common = math.gcd(*counts.values())
    digits = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    return "".join(name + (str(n // common).translate(digits) if n > common else "") for name, n in counts.items())
