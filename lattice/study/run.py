"""One run: from settings to a trajectory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.anharmonic.files import load_potential
from lattice.anharmonic.overrides import override_multiplets
from lattice.anharmonic.potential import Potential
from lattice.dynamics.full_potential import simulate_full_potential
from lattice.dynamics.pulse import Pulse, default_pulse
from lattice.dynamics.pulse_builders import sampled_pulse
from lattice.dynamics.pulse_samples import read_samples
from lattice.dynamics.runfile import save_run
from lattice.dynamics.simulate import simulate
from lattice.errors import InputError
from lattice.observe.report import run_report
from lattice.structure import argument
from lattice.structure.bundled import bundled_file
from lattice.structure.complete_file import checked_target
from lattice.structure.load import load
from lattice.study.provenance import with_inputs
from lattice.study.settings import RunSettings, read_settings, settings_from_document

if TYPE_CHECKING:
    from xarray import Dataset

NECESSARY = ("amplitude", "frequency", "duration")  #: keys of a pulse that have no default of their own


@argument.takes(document=argument.document, output=argument.optional(argument.path))
def run(document: str | Path | Mapping[str, Any], output: str | Path | None = None) -> dict[str, Any]:
    """Make one run from a run file or its table: plain data in, plain data out, for workflow managers.

    Parameters
    ----------
    document : path or mapping
        A run file, a bundled name, a potential file, or the table that a run file holds (JSON-able; paths relative to
        the current folder), as `sweep_point` gives it.
    output : path, optional
        ``.nc``; the run is written there, by the same name in every folder.

    Returns
    -------
    dict
        The report of `lattice run --json`, JSON-able.

    Raises
    ------
    InputError
        Anything in the document that cannot be used, or the output folder does not exist.
    IntegrationError
        The run diverged or missed its accuracy.
    """
    target = None if output is None else checked_target(output)
    settings = settings_from_document(document) if isinstance(document, Mapping) else read_settings(document)
    trajectory, potential = run_from_settings(settings)
    if target is not None:
        save_run(trajectory, target)
    return run_report(trajectory, potential)


def run_from_settings(settings: RunSettings, *, keep: bool = False) -> tuple[Dataset, Potential]:
    """Load the potential, apply the overrides, make the pulses, and simulate.

    Parameters
    ----------
    settings : RunSettings
        As returned by `read_settings`.
    keep : bool
        Return a run that diverged or missed its accuracy, with its `status`, instead of raising.

    Returns
    -------
    run : xarray.Dataset
        One trajectory, as returned by `simulate`.
    potential : Potential
        The potential that was used, overrides included.

    Raises
    ------
    InputError
        Anything in the settings that cannot be used.
    SymmetryError
        The potential breaks the symmetry of its crystal.
    IntegrationError
        The run diverged or missed its accuracy.
    """
    potential = load_potential(settings.potential or settings.source, frequencies=settings.frequencies)
    if settings.potential is not None:
        check_same_crystal(settings.source, potential)
    if settings.overrides:
        potential = override_multiplets(potential, settings.overrides)
    if settings.calculator is not None:
        return with_inputs(_run_with_calculator(settings, potential, keep), settings), potential
    run = simulate(
        potential,
        make_pulses(settings.pulses, potential),
        settings.duration,
        record=settings.record,
        temperature=settings.temperature,
        seed=settings.seed,
        rtol=settings.rtol,
        n_threads=settings.threads,
        method=settings.method,
        on_failure="keep" if keep else "raise",
    )
    return with_inputs(run, settings), potential


def _run_with_calculator(settings: RunSettings, potential: Potential, keep: bool) -> Dataset:
    """Run with the forces of a calculator; Born charges of the source couple light to what the potential leaves out."""
    if settings.temperature > 0:
        raise InputError(
            "A run with the forces of a calculator has no bath",
            found=f"temperature = {settings.temperature:g} K",
            fix="leave out the temperature, or the calculator",
        )
    # A bundled or separate crystal may know charges; a potential file alone holds those of its own modes.
    knows = settings.potential is not None or bundled_file(settings.source) is not None
    return simulate_full_potential(
        potential,
        make_pulses(settings.pulses, potential),
        settings.duration,
        settings.calculator,
        supercell=settings.supercell,
        record=settings.record,
        rtol=settings.rtol,
        born_charges=load(settings.source).born_charges if knows else None,
        on_failure="keep" if keep else "raise",
    )


def make_pulses(keys: tuple[Mapping[str, Any], ...], potential: Potential) -> tuple[Pulse, ...]:
    """Make the pulses of a run; the default pulse of the potential fills in what the first leaves out.

    Raises
    ------
    InputError
        A later pulse leaves out amplitude, frequency or duration, or a value is out of range.
    """
    if not keys:
        return (default_pulse(potential),)
    first = dict(keys[0])
    if "file" not in first and any(key not in first for key in NECESSARY):
        default = default_pulse(potential)
        first = {key: getattr(default, key) for key in NECESSARY} | first
    for i, later in enumerate(keys[1:], 1):
        missing = [key for key in NECESSARY if key not in later]
        if missing and "file" not in later:
            raise InputError(
                f"Pulse {i} is incomplete", found=f"no {', '.join(missing)}", fix=f"give pulse.{i}.{missing[0]}"
            )
    return tuple(_pulse(pulse) for pulse in (first, *keys[1:]))


def _pulse(keys: Mapping[str, Any]) -> Pulse:
    """Make one pulse, sampled where it names a file."""
    rest = dict(keys)
    file = rest.pop("file", None)
    return Pulse(**rest) if file is None else sampled_pulse(read_samples(file), **rest)


def check_same_crystal(source: str, potential: Potential) -> None:
    """A potential that carries its crystal must belong to the source of the run.

    Raises
    ------
    InputError
        If it belongs to another.
    """
    if potential.crystal is None:
        return
    crystal, other = load(source), potential.crystal
    same = crystal.cell.shape == other.cell.shape and len(crystal.masses) == len(other.masses)
    if same:
        shift = crystal.positions - other.positions
        same = (
            np.allclose(crystal.cell, other.cell, atol=1e-4)
            and np.allclose((shift - np.round(shift)) @ crystal.cell, 0, atol=1e-4)
            and np.allclose(crystal.masses, other.masses, rtol=1e-3)
        )
    if not same:
        raise InputError(
            "The potential belongs to another crystal than the source of the run",
            found=f"source {source}; potential with {', '.join(other.species)}",
            fix="give the source that the potential was made for, or only the potential as source",
        )
