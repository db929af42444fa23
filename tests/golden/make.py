"""Write the golden files of schema 1: later versions must read them and find the same numbers.

    PYTHONPATH=. python tests/golden/make.py FOLDER

The committed files were written by version 0.1.0 and are never written again; a new schema gets a folder of its own.
"""

import json
import sys
from pathlib import Path

import lattice
from lattice.dynamics.runfile import save_run
from lattice.dynamics.stored_potential import potential_of_run
from lattice.observe.report import run_report

PULSES = ((0.3, 2.05, 1.0, 1.0), (0.1, 4.05, 0.4, -0.5))  # amplitude, frequency, duration, helicity


def make_run(potential):
    """A short run with two pulses."""
    pulses = [lattice.Pulse(a, f, d, helicity=h) for a, f, d, h in PULSES]
    record = lattice.Record(every=0.25, quantities=("Q", "P", "L", "E"))
    return lattice.simulate(potential, pulses, 5.0, record=record)


def numbers_of_run(run):
    """What is compared: a few numbers of every kind that a run reports."""
    report = run_report(run, potential_of_run(run))
    rows = {row["multiplet"]: row["peak_L_hbar"] for row in report["multiplets"]}
    return {
        "Q": run["Q"].values[-1].tolist(),
        "P": run["P"].values[-1].tolist(),
        "L": run["L"].sel(axis="z").values[-1].tolist(),
        "E": run["E"].values[10].tolist(),
        "ledger": run["ledger"].sum("multiplet").values.tolist(),
        "crystal": run["crystal"].sel(axis="z").values.tolist(),
        "peak_L": rows,
        "channel": report["ledger"]["channel"],
        "ratio": report["ledger"]["ratio"],
    }


def numbers_of_potential(potential):
    """Sums that see every entry of a potential."""
    weights = [(t % 7) + 1 for t in range(len(potential.coefficient))]
    return {
        "labels": potential.labels.tolist(),
        "frequency": potential.frequency.tolist(),
        "linewidth": potential.linewidth.tolist(),
        "coefficient": float((potential.coefficient * weights).sum()),
        "modes": int((potential.mode_index.sum(axis=1) * weights).sum()),
        "fields": int((potential.field_axis.sum(axis=1) * weights).sum()),
        "mode_charge": potential.mode_charge.tolist(),
        "M": potential.angular_momentum[2].tolist(),
    }


def numbers_of_modes(modes):
    """What the table of modes shows."""
    return {
        "labels": [multiplet.label for multiplet in modes.multiplets],
        "irreps": [multiplet.irrep for multiplet in modes.multiplets],
        "frequency": modes.frequency.tolist(),
        "J": modes.J.tolist(),
        "m": modes.m.tolist(),
        "mode_charge": [[z.real, z.imag] for z in modes.mode_charge.ravel().tolist()],
        "volume": modes.crystal.volume,
    }


def main(folder):
    folder.mkdir(exist_ok=True)
    modes, potential = lattice.solve_modes(lattice.load("Bi2Se3")), lattice.load_potential("Bi2Se3")
    run = make_run(potential)
    save_run(run, folder / "run.nc")
    lattice.save_modes(modes, folder / "modes.nc")
    potential.save(folder / "potential.nc")
    potential.save(folder / "potential.toml")
    numbers = {
        "version": lattice.__version__,
        "run": numbers_of_run(run),
        "potential": numbers_of_potential(potential),
        "modes": numbers_of_modes(modes),
    }
    (folder / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
