"""Phonon angular-momentum lattice dynamics.

Public names load lazily (PEP 562): importing `lattice` imports no third party.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lattice.anharmonic.bounds import polynomial_bounds
    from lattice.anharmonic.channels import channels
    from lattice.anharmonic.coordinates import Coordinates, gamma_coordinates
    from lattice.anharmonic.external import read_forces, write_displacements
    from lattice.anharmonic.files import load_potential
    from lattice.anharmonic.fit import fit_potential
    from lattice.anharmonic.invariants import Invariant, find_invariants
    from lattice.anharmonic.line_channels import line_channels
    from lattice.anharmonic.paths import keep_paths
    from lattice.anharmonic.potential import Potential
    from lattice.anharmonic.project import project_potential
    from lattice.anharmonic.raman import raman_forms, with_raman_drive
    from lattice.anharmonic.raman_differences import fit_raman
    from lattice.anharmonic.relax import relax_structure
    from lattice.anharmonic.triples import project_triple
    from lattice.anharmonic.wave_potential import project_waves
    from lattice.dynamics.full_potential import simulate_full_potential
    from lattice.dynamics.ledger import ledger
    from lattice.dynamics.observation import Observe
    from lattice.dynamics.pulse import Pulse, default_pulse
    from lattice.dynamics.pulse_array import PulseArray, delay_grid
    from lattice.dynamics.pulse_builders import pulse_pairs, sampled_pulse
    from lattice.dynamics.pulse_samples import Samples, read_samples
    from lattice.dynamics.record import Record
    from lattice.dynamics.reduced import reduced_step, simulate_reduced
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
    from lattice.modes.files import load_modes, save_modes
    from lattice.modes.modes import Modes
    from lattice.modes.patterns import solve_patterns
    from lattice.modes.polar import polar_labels
    from lattice.modes.read import read_modes
    from lattice.modes.solve import solve_modes
    from lattice.observe.edelstein import edelstein
    from lattice.observe.kerr import kerr
    from lattice.observe.light import pulse_fluence, pulse_helicity, pulse_spectrum
    from lattice.observe.magnetic_moment import magnetic_moment
    from lattice.observe.mechanism import mechanism
    from lattice.observe.mesh import angular_momentum_dos, solve_mesh, unfold_mesh
    from lattice.observe.path import solve_path
    from lattice.observe.probe import Probe
    from lattice.show.page import write_page
    from lattice.structure.charge_components import adjust_charges
    from lattice.structure.crystal import Crystal
    from lattice.structure.cubic import CubicForceConstants
    from lattice.structure.load import load
    from lattice.structure.quartic import QuarticForceConstants
    from lattice.study.results import collect, open_sweep, sweep_failures, sweep_point
    from lattice.study.run import run
    from lattice.study.sweep import sweep

_HOME = {
    "Coordinates": "lattice.anharmonic.coordinates",
    "Crystal": "lattice.structure.crystal",
    "CubicForceConstants": "lattice.structure.cubic",
    "FitError": "lattice.errors",
    "FormatError": "lattice.errors",
    "InputError": "lattice.errors",
    "IntegrationError": "lattice.errors",
    "Invariant": "lattice.anharmonic.invariants",
    "LatticeError": "lattice.errors",
    "MissingDependency": "lattice.errors",
    "Modes": "lattice.modes.modes",
    "Observe": "lattice.dynamics.observation",
    "Potential": "lattice.anharmonic.potential",
    "Probe": "lattice.observe.probe",
    "Pulse": "lattice.dynamics.pulse",
    "PulseArray": "lattice.dynamics.pulse_array",
    "QuarticForceConstants": "lattice.structure.quartic",
    "Record": "lattice.dynamics.record",
    "Samples": "lattice.dynamics.pulse_samples",
    "SchemaError": "lattice.errors",
    "StabilityError": "lattice.errors",
    "SymmetryError": "lattice.errors",
    "angular_momentum_dos": "lattice.observe.mesh",
    "adjust_charges": "lattice.structure.charge_components",
    "channels": "lattice.anharmonic.channels",
    "default_pulse": "lattice.dynamics.pulse",
    "collect": "lattice.study.results",
    "delay_grid": "lattice.dynamics.pulse_array",
    "edelstein": "lattice.observe.edelstein",
    "polynomial_bounds": "lattice.anharmonic.bounds",
    "find_invariants": "lattice.anharmonic.invariants",
    "fit_potential": "lattice.anharmonic.fit",
    "gamma_coordinates": "lattice.anharmonic.coordinates",
    "fit_raman": "lattice.anharmonic.raman_differences",
    "keep_paths": "lattice.anharmonic.paths",
    "kerr": "lattice.observe.kerr",
    "ledger": "lattice.dynamics.ledger",
    "line_channels": "lattice.anharmonic.line_channels",
    "load": "lattice.structure.load",
    "load_modes": "lattice.modes.files",
    "load_potential": "lattice.anharmonic.files",
    "magnetic_moment": "lattice.observe.magnetic_moment",
    "mechanism": "lattice.observe.mechanism",
    "polar_labels": "lattice.modes.polar",
    "read_modes": "lattice.modes.read",
    "save_modes": "lattice.modes.files",
    "project_potential": "lattice.anharmonic.project",
    "project_triple": "lattice.anharmonic.triples",
    "project_waves": "lattice.anharmonic.wave_potential",
    "raman_forms": "lattice.anharmonic.raman",
    "with_raman_drive": "lattice.anharmonic.raman",
    "read_forces": "lattice.anharmonic.external",
    "reduced_step": "lattice.dynamics.reduced",
    "relax_structure": "lattice.anharmonic.relax",
    "pulse_fluence": "lattice.observe.light",
    "pulse_helicity": "lattice.observe.light",
    "pulse_pairs": "lattice.dynamics.pulse_builders",
    "pulse_spectrum": "lattice.observe.light",
    "read_samples": "lattice.dynamics.pulse_samples",
    "sampled_pulse": "lattice.dynamics.pulse_builders",
    "simulate": "lattice.dynamics.simulate",
    "simulate_ensemble": "lattice.dynamics.simulate",
    "simulate_full_potential": "lattice.dynamics.full_potential",
    "solve_mesh": "lattice.observe.mesh",
    "simulate_reduced": "lattice.dynamics.reduced",
    "solve_modes": "lattice.modes.solve",
    "solve_path": "lattice.observe.path",
    "unfold_mesh": "lattice.observe.mesh",
    "solve_patterns": "lattice.modes.patterns",
    "open_sweep": "lattice.study.results",
    "run": "lattice.study.run",
    "sweep": "lattice.study.sweep",
    "sweep_failures": "lattice.study.results",
    "sweep_point": "lattice.study.results",
    "write_displacements": "lattice.anharmonic.external",
    "write_page": "lattice.show.page",
}

__version__ = "0.1.0"
# The keys of _HOME, written out for tools that read code without running it.
__all__ = [
    "Coordinates",
    "Crystal",
    "CubicForceConstants",
    "FitError",
    "FormatError",
    "InputError",
    "IntegrationError",
    "Invariant",
    "LatticeError",
    "MissingDependency",
    "Modes",
    "Observe",
    "Potential",
    "Probe",
    "Pulse",
    "PulseArray",
    "QuarticForceConstants",
    "Record",
    "Samples",
    "SchemaError",
    "StabilityError",
    "SymmetryError",
    "__version__",
    "adjust_charges",
    "angular_momentum_dos",
    "channels",
    "collect",
    "default_pulse",
    "delay_grid",
    "edelstein",
    "find_invariants",
    "fit_potential",
    "fit_raman",
    "gamma_coordinates",
    "keep_paths",
    "kerr",
    "ledger",
    "line_channels",
    "load",
    "load_modes",
    "load_potential",
    "magnetic_moment",
    "mechanism",
    "open_sweep",
    "polar_labels",
    "polynomial_bounds",
    "project_potential",
    "project_triple",
    "project_waves",
    "pulse_fluence",
    "pulse_helicity",
    "pulse_pairs",
    "pulse_spectrum",
    "raman_forms",
    "read_forces",
    "read_modes",
    "read_samples",
    "reduced_step",
    "relax_structure",
    "run",
    "sampled_pulse",
    "save_modes",
    "simulate",
    "simulate_ensemble",
    "simulate_full_potential",
    "simulate_reduced",
    "solve_mesh",
    "solve_modes",
    "solve_path",
    "solve_patterns",
    "sweep",
    "sweep_failures",
    "sweep_point",
    "unfold_mesh",
    "with_raman_drive",
    "write_displacements",
    "write_page",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'lattice' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
