"""One axis of a sweep: the keys of a run file that change together, and the values that they take."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray
from lattice.study.schema import nearest, number, whole

LONGEST_AXIS = 10_000_000  #: values of one axis; they are held in memory
RANGES = ("linspace", "logspace", "uniform", "sobol")  #: kinds that are given by [first, last, count]
SEEDED = ("uniform", "sobol")
KINDS = (*RANGES, "values")
_SAME = 1e-13  #: relative; exponentials and logarithms differ by a unit in the last place between processors

Values = NDArray[Any] | tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of the grid of points.

    Attributes
    ----------
    keys : tuple of str
        Dotted keys of the run file; several if they are zipped. The first names the dimension.
    values : tuple
        For each key its values, all of one length: an array of float64 or int64, or a tuple of words and lists.
    """

    keys: tuple[str, ...]
    values: tuple[Values, ...]

    def __len__(self) -> int:
        return len(self.values[0])

    @property
    def name(self) -> str:
        """Name of the dimension."""
        return self.keys[0]


def read_axes(table: object) -> tuple[Axis, ...]:
    """Read the table `axes` of a plan.

    Parameters
    ----------
    table : object
        Dotted key → one of ``linspace``, ``logspace``, ``uniform``, ``sobol`` = [first, last, count] or ``values`` =
        […]; ``seed`` with the random ones; ``zip`` = lists of keys that go together.

    Returns
    -------
    tuple of Axis
        In the order written; a zipped group stands where its first key stands.

    Raises
    ------
    InputError
        An unknown kind, a range without values, lists of unequal length in a zip, or too many values.
    """
    if not isinstance(table, Mapping):
        raise InputError(
            "axes must be a table", found=repr(table), fix='write [axes], then "pulse.0.amplitude" = { values = [0.1] }'
        )
    specs = {str(key): _spec(str(key), entry) for key, entry in table.items() if key != "zip"}
    groups = _groups(table.get("zip", []), specs)
    return tuple(_axis({key: specs[key] for key in group}) for group in groups)


def words_of(values: Values) -> NDArray[np.str_]:
    """Return values that are not numbers as text: words as they are, lists as JSON."""
    return np.array([v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values], dtype=np.str_)


def _spec(key: str, entry: object) -> dict[str, Any]:
    """Check the kind and the numbers of one axis."""
    where = f"axes.{key}"
    fix = "write for example { linspace = [0.1, 0.3, 5] } or { values = [0.1, 0.3] }"
    if not isinstance(entry, Mapping):
        raise InputError(f"{where} must be a table", found=repr(entry), fix=fix)
    for word in entry:
        if word not in (*KINDS, "seed"):
            raise InputError(f"Unknown key {where}.{word}", found=word, fix=nearest(str(word), (*KINDS, "seed")))
    kinds = [word for word in entry if word in KINDS]
    if len(kinds) != 1:
        raise InputError(f"{where} needs exactly one kind of values", found=kinds or "none", fix=fix)
    kind = kinds[0]
    if "seed" in entry and kind not in SEEDED:
        raise InputError(f"{where} is not random", found="seed", fix="leave the seed out, or use uniform or sobol")
    seed = whole(entry.get("seed", 0), f"{where}.seed")
    if seed < 0:
        raise InputError(f"{where}.seed is negative", found=seed, fix="give a whole number ≥ 0")
    given = entry[kind]
    if kind == "values":
        return {"kind": kind, "values": _listed(given, where)}
    first, last, count = _range(given, f"{where}.{kind}")
    if kind == "logspace" and not first * last > 0:
        raise InputError(
            f"{where}.logspace goes through zero",
            found=f"[{first:g}, {last:g}, {count}]",
            fix="give the first and last value themselves (not exponents), both of one sign",
        )
    return {"kind": kind, "first": first, "last": last, "count": count, "seed": seed}


def _listed(given: object, where: str) -> list[Any]:
    if not isinstance(given, (list, tuple)) or not given:
        raise InputError(f"{where}.values must be a list that is not empty", found=repr(given), fix="list the values")
    if len(given) > LONGEST_AXIS:
        raise _too_long(where, len(given))
    return list(given)


def _range(given: object, where: str) -> tuple[float, float, int]:
    """First, last, count."""
    fix = f"write {where.rpartition('.')[2]} = [first, last, count]"
    if not isinstance(given, (list, tuple)) or len(given) != 3:
        raise InputError(f"{where} must be three numbers", found=repr(given), fix=fix)
    first, last = (number(given[i], f"{where}[{i}]") for i in (0, 1))
    count = whole(given[2], f"{where}[2]")
    if count < 1:
        raise InputError(f"{where} has no values", found=count, fix="give a count ≥ 1")
    if count > LONGEST_AXIS:
        raise _too_long(where, count)
    return first, last, count


def _too_long(where: str, count: int) -> InputError:
    return InputError(
        f"{where} has too many values",
        found=count,
        fix=f"the limit of one axis is {LONGEST_AXIS}; use repeats or more axes",
    )


def _groups(given: object, specs: Mapping[str, object]) -> list[tuple[str, ...]]:
    """Keys of each dimension, in the order written."""
    fix = 'write zip = [["pulse.0.amplitude", "pulse.0.duration"]] with keys that have axes'
    if not isinstance(given, (list, tuple)) or not all(isinstance(group, (list, tuple)) for group in given):
        raise InputError("axes.zip must be a list of lists of keys", found=repr(given), fix=fix)
    member: dict[str, tuple[str, ...]] = {}
    for group in given:
        for key in group:
            if not isinstance(key, str) or key not in specs:
                raise InputError("axes.zip names a key without axis", found=key, fix=nearest(str(key), specs))
            if key in member:
                raise InputError("axes.zip names a key twice", found=key, fix=fix)
            member[key] = tuple(group)
    return list(dict.fromkeys(member.get(key, (key,)) for key in specs))


def _axis(specs: Mapping[str, dict[str, Any]]) -> Axis:
    """Values of the keys of one dimension."""
    sequences = _sobol_columns(specs)
    values = [
        sequences[key] if key in sequences else _values(spec, position)
        for position, (key, spec) in enumerate(specs.items())
    ]
    lengths = {key: len(v) for key, v in zip(specs, values, strict=True)}
    if len(set(lengths.values())) > 1:
        raise InputError(
            "Zipped axes have unequal numbers of values",
            found=", ".join(f"{key}: {n}" for key, n in lengths.items()),
            fix="give as many values to each",
        )
    return Axis(tuple(specs), tuple(values))


def _values(spec: Mapping[str, Any], position: int) -> Values:
    """Values of one key that is not part of a Sobol sequence; `position` in its group keeps random columns apart."""
    kind = spec["kind"]
    if kind == "values":
        return tuple(spec["values"])
    first, last, count = spec["first"], spec["last"], spec["count"]
    if kind == "uniform":
        # Values are drawn one after the other: a larger count only adds to them.
        drawn: FloatArray = np.random.default_rng([spec["seed"], position]).random(count)
        scaled: FloatArray = first + (last - first) * drawn
        return scaled
    even: FloatArray = np.linspace(first, last, count) if kind == "linspace" else np.geomspace(first, last, count)
    return even


def _sobol_columns(specs: Mapping[str, dict[str, Any]]) -> dict[str, FloatArray]:
    """Zipped Sobol axes are the coordinates of one sequence: by themselves each would be the same numbers again."""
    keys = [key for key, spec in specs.items() if spec["kind"] == "sobol"]
    if not keys:
        return {}
    counts, seeds = ({spec[word] for spec in specs.values() if spec["kind"] == "sobol"} for word in ("count", "seed"))
    if len(counts) > 1 or len(seeds) > 1:
        raise InputError(
            "Zipped Sobol axes are one sequence",
            found=f"counts {sorted(counts)}, seeds {sorted(seeds)}",
            fix="give them one count and one seed",
        )
    points = sobol(len(keys), counts.pop(), seeds.pop())
    return {
        key: specs[key]["first"] + (specs[key]["last"] - specs[key]["first"]) * points[:, i]
        for i, key in enumerate(keys)
    }


def sobol(dimension: int, count: int, seed: int) -> FloatArray:
    """Return the first points of a Sobol sequence, shifted modulo 1 by a random vector.

    Parameters
    ----------
    dimension, count : int
    seed : int
        Of the shift. A larger count only adds points.

    Returns
    -------
    ndarray
        ``(count, dimension)`` in [0, 1).

    References
    ----------
    R. Cranley and T. N. L. Patterson, SIAM J. Numer. Anal. 13, 904 (1976).
    """
    from scipy.stats.qmc import Sobol

    points = Sobol(dimension, scramble=False).random_base2(max(0, math.ceil(math.log2(count))))[:count]
    shifted: FloatArray = (points + np.random.default_rng(seed).random(dimension)) % 1.0
    return shifted


def typed(values: Values, sample: object) -> Values:
    """Return values as an array where the schema makes `sample`, the first of them, a float or an integer.

    Parameters
    ----------
    values : array or tuple
    sample : object
        The first value after the check of the run document.
    """
    if isinstance(sample, float):
        return np.asarray(values, dtype=np.float64)
    if isinstance(sample, int):
        return np.asarray(values, dtype=np.int64)
    return tuple(values)


def same_values(left: Values, right: Values) -> bool:
    """Whether two axes have the same values; the last digits may be those of another processor."""
    if len(left) != len(right):
        return False
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return bool(np.allclose(left, right, rtol=_SAME, atol=0.0))
    return bool((words_of(left) == words_of(right)).all())
