"""ASE calculators by name: ``module:factory`` and a few short names."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lattice.errors import InputError, MissingDependency

if TYPE_CHECKING:
    from lattice.anharmonic.potential import Potential
    from lattice.structure.cell import Cell
    from lattice.structure.crystal import Crystal

SHORT_NAMES = ("lj", "emt", "chgnet")
CHGNET_MODEL = "0.2.0"
_LJ_EPSILON = 0.1  # eV


def make_calculator(spec: str, crystal: Crystal | Cell) -> Any:
    """Make an ASE calculator from its specification. This imports and runs code that the user names.

    Parameters
    ----------
    spec : str
        ``module:factory``, a callable without arguments that returns an ASE calculator, found as Python finds modules
        or in the working folder; or ``lj`` (one Lennard-Jones potential for all species, ε = 0.1 eV, its minimum at the
        shortest bond of the crystal: for tests), ``emt`` (ASE's effective-medium theory), ``chgnet`` (model 0.2.0).
    crystal : Crystal or Cell
        For ``lj``.

    Raises
    ------
    InputError
        If the specification names nothing that can be called, or what it returns gives no forces.
    MissingDependency
        If ``chgnet`` is asked for and not installed.
    """
    if spec == "lj":
        return _lennard_jones(crystal)
    if spec == "emt":
        from ase.calculators import emt

        module: Any = emt
        return module.EMT()
    if spec == "chgnet":
        return _chgnet()
    if ":" not in spec:
        raise InputError(
            "There is no calculator of this name",
            found=spec,
            fix=f"use {', '.join(SHORT_NAMES)}, or module:factory with a factory that returns an ASE calculator",
        )
    return checked_calculator(_factory(spec)())


def potential_calculator(spec: str, potential: Potential) -> Any:
    """Make the calculator of a specification for the crystal of a potential.

    ``lj`` is the Lennard-Jones potential to which the couplings were fitted, if they were to one: its radius follows
    the shortest bond, which relaxation changes.

    Parameters
    ----------
    spec : str
        As in `make_calculator`.
    potential : Potential
        With a crystal.

    Raises
    ------
    InputError, MissingDependency
        As `make_calculator`, and if the potential has no crystal.
    """
    if potential.crystal is None:
        raise InputError("The potential has no crystal", found="no atoms", fix="use one that `lattice couple` made")
    name, _, parameters = str(potential.source.get("calculator", "")).partition(" ")
    if spec == "lj" and name == "ase.calculators.lj.LennardJones" and parameters:
        from ase.calculators import lj

        module: Any = lj
        return module.LennardJones(**json.loads(parameters))
    return make_calculator(spec, potential.crystal.to_cell())


def checked_calculator(calculator: Any) -> Any:
    """Return an object that gives forces.

    Raises
    ------
    InputError
        If it has no method ``get_forces``.
    """
    if isinstance(calculator, type) or not callable(getattr(calculator, "get_forces", None)):
        raise InputError(
            "This is no ASE calculator",
            found=calculator.__name__ if isinstance(calculator, type) else type(calculator).__name__,
            fix="give an object with get_forces(atoms), as all calculators of ASE have",
        )
    return calculator


def _factory(spec: str) -> Any:
    """Import what ``module:factory`` names; the working folder comes first, as for ``python -m``."""
    module_name, _, name = spec.partition(":")
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        factory: Any = import_module(module_name)
        for part in name.split("."):
            factory = getattr(factory, part)
    except ModuleNotFoundError as error:
        raise InputError(
            f"The calculator {spec} cannot be imported",
            found=f"no module {error.name!r}",
            fix="install the module, or run in the folder that holds it",
        ) from None
    except (AttributeError, ValueError) as error:
        raise InputError(
            f"The calculator {spec} cannot be imported",
            found=error,
            fix="name a callable after the colon",
        ) from None
    finally:
        sys.path.remove(here)
    if not callable(factory):
        raise InputError(
            f"The calculator {spec} cannot be called",
            found=type(factory).__name__,
            fix="name a callable without arguments that returns an ASE calculator",
        )
    return factory


def _lennard_jones(crystal: Crystal | Cell) -> Any:
    """Return a Lennard-Jones calculator whose minimum lies at the shortest bond; cut off smoothly at 3 σ."""
    import numpy as np
    from ase import neighborlist
    from ase.calculators import lj

    from lattice.anharmonic.forces import atoms_of

    module: Any = lj
    neighbours: Any = neighborlist.neighbor_list
    atoms = atoms_of(crystal)
    reach = 1.2 * (abs(float(np.linalg.det(crystal.cell))) / crystal.n_atoms) ** (1 / 3)
    lengths = neighbours("d", atoms, reach)
    while len(lengths) == 0:
        reach *= 1.5
        lengths = neighbours("d", atoms, reach)
    sigma = float(lengths.min()) / 2 ** (1 / 6)
    return module.LennardJones(sigma=sigma, epsilon=_LJ_EPSILON, ro=2.0 * sigma, rc=3.0 * sigma, smooth=True)


def _chgnet() -> Any:
    """Return the CHGNet calculator on one CPU, in double precision.

    CHGNet holds its precision in module variables; they are changed during a call only.
    """
    try:
        from chgnet.graph import converter
        from chgnet.model import model as model_module
        from chgnet.model.dynamics import CHGNetCalculator
    except ImportError as error:
        raise MissingDependency(
            "CHGNet is not installed", found=f"no module {error.name!r}", fix="pip install 'phonon-lattice[chgnet]'"
        ) from None
    import torch

    class DoubleCHGNetCalculator(CHGNetCalculator):  # type: ignore[misc]
        """CHGNet whose graphs are built in double precision."""

        def calculate(self, *arguments: Any, **options: Any) -> None:
            modules = (converter, model_module)
            before = [module.TORCH_DTYPE for module in modules]
            try:
                for module in modules:
                    module.TORCH_DTYPE = torch.float64
                super().calculate(*arguments, **options)
            finally:
                for module, dtype in zip(modules, before, strict=True):
                    module.TORCH_DTYPE = dtype

    with contextlib.redirect_stdout(io.StringIO()):  # it greets, and --json keeps stdout for itself
        model = model_module.CHGNet.load(model_name=CHGNET_MODEL, use_device="cpu", verbose=False).double()
        model.composition_model.float()  # it counts atoms in single precision and exerts no force
        calculator = DoubleCHGNetCalculator(model=model, use_device="cpu")
    calculator.parameters = {"model": CHGNET_MODEL, "precision": "float64"}
    return calculator
