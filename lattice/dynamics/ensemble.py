"""Many trajectories through the SIMD kernel: chunk by chunk, each reduced at once to the numbers that were asked for.

What a trajectory becomes depends on its own pulses, state, number and step only: not on the chunk, its place in a
register, or the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lattice._kernels import ensemble as kernel
from lattice.anharmonic.potential import Potential
from lattice.dynamics import scheme
from lattice.dynamics.bath import lower_triangle, unit_covariance
from lattice.dynamics.light_table import light_tables
from lattice.dynamics.observation import (
    Forms,
    Observe,
    Times,
    angular_forms,
    book_intervals,
    line_weights,
    signal_intervals,
)
from lattice.dynamics.pattern import TABLE, find_pattern
from lattice.dynamics.program import Program, build_program
from lattice.dynamics.pulse_array import PulseArray
from lattice.dynamics.table import Int32Array, Table
from lattice.modes.batch import instruction_level
from lattice.structure.crystal import FloatArray, IntArray

LEVEL = instruction_level()  #: of the kernel, chosen at import
_CHUNK = 4096  # trajectories of one call of the kernel
_OWN_CHUNK = 512  # where each has its own flows
_MOST_RESULTS = 2**24  # numbers of one chunk (128 MiB): chunks are smaller where ledgers are kept over time
Arrays = dict[str, Any]


@dataclass(frozen=True)
class Ensemble:
    """Trajectories of one potential and what to gather from them.

    Attributes
    ----------
    potential, table : Potential, Table
    pulses : tuple of PulseArray
        Fields that add up, ``n_trajectories`` each.
    Q0, P0 : ndarray
        ``(n_trajectories, n)`` state at time 0.
    thermal_energy : ndarray
        ``(n_trajectories,)`` k_B T of the bath in amu Å²/ps².
    number : ndarray
        ``(n_trajectories,)`` uint64, of the random stream.
    changes : mapping
        Own ω² ``omega_squared``, Γ ``gamma`` ``(n_trajectories, n)`` and ``coefficient`` ``(n_trajectories, n_terms)``
        in kernel units; empty where all have those of the table.
    bath : bool
        Whether there is a random force.
    """

    potential: Potential
    table: Table
    pulses: tuple[PulseArray, ...]
    Q0: FloatArray
    P0: FloatArray
    thermal_energy: FloatArray
    number: NDArray[np.uint64]
    changes: Mapping[str, FloatArray]
    bath: bool
    seed: int
    observe: Observe
    times: Times
    n_threads: int

    def __len__(self) -> int:
        return len(self.number)

    @cached_property
    def program(self) -> Program:
        """Force of the table."""
        return build_program(self.table, by_row=self.observe.books)

    @cached_property
    def pattern(self) -> tuple[int, FloatArray]:
        """Force that the kernel has written out, where there is one."""
        return (TABLE, np.zeros(0)) if self.own or self.observe.books else find_pattern(self.table)

    @cached_property
    def forms(self) -> Forms:
        """Angular momenta to gather."""
        wanted = {"L_peak", "L_mean"} & set(self.observe.quantities)
        return angular_forms(self.table, self.potential.axis if wanted else None)

    @property
    def own(self) -> bool:
        """Whether trajectories have flows or coefficients of their own."""
        return bool(self.changes)

    @property
    def composition(self) -> scheme.Composition:
        """Splitting of one step."""
        return scheme.KICK_DRIFT_KICK if self.bath else scheme.SRKN14

    @cached_property
    def _common(self) -> Arrays:
        """Arrays that all chunks share."""
        table, program, forms = self.table, self.program, self.forms
        signals = self.observe.signals
        return {
            "product": _flat(program.product), "section": _flat(program.section), "inner": program.inner,
            "mode": program.mode, "near": program.near,
            "row": _flat(program.row), "column": program.column, "value": program.values(table.coefficient),
            "pattern_value": self.pattern[1], "link": _flat(table.link_mode), "form_start": forms.start,
            "form_link": forms.link, "form_weight": forms.weight,
            "line": line_weights(self.observe, self.times).ravel(),
            "signal_weight": np.zeros(0) if signals is None else _flat(signals),
            "signal_interval": signal_intervals(self.observe, self.times),
            "book_interval": book_intervals(self.observe, self.times), "omega_squared": table.omega_squared,
        }  # fmt: skip

    def sizes(self, steps: int, stride: int, check: bool) -> Arrays:
        """Numbers of the job."""
        table, program, times, common = self.table, self.program, self.times, self._common
        return {
            "n": table.n_modes, "n_products": len(program.product), "n_dark_products": program.n_dark,
            "n_sections": len(program.section), "pattern": self.pattern[0], "own": self.own, "bath": self.bath,
            "n_pushes": len(program.mode), "n_books": len(common["book_interval"]),
            "check": check, "book": self.observe.ledger, "book_energy": self.observe.energy_ledger,
            "n_intervals": times.n_intervals, "steps": steps,
            "first": times.first, "n_links": len(table.link_mode), "n_rows": len(table.rows),
            "harmonic_row": len(table.rows) - 3, "damping_row": len(table.rows) - 2, "noise_row": len(table.rows) - 1,
            "n_forms": len(self.forms.start) - 1, "n_lines": len(self.observe.frequencies),
            "n_signals": len(common["signal_weight"]) // max(1, table.n_modes),
            "n_times": len(common["signal_interval"]), "stride": stride, "seed": self.seed, "interval": times.interval,
            "want_peak": "Q_peak" in self.observe.quantities,
            "want_squares": "energy_mean" in self.observe.quantities,
        }  # fmt: skip

    def gather(self, index: IntArray, steps: int, *, check: bool) -> Iterator[tuple[IntArray, Arrays]]:
        """Run trajectories `index` ``(B,)`` with `steps` steps in each interval; yield each chunk with its results.

        With `check` each is also run with steps twice as long: ``change`` is the largest change of each Q.
        """
        lanes = kernel.lanes(LEVEL)
        numbers = sum(int(np.prod(shape)) for shape in self._shapes(self.sizes(steps, lanes, check)).values())
        size = min(_OWN_CHUNK if self.own else _CHUNK, max(1, _MOST_RESULTS // (lanes * numbers)) * lanes)
        for first in range(0, len(index), size):
            part = index[first : first + size]
            yield part, self.run_chunk(part, steps, check)

    def run_chunk(self, index: IntArray, steps: int, check: bool) -> Arrays:
        """Results of one chunk: name → ``(B, …)``."""
        lanes = kernel.lanes(LEVEL)
        stride = -(-len(index) // lanes) * lanes
        padded = np.concatenate([index, np.full(stride - len(index), index[-1])])
        sizes = self.sizes(steps, stride, check)
        arrays = dict(self._common)
        arrays |= {"Q0": _items(self.Q0[padded]), "P0": _items(self.P0[padded]), "number": self.number[padded]}
        arrays["sigma"] = np.sqrt(self.thermal_energy[padded])
        table = self._own_table(padded)
        if "coefficient" in self.changes:
            arrays["value"] = _flat(self.program.values(table["coefficient"].T))
        elif self.own:
            arrays["value"] = np.repeat(arrays["value"], stride)
        if self.own:
            arrays["omega_squared"] = _items(table["omega_squared"])
        shapes = self._shapes(sizes)
        arrays |= {name: np.zeros(int(np.prod(shape)) * stride) for name, shape in shapes.items()}
        step = self.times.interval / steps
        fine, coarse = (self._step(table, length, step) for length in (step, 2.0 * step))
        lights = light_tables(self.pulses, self.potential.axis, padded)
        work = np.empty(kernel.work_size(LEVEL, sizes, len(fine["kick"]), len(lights), self.n_threads))
        with np.errstate(all="ignore"):
            kernel.run(LEVEL, arrays | {"work": work}, sizes, fine, coarse, lights, self.n_threads)
        B = len(index)
        return {
            name: np.moveaxis(arrays[name].reshape(*shape, stride)[..., :B], -1, 0) for name, shape in shapes.items()
        }

    def _shapes(self, sizes: Arrays) -> dict[str, tuple[int, ...]]:
        """Shapes of the results of one trajectory."""
        n, forms = sizes["n"], (sizes["n_forms"],)
        ledger = (sizes["n_rows"] if self.observe.ledger else 0, sizes["n_links"])
        energy = (sizes["n_rows"] if self.observe.energy_ledger else 0, n)
        return {
            **dict.fromkeys(("Q_end", "P_end", "Q_peak", "Q_square", "P_square", "change", "scale"), (n,)),
            "form_peak": forms, "form_sum": forms, "line_sum": (sizes["n_lines"], 2, n),
            "signal": (sizes["n_times"], sizes["n_signals"]), "ledger": ledger, "energy": energy, "alive": (2,),
            "ledger_series": (sizes["n_books"], *ledger), "energy_series": (sizes["n_books"], *energy),
        }  # fmt: skip

    def _own_table(self, index: IntArray) -> Arrays:
        """ω², Γ ``(n,)`` or ``(B, n)``, coefficients and links, those of each trajectory where they differ."""
        own: Arrays = {"omega_squared": self.table.omega_squared, "gamma": self.table.gamma}
        if self.own:
            own = {name: np.broadcast_to(x, (len(index), len(x))) for name, x in own.items()}
            own |= {name: x[index] for name, x in self.changes.items()}
        return own

    def _step(self, own: Arrays, step: float, fine_step: float) -> Arrays:
        """Flows, torque integrals, kicks and random increments of a step *ps*."""
        omega_squared, gamma = own["omega_squared"], own["gamma"]
        composition, links = self.composition, self.table.link_mode
        lengths, back = np.unique(composition.drifts * step, return_inverse=True)
        flow = self._per_trajectory(scheme.damped_flow(omega_squared.ravel(), gamma.ravel(), lengths))[back]
        integral, loss = np.zeros(0), np.zeros(0)
        if self.observe.energy_ledger:
            every = scheme.loss_integrals(omega_squared.ravel(), gamma.ravel(), lengths)
            loss = self._per_trajectory(every)[back].ravel()
        if self.observe.ledger:
            offset = self.table.n_modes * np.arange(omega_squared.size // self.table.n_modes)
            pairs = (offset[:, None, None] + links).reshape(-1, 2)
            every = scheme.torque_integrals(omega_squared.ravel(), gamma.ravel(), pairs.astype(np.int32), lengths)
            integral = self._per_trajectory(every)[back].ravel()
        noise, half = np.zeros(0), np.zeros(0)
        if self.bath:
            noise = self._per_trajectory(unit_noise(omega_squared.ravel(), gamma.ravel(), fine_step)[None]).ravel()
            whole = scheme.damped_flow(omega_squared.ravel(), gamma.ravel(), np.array([fine_step]))
            half = self._per_trajectory(whole).ravel()
        return {
            "step": step, "kick": composition.kicks * step, "kick_time": composition.kick_times * step,
            "flow": flow.ravel(), "integral": integral, "loss": loss, "noise": noise, "half_flow": half,
        }  # fmt: skip

    def _per_trajectory(self, x: FloatArray) -> FloatArray:
        """``(k, B × items, c)`` → ``(k, items, c, B)``; for one table for all ``(k, items, c)``."""
        if not self.own:
            return x
        items = self.table.n_modes if x.shape[2] != 8 else len(self.table.link_mode)
        out: FloatArray = x.reshape(x.shape[0], -1, items, x.shape[2]).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(out)


def unit_noise(omega_squared: FloatArray, gamma: FloatArray, step: float) -> FloatArray:
    """Random increments over `step` *ps* at unit thermal energy: δQ = w0 x, δP = w1 x + w2 y, ``(n, 3)``."""
    out = np.zeros((len(gamma), 3))
    noisy = gamma > 0
    covariance = unit_covariance(omega_squared[noisy], gamma[noisy], step)
    out[noisy] = np.sqrt(2.0 * gamma[noisy])[:, None] * lower_triangle(covariance)
    return out


def _items(x: FloatArray) -> FloatArray:
    """``(B, items)`` → flat [item][trajectory]."""
    return np.ascontiguousarray(x.T).ravel()


def _flat(x: FloatArray | Int32Array) -> Any:
    return np.ascontiguousarray(x).ravel()
