"""Settings of a probe from words on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lattice.errors import InputError

if TYPE_CHECKING:
    from xarray import Dataset

    from lattice.observe.probe import Probe


def probe_of(settings: dict[str, Any]) -> Probe:
    """Return the probe; `index` is squared to `epsilon`.

    Raises
    ------
    InputError
        If both are given, or one is no number.
    """
    from lattice.observe.probe import Probe

    index, epsilon = settings.pop("index"), settings.pop("epsilon")
    if index is not None and epsilon is not None:
        raise InputError("The permittivity is given twice", found="--index and --epsilon", fix="give one of the two")
    value = None
    if index is not None:
        value = _complex(index, "index") ** 2
    elif epsilon is not None:
        value = _complex(epsilon, "epsilon")
    return Probe(epsilon=value, **settings)


def constants_of(words: Sequence[str]) -> dict[str, complex]:
    """Return constants from NAME=VALUE.

    Raises
    ------
    InputError
        If a word has another form.
    """
    found = {}
    for word in words:
        name, sign, value = word.rpartition("=")
        if not sign or not name.strip():
            raise InputError("A constant is given as NAME=VALUE", found=word, fix="write e.g. Eg(2)x.xx=0.5+0.1j")
        found[name.strip()] = _complex(value, name.strip())
    return found


def background_of(run: Dataset, words: Sequence[str]) -> dict[str, Any]:
    """Return the Pockels and Kerr tensors of named constants: one letter after the point is Pockels, two are Kerr."""
    from lattice.anharmonic.field_forms import KERR, POCKELS, field_tensor
    from lattice.dynamics.stored_potential import potential_of_run

    constants = constants_of(words)
    tensors = {}
    for key, order in (("pockels", POCKELS), ("kerr", KERR)):
        own = {name: value for name, value in constants.items() if (len(name.rpartition(".")[2]) == 1) == (order == 1)}
        if own:
            tensors[key] = field_tensor(potential_of_run(run), own, order)
    return tensors


def _complex(word: str, name: str) -> complex:
    try:
        return complex(word.replace(" ", "").replace("i", "j"))
    except ValueError:
        raise InputError(f"{name} is no number", found=word, fix="write e.g. 3.1 or 5.0+1.5j") from None
