"""Phonon angular-momentum lattice dynamics.

Public names load lazily (PEP 562): importing `lattice` imports no third party.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lattice.anharmonic.files import load_potential
    from lattice.anharmonic.potential import Potential
    from lattice.dynamics.ledger import ledger
    from lattice.dynamics.pulse import Pulse, default_pulse
    from lattice.dynamics.pulse_builders import pulse_pairs, sampled_pulse
    from lattice.dynamics.pulse_samples import Samples, read_samples
    from lattice.dynamics.record import Record
    from lattice.dynamics.simulate import simulate, simulate_ensemble
    from lattice.errors import (
        FitError,
        FormatError,
        InputError,
        IntegrationError,
        LatticeError,
        MissingDependency,
        SchemaError,
        StabilityError,
        SymmetryError,
    )
    from lattice.modes.modes import Modes
    from lattice.modes.solve import solve_modes
    from lattice.observe.light import pulse_fluence, pulse_helicity, pulse_spectrum
    from lattice.structure.crystal import Crystal
    from lattice.structure.load import load

_HOME = {
    "Crystal": "lattice.structure.crystal",
    "FitError": "lattice.errors",
    "FormatError": "lattice.errors",
    "InputError": "lattice.errors",
    "IntegrationError": "lattice.errors",
    "LatticeError": "lattice.errors",
    "MissingDependency": "lattice.errors",
    "Modes": "lattice.modes.modes",
    "Potential": "lattice.anharmonic.potential",
    "Pulse": "lattice.dynamics.pulse",
    "Record": "lattice.dynamics.record",
    "Samples": "lattice.dynamics.pulse_samples",
    "SchemaError": "lattice.errors",
    "StabilityError": "lattice.errors",
    "SymmetryError": "lattice.errors",
    "default_pulse": "lattice.dynamics.pulse",
    "ledger": "lattice.dynamics.ledger",
    "load": "lattice.structure.load",
    "load_potential": "lattice.anharmonic.files",
    "pulse_fluence": "lattice.observe.light",
    "pulse_helicity": "lattice.observe.light",
    "pulse_pairs": "lattice.dynamics.pulse_builders",
    "pulse_spectrum": "lattice.observe.light",
    "read_samples": "lattice.dynamics.pulse_samples",
    "sampled_pulse": "lattice.dynamics.pulse_builders",
    "simulate": "lattice.dynamics.simulate",
    "simulate_ensemble": "lattice.dynamics.simulate",
    "solve_modes": "lattice.modes.solve",
}

__version__ = "0.1.0"
# The keys of _HOME, written out for tools that read code without running it.
__all__ = [
    "Crystal",
    "FitError",
    "FormatError",
    "InputError",
    "IntegrationError",
    "LatticeError",
    "MissingDependency",
    "Modes",
    "Potential",
    "Pulse",
    "Record",
    "Samples",
    "SchemaError",
    "StabilityError",
    "SymmetryError",
    "__version__",
    "default_pulse",
    "ledger",
    "load",
    "load_potential",
    "pulse_fluence",
    "pulse_helicity",
    "pulse_pairs",
    "pulse_spectrum",
    "read_samples",
    "sampled_pulse",
    "simulate",
    "simulate_ensemble",
    "solve_modes",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'lattice' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
