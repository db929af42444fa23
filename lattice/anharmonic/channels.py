"""Channels: which phonons can drive which others at Γ, by the symmetry of the whole crystal."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lattice.errors import InputError, SymmetryError
from lattice.modes.modes import MODES, ComplexArray, Modes
from lattice.modes.representation import cell_of, representation
from lattice.structure import argument
from lattice.structure.crystal import FloatArray, IntArray

_CHUNK = 8192  #: products of partners that are projected at once
#: of |projection|²: what is forbidden comes out below 1e-6, the least that is allowed near 0.02 (orders 3 and 4)
ALLOWED = 1e-4


@argument.takes(modes=MODES, order=argument.number)
def channels(modes: Modes, order: int = 3) -> list[dict[str, Any]]:
    """Return every coupling of optical modes at Γ that the space group allows.

    Partners a and b drive partner c through V₃ iff the projection of Q_a Q_b Q_c* on the invariants of the space group
    is not zero; products are symmetric under exchange, as derivatives of one real potential. Conservation of m modulo n
    follows from it, and does not suffice. Translations of the whole crystal are no vibrations and are left out.

    Parameters
    ----------
    modes : Modes
        At Γ without a direction of the non-analytic term, from `solve_modes` or `solve_patterns`.
    order : {3, 4}
        Number of modes in a term of the potential: 3 for a·b → c, 4 for a·b·c → d.

    Returns
    -------
    list of dict
        One for each unordered set of inputs and output, sorted by closeness to resonance, i.e. by the smaller of the
        two absolute detunings (unknown ones last): ``modes`` (indices, the output last), ``multiplets`` (their
        labels), ``m`` (representatives used: n/2 with the sign that makes |ΔM| smallest), ``delta_m`` = Σ m of inputs
        − m of the output, ``rotation_order``, ``umklapp`` (ΔM ≠ 0), ``J`` along n̂ in *ħ*, ``delta_J`` = the real
        angular momentum that the crystal takes per event, ``detuning_THz`` = ν of the output − Σ ν of the inputs,
        ``detuning_difference_THz`` = ν_c − |ν_a − ν_b| (order 4: ν_d − |±ν_a ± ν_b ± ν_c| for the mixed signs nearest
        to resonance), ``drivable`` (all inputs are infrared active), ``detectable`` (the output is Raman active). m,
        ΔM and Umklapp are None without a rotation about n̂; J is None where not fixed; detunings are None where a
        frequency is unknown or imaginary.

    Raises
    ------
    InputError
        If the order is neither 3 nor 4, or the modes are not those of Γ in the full symmetry.
    SymmetryError
        If the modes do not have the symmetry of the crystal.
    """
    if order not in (3, 4):
        raise InputError("Channels are of order 3 or 4", found=order, fix="give order 3 (a·b → c) or 4 (a·b·c → d)")
    order = int(order)
    if not modes.at_gamma or modes.direction is not None:
        raise InputError(
            "Channels need the modes at Γ in the full symmetry of the crystal",
            found=f"q = {modes.qpoint.tolist()}, long-range part: {modes.long_range}",
            fix="solve the modes at q = 0 without a direction",
        )
    optical = np.array([i for x in modes.multiplets if not x.acoustic for i in x.indices], dtype=np.int64)
    matrices, home = _representation(modes, optical)
    conjugate = np.where(modes.pair >= 0, modes.pair, np.arange(modes.n_modes))
    found = []
    for products in _candidates(modes, optical, order):
        factors = np.column_stack([products[:, :-1], conjugate[products[:, -1]]])
        found.append(products[_projection(factors, matrices, home) > ALLOWED])
    allowed = np.concatenate(found) if found else np.empty((0, order), dtype=np.int64)
    return Describe([modes] * order).rows(allowed)


def _representation(modes: Modes, optical: IntArray) -> tuple[ComplexArray, IntArray]:
    """Return T(g) among all circular partners ``(n_operations, n, n)`` and the number of each partner's multiplet."""
    home = np.full(modes.n_modes, -1, dtype=np.int64)
    for k, multiplet in enumerate(modes.multiplets):
        home[list(multiplet.indices)] = k
    matrices, _ = representation(modes.eigenvectors, cell_of(modes.crystal), modes.crystal.spacegroup)
    foreign = np.abs(matrices).max(axis=0)[np.ix_(optical, optical)] * (home[optical][:, None] != home[optical])
    if foreign.max(initial=0.0) > 1e-3:
        i, j = np.unravel_index(int(foreign.argmax()), foreign.shape)
        raise SymmetryError(
            "An operation of the crystal leads from one multiplet to another",
            found=f"modes {optical[i]} and {optical[j]}: matrix element {foreign.max():.1e}",
            fix="symmetrise the structure, or load it with a symprec that fits it",
        )
    return matrices, home


def _candidates(modes: Modes, optical: IntArray, order: int) -> Iterator[IntArray]:
    """Yield products (inputs ascending, output last) that conserve m modulo n, in chunks ``(≤ _CHUNK, order)``."""
    n = modes.rotation_order
    m = np.zeros(modes.n_modes) if n == 1 else np.asarray(modes.m)
    inputs = itertools.combinations_with_replacement(optical.tolist(), order - 1)
    at_once = max(1, _CHUNK // max(len(optical), 1))
    while block := list(itertools.islice(inputs, at_once)):
        left = np.repeat(np.array(block, dtype=np.int64), len(optical), axis=0)
        products = np.column_stack([left, np.tile(optical, len(block))])
        excess = (m[products[:, :-1]].sum(axis=1) - m[products[:, -1]]) / n
        yield products[np.abs(excess - np.rint(excess)) < 1e-6]


def _projection(factors: IntArray, matrices: ComplexArray, home: IntArray) -> FloatArray:
    """Return |P ε_a ⊗ ε_b ⊗ …|² for the projector P on tensors that are invariant and symmetric.

    Parameters
    ----------
    factors : ndarray
        ``(n_products, k)`` int, partners; the output enters as its complex conjugate.
    matrices : ndarray
        ``(n_operations, n, n)`` complex.
    home : ndarray
        ``(n,)`` int, multiplet of each partner.

    Returns
    -------
    ndarray
        ``(n_products,)`` = (1/k!) Σ_π ⟨Π_i D(g)_{x_i, x_π(i)}⟩_g, between 0 and 1.
    """
    order = factors.shape[1]
    weight = np.zeros(len(factors))
    for permutation in itertools.permutations(range(order)):
        images = factors[:, permutation]
        inside = (home[factors] == home[images]).all(axis=1)  # D is block-diagonal in multiplets
        elements = matrices[:, factors[inside], images[inside]]
        weight[inside] += elements.prod(axis=2).mean(axis=0).real
    return weight / math.factorial(order)


class Describe:
    """Writes the rows of the table; keeps what all of them share.

    Parameters
    ----------
    factors : sequence of Modes
        The modes of each input and, last, of the output.
    """

    def __init__(self, factors: Sequence[Modes]) -> None:
        self.n = math.gcd(*(int(modes.rotation_order) for modes in factors))  # of the rotation that all q share
        self.multiplets = []
        self.frequency = []
        self.spin = []
        self.m = []
        for modes in factors:
            home = {i: x for x in modes.multiplets for i in x.indices}
            self.multiplets.append([home[i] for i in range(modes.n_modes)])
            # ν < 0 stands for an imaginary frequency, with which nothing is resonant.
            self.frequency.append([float(nu) if nu >= 0 else math.nan for nu in modes.frequency])
            spin = np.full(modes.n_modes, np.nan) if modes.axis is None else modes.J @ modes.axis
            self.spin.append([float(np.round(j, 12)) + 0.0 for j in spin])
            self.m.append([_folded(float(m), self.n) for m in modes.m])

    def rows(self, products: IntArray) -> list[dict[str, Any]]:
        """Return one row for each product, nearest to resonance first."""
        return sorted((self.row(product) for product in products.tolist()), key=_closeness)

    def row(self, product: list[int]) -> dict[str, Any]:
        """Return the row of one product of inputs and output."""
        spin = [table[i] for table, i in zip(self.spin, product, strict=True)]
        kinds = [table[i] for table, i in zip(self.multiplets, product, strict=True)]
        m = (
            representatives([table[i] for table, i in zip(self.m, product, strict=True)], self.n)
            if self.n > 1
            else None
        )
        delta_m = None if m is None else whole_number(sum(m[:-1]) - m[-1])
        total, difference = _detunings([table[i] for table, i in zip(self.frequency, product, strict=True)])
        return {
            "modes": product,
            "multiplets": [kind.label for kind in kinds],
            "m": m,
            "delta_m": delta_m,
            "rotation_order": self.n,
            "umklapp": None if delta_m is None else delta_m != 0,
            "J": [_known(j) for j in spin],
            "delta_J": _known(sum(spin[:-1]) - spin[-1]),
            "detuning_THz": _known(total),
            "detuning_difference_THz": _known(difference),
            "drivable": all(bool(kind.ir_active) for kind in kinds[:-1]),
            "detectable": bool(kinds[-1].raman_active),
        }


def whole_number(m: float) -> int | float:
    """Return a pseudo-angular momentum as an integer where it is one (always at Γ)."""
    return round(m) if abs(m - round(m)) < 1e-6 else m


def _folded(m: float, n: int) -> int | float:
    """Return m modulo n in (−n/2, n/2]; NaN stays NaN."""
    if math.isnan(m):
        return m
    return whole_number(m - n * math.ceil((m - 1e-6) / n - 0.5))


def representatives(m: Sequence[int | float], n: int) -> list[int | float]:
    """Return m with −n/2 for n/2 where that makes |Σ m of inputs − m of the output| smallest.

    Of equally small ones the one with the fewest changes, from the last mode on.

    Parameters
    ----------
    m : sequence of int or float
        In (−n/2, n/2]; the output is last.
    n : int
        Rotation order.
    """
    choices = [list(choice) for choice in itertools.product(*((k, -k) if abs(2 * k - n) < 1e-6 else (k,) for k in m))]

    def cost(choice: list[int | float]) -> tuple[float, int]:
        changes = sum(a != b for a, b in zip(choice, m, strict=True))
        return round(abs(sum(choice[:-1]) - choice[-1]), 6), changes

    return min(choices, key=cost)


def _detunings(frequency: list[float]) -> tuple[float, float]:
    """Return ν_out − Σ ν_in, and the same for the mixed signs of the inputs that come closest to resonance."""
    *inputs, output = frequency
    first, *others = inputs
    mixed = [
        output - abs(first + sum(s * nu for s, nu in zip(signs, others, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(others))
        if -1 in signs
    ]
    return output - sum(inputs), min(mixed, key=abs)


def _known(value: float) -> float | None:
    """Return a number, None for NaN; −0 becomes 0."""
    return None if math.isnan(value) else value + 0.0


def _closeness(row: dict[str, Any]) -> tuple[float, list[int]]:
    """Sort key: smaller absolute detuning first, unknown ones last, then by modes; round-off decides nothing."""
    if row["detuning_THz"] is None:
        return math.inf, row["modes"]
    return round(min(abs(row["detuning_THz"]), abs(row["detuning_difference_THz"])), 9), row["modes"]
