"""One run: from settings to a trajectory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.anharmonic.files import load_potential
from lattice.anharmonic.overrides import override_multiplets
from lattice.anharmonic.potential import Potential
from lattice.dynamics.pulse import Pulse, default_pulse
from lattice.dynamics.pulse_builders import sampled_pulse
from lattice.dynamics.pulse_samples import read_samples
from lattice.dynamics.simulate import simulate
from lattice.errors import InputError
from lattice.structure.load import load
from lattice.study.provenance import with_inputs
from lattice.study.settings import RunSettings

if TYPE_CHECKING:
    from xarray import Dataset

NECESSARY = ("amplitude", "frequency", "duration")  #: keys of a pulse that have no default of their own


def run_from_settings(settings: RunSettings) -> tuple[Dataset, Potential]:
    """Load the potential, apply the overrides, make the pulses, and simulate.

    Parameters
    ----------
    settings : RunSettings
        As returned by `read_settings`.

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
        _check_same_crystal(settings.source, potential)
    if settings.overrides:
        potential = override_multiplets(potential, settings.overrides)
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
    )
    return with_inputs(run, settings), potential


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


def _check_same_crystal(source: str, potential: Potential) -> None:
    """A potential that carries its crystal must belong to the source of the run."""
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
