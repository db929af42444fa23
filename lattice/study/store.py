"""The store of a sweep: one Zarr v3 group. A task owns whole chunks and writes them before it raises its flag.

``numbers`` (dimensions of the plan, column): one chunk for each block, in large sweeps a shard whose chunks are single
columns. ``finished`` (blocks): −1 until a block is complete, then the number of its points that failed. Coordinates
are arrays under their dotted keys. ``Q``, ``P``, ``L``, ``E``: trajectories that are kept. ``failures/`` holds a
sentence for each point that failed, ``inputs/`` copies of the files that the plan names.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import InputError, LatticeError, SchemaError
from lattice.structure.complete_file import complete_file, to_disk
from lattice.structure.crystal import IntArray
from lattice.study.axis import Axis, Values
from lattice.study.block import BlockResult
from lattice.study.columns import Columns, columns_from
from lattice.study.layout import MANY_POINTS, Block, Layout
from lattice.study.plan import Plan, with_files

if TYPE_CHECKING:
    import zarr

SCHEMA = 1
KIND = "lattice sweep"
NUMBERS, FINISHED, COLUMN = "numbers", "finished", "column"
NOT_FINISHED = -1
_KEYS: Any = {"name": "default", "separator": "."}  #: names of chunk files: one folder for each array, none inside


@dataclass(frozen=True, slots=True)
class Store:
    """An open store.

    Attributes
    ----------
    path : Path
    group : zarr.Group
    plan : Plan
        Its paths are names of files within the store.
    columns : Columns
    layout : Layout
    series : dict
        Kept quantity → its dimensions after those of the plan, with the lengths.
    """

    path: Path
    group: zarr.Group
    plan: Plan
    columns: Columns
    layout: Layout
    series: Mapping[str, Mapping[str, int]]

    def computable(self) -> Plan:
        """Return the plan with paths that lead to the copies in the store."""
        files = self.group.attrs["inputs"]
        return with_files(self.plan, lambda name: str(self.path / files[name]["file"]) if name in files else name)

    def write(self, block: Block, result: BlockResult) -> None:
        """Write a block: data, sentences, and when these are on the disk, its flag."""
        sizes, box = self.layout.sizes(block), self.layout.box(block)
        with _writing(self.path):
            for name, values in result.kept.items():
                _array(self.group, name)[box] = values.reshape(*sizes, *values.shape[1:])
                self._wait_for(name, block)
            _array(self.group, NUMBERS)[box] = result.rows.reshape(*sizes, self.columns.width)
            self._wait_for(NUMBERS, block)
            self._write_failures(block, result.messages)
            _array(self.group, FINISHED)[block] = result.n_failed

    def _wait_for(self, name: str, block: Block) -> None:
        """Wait until a chunk is on the disk, so that no flag outlives its data where a machine stops."""
        path = self.path / name / _key(block, _array(self.group, name).ndim)
        if path.exists():  # a chunk of nothing but fill values has no file
            to_disk(path)

    def flags(self) -> IntArray:
        """Return for each block −1, or the number of its points that failed: ``(n_blocks,)``."""
        flags = np.full(self.layout.n_blocks, NOT_FINISHED, dtype=np.int64)
        if raised := self._raised():
            index = np.array(raised).T
            flags[np.ravel_multi_index(tuple(index), self.layout.grid)] = _array(self.group, FINISHED).vindex[*index]
        return flags

    def _raised(self) -> list[Block]:
        """Blocks whose flag has a file: one look at the folder, where Zarr would ask for every file there might be."""
        found = []
        for entry in os.scandir(self.path / FINISHED):
            head, *words = entry.name.split(".")
            if head == "c" and len(words) == len(self.layout.grid) and all(word.isdecimal() for word in words):
                block = tuple(map(int, words))
                # After an interrupted extension there may be more.
                if all(i < n for i, n in zip(block, self.layout.grid, strict=True)):
                    found.append(block)
        return found

    def clear(self, block: Block) -> None:
        """Lower the flag of a block, so that it is computed again."""
        with _writing(self.path):
            _array(self.group, FINISHED)[block] = NOT_FINISHED

    def failures(self, block: Block) -> dict[int, str]:
        """Return the sentences of a block: place in the block → sentence."""
        path = self._failures_path(block)
        return {int(i): text for i, text in json.loads(path.read_text("utf-8")).items()} if path.is_file() else {}

    def _write_failures(self, block: Block, messages: Mapping[int, str]) -> None:
        path = self._failures_path(block)
        if messages:
            path.parent.mkdir(exist_ok=True)
            with complete_file(path) as temporary:
                temporary.write_text(json.dumps(messages, ensure_ascii=False, indent=0), encoding="utf-8")
        else:
            path.unlink(missing_ok=True)

    def _failures_path(self, block: Block) -> Path:
        return self.path / "failures" / f"{'.'.join(map(str, block))}.json"


def exists(directory: Path) -> bool:
    """Whether a folder holds a store; one that holds anything else is an error.

    Raises
    ------
    InputError
        The folder of the folder does not exist, it is a file, or it has other content.
    """
    if (directory / "zarr.json").is_file():
        return True
    if directory.exists() and not directory.is_dir():
        raise InputError("The folder of a sweep is a file", found=str(directory), fix="name another folder")
    if directory.is_dir() and any(directory.iterdir()):
        raise InputError(
            "The folder holds something that is not a sweep", found=str(directory), fix="name an empty or a new folder"
        )
    if not directory.absolute().parent.is_dir():
        parent = directory.absolute().parent
        raise InputError(
            "The output folder does not exist", found=str(directory.parent), fix=f"make it: mkdir -p {parent}"
        )
    return False


def create(
    directory: Path,
    plan: Plan,
    columns: Columns,
    layout: Layout,
    series: Mapping[str, Mapping[str, int]],
    inputs: Mapping[str, Path],
    attributes: Mapping[str, Any],
) -> None:
    """Make a store under a temporary name and rename it; of several that do so at once the first one wins.

    Parameters
    ----------
    directory : Path
        New, or an empty folder.
    plan, columns, layout, series
        As in `Store`; the plan has paths as its user wrote them.
    inputs : mapping
        Name of a file in the plan → where it is.
    attributes : mapping
        `provenance` and whatever else is to be kept; JSON-able.
    """
    temporary = directory.absolute().parent / f".{directory.name[:32]}-{uuid.uuid4().hex}"
    made = False
    try:
        copies = _copy_inputs(temporary, inputs)
        _create_arrays(temporary, plan, columns, layout, series, {**attributes, "inputs": copies})
        os.rename(temporary, directory)
        made = True
    except OSError as error:
        if not (directory / "zarr.json").is_file():
            raise LatticeError(
                "The store could not be made",
                found=f"{directory.name}: {error.strerror or error}",
                fix="check free space and permission, or name another folder",
            ) from error
    finally:
        if not made:
            time.sleep(0.2)  # a signal interrupts this thread alone: Zarr's own one may still write a file
        shutil.rmtree(temporary, ignore_errors=True)


def open_store(directory: Path, *, write: bool = False) -> Store:
    """Open a store and check its schema.

    Raises
    ------
    InputError
        There is none.
    SchemaError
        It is not of this version's schema.
    """
    import zarr

    if not (directory / "zarr.json").is_file():
        raise InputError(
            "There is no sweep in this folder", found=str(directory), fix="give the -d DIR of lattice sweep"
        )
    group = zarr.open_group(str(directory), mode="r+" if write else "r", zarr_format=3)
    attributes = group.attrs.asdict()
    if attributes.get("kind") != KIND or attributes.get("schema") != SCHEMA:
        found = f"kind {attributes.get('kind')!r}, schema {attributes.get('schema')!r}"
        raise SchemaError(
            "The folder does not hold a sweep of this version", found=found, fix=f"make it again (schema {SCHEMA})"
        )
    layout = Layout(tuple(attributes["shape"]), tuple(attributes["block"]))
    plan = _stored_plan(group, attributes, layout.shape)
    return Store(directory, group, plan, columns_from(attributes["columns"]), layout, attributes["series"])


def extend(store: Store, plan: Plan, inputs: Mapping[str, Path]) -> None:
    """Add the points of a larger plan at the ends of the axes of a store.

    Blocks that gain points are computed again. If it is interrupted, the store is still that of the old plan.

    Parameters
    ----------
    store : Store
        Open for writing.
    plan : Plan
        Differs from that of the store only by more values at the ends of axes, or more repeats.
    inputs : mapping
        As in `create`; files that the store does not have yet are copied.
    """
    with _writing(store.path):
        _extend(store, plan, inputs)


def _extend(store: Store, plan: Plan, inputs: Mapping[str, Path]) -> None:
    known: dict[str, Any] = dict(store.group.attrs["inputs"])
    copies = known | _copy_inputs(store.path, {name: path for name, path in inputs.items() if name not in known})
    old, new = store.layout, replace(store.layout, shape=plan.shape)
    for number in np.flatnonzero(store.flags() != NOT_FINISHED).tolist():
        block = old.at(number)
        if old.sizes(block) != new.sizes(block):
            store.clear(block)
    for name in (NUMBERS, *store.series):
        array = _array(store.group, name)
        array.resize((*new.shape, *array.shape[len(new.shape) :]))
    _array(store.group, FINISHED).resize(new.grid)
    words = dict(store.group.attrs["words"])
    for axis in plan.axes:
        for key, values in zip(axis.keys, axis.values, strict=True):
            if isinstance(values, np.ndarray):
                coordinate = _array(store.group, key)
                n = coordinate.shape[0]
                coordinate.resize((len(values),))
                coordinate[n:] = values[n:]
            else:
                words[key] = _listed(values)
    store.group.update_attributes({"shape": list(new.shape), "words": words, "inputs": copies})


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say what it means for a sweep that the operating system refuses to write."""
    try:
        yield
    except OSError as error:
        raise LatticeError(
            "The store could not be written",
            found=f"{path.name}: {error.strerror or error}",
            fix="check free space and permission; the same call then goes on where this one ended",
        ) from error


def _create_arrays(
    path: Path,
    plan: Plan,
    columns: Columns,
    layout: Layout,
    series: Mapping[str, Mapping[str, int]],
    attributes: Mapping[str, Any],
) -> None:
    """Metadata of all arrays, and the coordinates."""
    import zarr

    shape, block = layout.shape, layout.block
    group = zarr.open_group(str(path), mode="a", zarr_format=3)
    many = layout.n_points_in_all > MANY_POINTS
    common = {"chunk_key_encoding": _KEYS, "fill_value": np.nan, "dtype": "float64"}
    group.create_array(
        NUMBERS,
        shape=(*shape, columns.width),
        chunks=(*block, 1 if many else columns.width),
        shards=(*block, columns.width) if many else None,
        dimension_names=(*plan.dims, COLUMN),
        **common,
    )
    for name, lengths in series.items():
        after = tuple(lengths.values())
        group.create_array(
            name, shape=(*shape, *after), chunks=(*block, *after), dimension_names=(*plan.dims, *lengths), **common
        )
    group.create_array(
        FINISHED,
        shape=layout.grid,
        chunks=(1,) * len(shape),
        dtype="int32",
        fill_value=NOT_FINISHED,
        dimension_names=tuple(f"{dim} block" for dim in plan.dims),
        chunk_key_encoding=_KEYS,
    )
    table = {
        "kind": KIND,
        "schema": SCHEMA,
        "run": dict(plan.document),
        "keep": plan.keep,
        "ledger": plan.ledger,
        "energy_ledger": plan.energy_ledger,
        "axes": [list(axis.keys) for axis in plan.axes],
        "words": _create_coordinates(group, plan),
        "shape": list(shape),
        "block": list(block),
        "columns": columns.table(),
        "series": {name: dict(lengths) for name, lengths in series.items()},
    }
    group.update_attributes({**table, **attributes})


def _create_coordinates(group: zarr.Group, plan: Plan) -> dict[str, list[Any]]:
    """Make an array of each axis of numbers, and return the axes of words."""
    words = {}
    for axis in plan.axes:
        for key, values in zip(axis.keys, axis.values, strict=True):
            if not isinstance(values, np.ndarray):
                words[key] = _listed(values)
                continue
            coordinate = group.create_array(
                key, shape=values.shape, chunks=values.shape, dtype=values.dtype, dimension_names=(axis.name,)
            )
            coordinate[:] = values
    return words


def _stored_plan(group: zarr.Group, attributes: Mapping[str, Any], shape: tuple[int, ...]) -> Plan:
    """Plan of a store; an interrupted extension leaves coordinates that are too long."""
    axes = []
    for keys, n in zip(attributes["axes"], shape, strict=False):
        values: list[Values] = []
        for key in keys:
            found = attributes["words"].get(key)
            values.append(np.asarray(_array(group, key)[:n]) if found is None else tuple(found[:n]))
        axes.append(Axis(tuple(keys), tuple(values)))
    kept = {name: attributes[name] for name in ("keep", "ledger", "energy_ledger") if name in attributes}
    return Plan(attributes["run"], tuple(axes), shape[-1], **kept)


def _copy_inputs(path: Path, inputs: Mapping[str, Path]) -> dict[str, dict[str, str]]:
    """Copy the files of a plan into the store: name in the plan → name of the copy and SHA-256."""
    folder = path / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    copies = {}
    for name, file in inputs.items():
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        copy = folder / f"{digest[:16]}-{file.name}"
        copy.write_bytes(content)
        copies[name] = {"file": f"inputs/{copy.name}", "sha256": digest}
    return copies


def _array(group: zarr.Group, name: str) -> Any:
    """An array of the store; zarr's own type also allows a group under the name."""
    return group[name]


def _key(block: Block, dimensions: int) -> str:
    """Name of the file of the chunk that a block owns."""
    return ".".join(["c", *map(str, block), *["0"] * (dimensions - len(block))])


def _listed(values: Values) -> list[Any]:
    return [list(value) if isinstance(value, tuple) else value for value in values]
