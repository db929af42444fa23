"""A sweep with known numbers, as `lattice collect` writes it: no run behind it."""

import json

import numpy as np
import xarray

MULTIPLETS = ["Eu(1)", "Eg(2)", "A1g(1)"]
MODES = ["Eu(1)x", "Eu(1)y", "Eg(2)x", "Eg(2)y", "A1g(1)"]
CHANNELS = ["light", "Eu(1)^2 Eg(2)", "damping"]


def model_sweep(amplitudes=(0.1, 0.2, 0.3, 0.4), helicities=(1.0, -1.0, 0.0), repeats=1):
    """L of Eu(1) = 10 a² h, of Eg(2) = −100 a⁴ h, of A1g(1) = 0; the helicities are not in order; one point failed."""
    a, h = np.meshgrid(amplitudes, helicities, indexing="ij")
    dims = ["pulse.0.amplitude", "pulse.0.helicity"]
    L = np.stack([10 * a**2 * h, -100 * a**4 * h, 0 * a], axis=-1)
    status = np.zeros(a.shape, np.int32)
    status[-1, -1] = 1
    L[-1, -1] = np.nan
    helicity = np.stack([h, -h, np.full_like(h, np.nan)], axis=-1)
    ledger = np.stack([L * 1.5, L, -0.5 * L], axis=-2)
    arrays = {
        "status": ([], status),
        "step_error": ([], np.full(a.shape, 2e-9)),
        "closure": ([], np.full(a.shape, 1e-14)),
        "L_peak": (["multiplet"], L),
        "L_mean": (["multiplet"], L / 2),
        "energy_mean": (["multiplet"], np.abs(L) * 1e-2),
        "helicity": (["multiplet"], helicity),
        "Q_peak": (["mode"], np.abs(np.repeat(L, [2, 2, 1], axis=-1))),
        "ledger": (["channel", "multiplet"], ledger),
        "crystal": (["channel"], -ledger.sum(axis=-1)),
    }
    variables = {}
    for name, (own, plain) in arrays.items():
        values = plain
        if repeats > 1:
            noise = 1.0 + 0.1 * (np.arange(repeats) - (repeats - 1) / 2)
            shape = (*a.shape, repeats, *plain.shape[2:])
            factor = noise.reshape((1, 1, repeats) + (1,) * len(own))
            values = np.broadcast_to(plain[:, :, None], shape) * (1 if name == "status" else factor)
        variables[name] = ([*dims, *(["repeat"] if repeats > 1 else []), *own], values)
    coords = {
        dims[0]: list(amplitudes),
        dims[1]: list(helicities),
        "multiplet": MULTIPLETS,
        "mode": MODES,
        "channel": CHANNELS,
    }
    run = {"source": "Bi2Se3", "duration": 6.0, "pulse": [{"amplitude": 0.1, "frequency": 2.05, "duration": 1.0}]}
    attributes = {
        "kind": "lattice sweep",
        "schema": 1,
        "plan": json.dumps({"run": run}),
        "inputs": "{}",
        "provenance": "{}",
    }
    return xarray.Dataset(variables, coords, attributes)
