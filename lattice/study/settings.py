"""Settings of one run, complete and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lattice.dynamics.record import Record
from lattice.errors import InputError
from lattice.study.provenance import command_line
from lattice.study.run_file import change_document, check_document, read_run_document

DURATION = 20.0  #: ps, of a run whose file says nothing
RTOL = 1e-8  #: accuracy of a run whose file says nothing


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What `run_from_settings` needs to know.

    Attributes
    ----------
    source : str
        Bundled name or path of the crystal, or of a potential.
    potential : str or None
        Path of the potential; None: that of `source`.
    frequencies : str
        ``measured`` (where known) or ``computed``.
    duration : float
        *ps*.
    temperature : float
        *K*.
    seed : int
    pulses : tuple of dict
        Keys of each pulse as in the run file. None given: the default pulse of the potential; `amplitude`, `frequency`
        and `duration` that are left out of the first pulse are those of the default pulse.
    record : Record
    rtol : float
    threads : int
    method : str
        ``auto``, ``collocation`` or ``splitting``, see `simulate`.
    calculator : str or None
        Whose forces move the atoms; None: those of the potential. In a file a short name only.
    supercell : tuple of int
        Cells along each cell vector, for a calculator.
    overrides : dict
        Multiplet → {`frequency`, `linewidth`} in *THz*.
    run_file : str or None
        Path of the run file, for the provenance.
    command : str
        The command that makes this run, for the provenance.
    """

    source: str
    potential: str | None = None
    frequencies: str = "measured"
    duration: float = DURATION
    temperature: float = 0.0
    seed: int = 0
    pulses: tuple[Mapping[str, Any], ...] = ()
    record: Record = field(default_factory=Record)
    rtol: float = RTOL
    threads: int = 1
    method: str = "auto"
    calculator: str | None = None
    supercell: tuple[int, int, int] = (1, 1, 1)
    overrides: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    run_file: str | None = None
    command: str = ""


def read_settings(
    source: str | Path,
    *,
    pulse: str = "",
    assignments: Sequence[str] = (),
    frequencies: str | None = None,
    calculator: str | None = None,
    supercell: tuple[int, int, int] | None = None,
) -> RunSettings:
    """Read a run file or make the default run of a source, change keys, and check everything.

    Parameters
    ----------
    source : str or Path
        A run file, a bundled name, or a potential file.
    pulse : str
        ``key=value,…``: keys of pulse 0.
    assignments : sequence of str
        ``key=value`` with dotted keys.
    frequencies : {"measured", "computed"}, optional
        Overrides the key of the file.
    calculator : str, optional
        ``lj``, ``emt``, ``chgnet`` or ``module:factory``; overrides the key of the file.
    supercell : tuple of int, optional
        Overrides the key of the file.

    Raises
    ------
    InputError
        The file does not exist or is not TOML, a key is unknown (the nearest is named), or a value has the wrong type.
    """
    original = read_run_document(source)
    document = change_document(original, assignments, pulse=pulse)
    if frequencies is not None:
        document["frequencies"] = frequencies
    if supercell is not None:
        document["supercell"] = list(supercell)
    settings = settings_from_document(document)
    forces = settings.calculator if calculator is None else calculator
    if supercell is not None and forces is None:
        raise InputError(
            "A supercell is for the forces of a calculator", found="no calculator", fix="give --calculator too"
        )
    return replace(
        settings,
        calculator=forces,
        run_file=None if original == {"source": str(source)} else str(source),
        command=command_line(source, pulse, assignments, frequencies, calculator, supercell),
    )


def settings_from_document(document: Mapping[str, Any]) -> RunSettings:
    """Check a run document and fill in what it leaves out.

    Raises
    ------
    InputError
        An unknown key, a wrong type, no source, or a record that asks for what does not exist.
    """
    checked = check_document(document)
    numerics = checked.pop("numerics", {})
    record = Record(**checked.pop("record", {}))
    pulses = checked.pop("pulse", ())
    return RunSettings(pulses=pulses, record=record, **numerics, **checked)
