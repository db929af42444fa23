"""Every public function and type, with each of its arguments replaced by things that it does not take.

An argument that cannot be used ends in one `LatticeError` with found and fix, never in an error of NumPy, of an
iteration or of an attribute further inside. What is right for one argument is wrong for another: such calls must work.
"""

import inspect
import itertools
from functools import cache

import numpy as np
import pytest

import lattice

WRONG = {
    "None": None,
    "an object": object(),
    "a negative number": -1.5,
    "text": "no such thing",
    "bytes": b"x",
    "NaN": float("nan"),
    "beyond the largest double": 10**400,
    "complex": 1 + 2j,
    "True": True,
    "a list of NaN": [float("nan")],
    "texts and None": ["x", None],
    "a mapping": {"a": 1},
    "a matrix": np.array([[1, 2], [3, 4]]),
    "nothing": np.zeros(0),
}
#: What must be of one type: of the above only text can be right, as a path.
TYPED = {"crystal", "modes", "mesh", "run", "potential", "coordinates", "calculator", "samples", "probe"}
PATHS = {"path", "directory", "document", "path_or_name"}
#: Made by functions of the library alone.
MADE = {"Coordinates", "Invariant", "Modes"}


@cache
def things():
    """What the calls below need."""
    from ase.calculators.lj import LennardJones

    crystal, potential = lattice.load("Bi2Se3"), lattice.load_potential("Bi2Se3")
    modes, pulse = lattice.solve_modes(crystal), lattice.default_pulse(potential)
    chain = lattice.load("Bi2Se3-noSOC")
    times = np.linspace(0, 1, 50)
    return {
        "crystal": crystal,
        "chain": chain,
        "modes": modes,
        "potential": potential,
        "pulse": pulse,
        "run": lattice.simulate(potential, pulse, 0.5),
        "mesh": lattice.solve_mesh(chain, (2, 1, 1)),
        "calculator": LennardJones(sigma=2.5, epsilon=0.5, rc=5.0),
        "samples": lattice.Samples(times, np.sin(np.pi * times)[:, None]),
        "coordinates": lattice.gamma_coordinates(modes, ["A1g(1)"]),
    }


def calls(folder):
    """Public name → arguments with which it can be called, or fails only for want of a file."""
    t = things()
    crystal, potential, modes, pulse, run = (t[key] for key in ("crystal", "potential", "modes", "pulse", "run"))
    few = {"multiplets": ["A1g(1)"]}
    table = ("axis", "frequency", "linewidth", "labels", "multiplet", "coefficient", "mode_index", "field_axis")
    light = {"amplitude": 1.0, "frequency": 1.0, "duration": 1.0}
    short = {"potential": potential, "pulses": pulse, "duration": 0.02}
    constants = {"translations": [[0, 0, 0]], "array": np.zeros((1, 1, 1, 1, 1, 3, 3, 3))}
    return {
        "Crystal": {key: getattr(crystal, key) for key in ("cell", "positions", "numbers", "masses", "spacegroup")},
        "CubicForceConstants": constants | {"supercell_matrix": np.eye(3, dtype=int)},
        "QuarticForceConstants": constants | {"array": np.zeros((1, 1, 1, 1, 3, 3, 3, 3))},
        "Potential": {key: getattr(potential, key) for key in (*table, "channel", "pair")},
        "Pulse": light,
        "PulseArray": light,
        "Record": {},
        "Observe": {},
        "Probe": {},
        "Samples": {"time": t["samples"].time, "field": t["samples"].field},
        "adjust_charges": {"crystal": crystal},
        "angular_momentum_dos": {"mesh": t["mesh"], "n_frequency": 5, "n_J": 3},
        "channels": {"modes": modes},
        "collect": {"directory": folder},
        "default_pulse": {"potential": potential},
        "delay_grid": {"pulses": [pulse, pulse], "delays": [1.0]},
        "edelstein": {"crystal": t["chain"], "mesh": (1, 1, 1)},
        "find_invariants": {"coordinates": t["coordinates"], "degrees": [2]},
        "fit_potential": {"crystal": crystal, "calculator": t["calculator"], "order": 3, **few},
        "fit_raman": {"potential": potential, "dielectric": lambda atoms: np.eye(3), **few},
        "gamma_coordinates": {"modes": modes},
        "keep_paths": {"potential": potential, "paths": ["phononic"]},
        "polynomial_bounds": {"potential": potential},
        "kerr": {"run": run},
        "ledger": {"run": run},
        "line_channels": {"a": modes, "b": modes, "c": modes},
        "load": {"source": "Bi2Se3"},
        "load_modes": {"path": folder / "absent.nc"},
        "load_potential": {"path_or_name": "Bi2Se3"},
        "magnetic_moment": {"modes": modes},
        "mechanism": {"run": run},
        "open_sweep": {"directory": folder},
        "polar_labels": {"modes": modes},
        "project_potential": {"modes": modes, "fc3": folder / "absent.hdf5"},
        "project_triple": {"a": modes, "b": modes, "c": modes, "fc3": folder / "absent.hdf5"},
        "project_waves": {"modes": [modes], "fc3": folder / "absent.hdf5"},
        "pulse_fluence": {"pulses": pulse},
        "pulse_helicity": {"pulses": pulse},
        "pulse_pairs": {"first": pulse, "second": pulse, "delays": [1.0]},
        "pulse_spectrum": {"pulses": pulse},
        "raman_forms": {"potential": potential},
        "read_forces": {"crystal": crystal, "directory": folder},
        "read_modes": {"path": folder / "absent.yaml"},
        "read_samples": {"path": folder / "absent.txt"},
        "reduced_step": short,
        "relax_structure": {"crystal": crystal, "calculator": t["calculator"], "steps": 1},
        "run": {"document": {"source": "Bi2Se3", "duration": 0.02}},
        "sampled_pulse": {"samples": t["samples"]},
        "save_modes": {"modes": modes, "path": folder / "m.nc"},
        "simulate": {"potential": potential, "pulse_or_pulses": pulse, "duration": 0.02},
        "simulate_ensemble": {"potential": potential, "pulses": [pulse], "duration": 0.02},
        "simulate_full_potential": {
            "potential": potential,
            "pulse_or_pulses": pulse,
            "duration": 1e-3,
            "calculator": t["calculator"],
        },
        "simulate_reduced": short,
        "solve_mesh": {"crystal": t["chain"], "mesh": (1, 1, 1)},
        "solve_modes": {"crystal": crystal},
        "solve_path": {"crystal": t["chain"], "npoints": 2},
        "solve_patterns": {"crystal": crystal},
        "sweep": {"plan": folder / "absent.toml", "directory": folder / "sweep"},
        "sweep_failures": {"directory": folder},
        "sweep_point": {"directory": folder, "index": (0,)},
        "unfold_mesh": {"mesh": t["mesh"]},
        "with_raman_drive": {"potential": potential},
        "write_displacements": {"crystal": crystal, "directory": folder / "d", **few, "order": 3},
        "write_page": {"run": run, "path": folder / "p.html"},
    }


def public_names():
    found = {name: getattr(lattice, name) for name in lattice.__all__ if name != "__version__"}
    return sorted(
        x for x, y in found.items() if x not in MADE and not (inspect.isclass(y) and issubclass(y, Exception))
    )


def parameters(name):
    return list(inspect.signature(getattr(lattice, name)).parameters.values())


def call(name, arguments):
    keys, function = dict(arguments), getattr(lattice, name)
    if name == "delay_grid":
        return function(keys.pop("pulses"), keys.pop("delays"), **keys)
    return function(**keys)


def test_every_public_name_has_a_row(tmp_path):
    assert sorted(calls(tmp_path)) == public_names()


def outcome(name, arguments):
    """The error of a call, None where it works; any other error fails the test by itself."""
    try:
        call(name, arguments)
    except lattice.LatticeError as error:
        return error
    return None


def may_be_taken(parameter, wrong):
    """Whether a wrong thing may be right: None as a default, text as a path, anything where the function decides."""
    if parameter.name in PATHS:
        return isinstance(wrong, str)
    return parameter.name not in TYPED or (wrong is None and parameter.default is None)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", public_names())
def test_wrong_arguments(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good, refused = calls(tmp_path)[name], 0
    for parameter, (what, wrong) in itertools.product(parameters(name), WRONG.items()):
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        place = f"{name}({parameter.name}={what})"
        error = outcome(name, good | {parameter.name: wrong})
        assert error is not None or may_be_taken(parameter, wrong), f"{place} is taken"
        if error is not None:
            refused += 1
            assert str(error.found), place
            assert error.fix, place
    assert refused > 0 or not parameters(name)
