"""Errors of `lattice`: what is wrong, what was found, and how to mend it.

Every error is raised where the user's data enters, and always says how to mend it.
"""

from __future__ import annotations

LONGEST = 1000  #: characters of what was found that a message shows; a damaged file may be one long line


class LatticeError(Exception):
    """Base of every error that `lattice` raises on purpose.

    Parameters
    ----------
    what : str
        What is wrong, one sentence without a full stop.
    found : object
        What was found instead of what was expected.
    fix : str
        What the user can do about it.
    """

    def __init__(self, what: str, *, found: object, fix: str) -> None:
        super().__init__(what, found, fix)
        self.what = what
        self.found = found
        self.fix = fix

    def __str__(self) -> str:
        found = str(self.found)
        if len(found) > LONGEST:
            found = f"{found[:LONGEST]}… ({len(found)} characters)"
        return f"{self.what}.\n  found: {found}\n  fix:   {self.fix}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.found, self.fix)


def _rebuild(kind: type[LatticeError], what: str, found: object, fix: str) -> LatticeError:
    """Re-create an error in another process: keyword-only arguments do not survive pickling by themselves."""
    return kind(what, found=found, fix=fix)


class InputError(LatticeError, ValueError):
    """An argument, option or input file has a value that cannot be used."""


class FormatError(InputError):
    """A file cannot be read as the format that it claims to be."""


class SymmetryError(LatticeError):
    """Data break the symmetry of the crystal, or a symmetry that is needed does not exist."""


class StabilityError(LatticeError):
    """A crystal or a potential is unstable where stability is needed."""


class FitError(LatticeError):
    """A fit does not determine what was asked of it."""


class IntegrationError(LatticeError):
    """An integration did not reach the accuracy that was asked, or diverged."""


class SchemaError(LatticeError):
    """A result file does not have the schema that this version writes and reads."""


class MissingDependency(LatticeError, ImportError):  # noqa: N818 - the name is part of the public contract
    """An optional package that this call needs is not installed."""
