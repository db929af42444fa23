"""YAML from a file, read as data only.

phonopy's own loader builds Python objects from tags, which runs code. Text goes through here first: tags that build
objects, anchors and aliases, and deep nesting are refused, and only plain data come out.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import yaml

from lattice.errors import FormatError, InputError

MAX_BYTES = 512 * 1024**2  # a full set of force constants of 1300 atoms; more is taken for a decompression bomb
_PIECE = 1024**2  # bytes read at a time
MAX_DEPTH = 32  # phonopy nests six deep
STANDARD_TAG = "tag:yaml.org,2002:"
PLAIN_TAGS = {STANDARD_TAG + kind for kind in ("bool", "float", "int", "map", "null", "seq", "str")}

COMPRESSED: dict[str, Callable[..., Any]] = {
    ".xz": lzma.open,
    ".lzma": lzma.open,
    ".gz": gzip.open,
    ".bz2": bz2.open,
}


def read_bytes(path: Path) -> bytes:
    """Read a file, decompressed by its ending (.xz, .lzma, .gz, .bz2).

    Raises
    ------
    InputError
        If the file cannot be opened, or is a pipe or a device.
    FormatError
        If it is larger than `MAX_BYTES`, or its compression is damaged.
    """
    check_regular(path)
    opener = COMPRESSED.get(path.suffix, open)
    try:
        with opener(path, "rb") as stream:
            data = _at_most(stream, MAX_BYTES + 1)
    except (lzma.LZMAError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(
            f"{path.name} cannot be decompressed", found=error, fix="copy or write the file again; it is damaged"
        ) from None
    except OSError as error:
        # bz2 reports damaged data as an OSError without a number.
        if error.errno is None:
            raise FormatError(
                f"{path.name} cannot be decompressed", found=error, fix="copy or write the file again; it is damaged"
            ) from None
        raise InputError(
            f"{path.name} cannot be opened",
            found=error.strerror,
            fix="check the path and the permissions of the file",
        ) from None
    if len(data) > MAX_BYTES:
        raise FormatError(
            f"{path.name} is too large",
            found=f"more than {MAX_BYTES // 1024**2} MiB",
            fix="keep large force constants in force_constants.hdf5",
        )
    return data


def check_regular(path: Path) -> None:
    """Refuse a pipe or a device, which may never end or never answer; what does not exist is left to its opener.

    Raises
    ------
    InputError
        If something else than a file or a folder has this name.
    """
    try:
        strange = path.exists() and not (path.is_file() or path.is_dir())
    except (OSError, ValueError):
        strange = False
    if strange:
        raise InputError(f"{path.name} is no file", found="a pipe or a device", fix="give a file on disk")


def _at_most(stream: IO[bytes], limit: int) -> bytes:
    """Read up to `limit` bytes, piece by piece: a single call would set all of them aside at once."""
    pieces, size = [], 0
    while size < limit and (piece := stream.read(min(_PIECE, limit - size))):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def read_text(path: Path) -> str:
    """Read a text file, decompressed by its ending.

    Raises
    ------
    InputError
        If the file cannot be opened.
    FormatError
        If it is not UTF-8 text, too large, or its compression is damaged.
    """
    data = read_bytes(path)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{path.name} is not a text file",
            found=f"byte 0x{data[error.start]:02x} at offset {error.start} is not UTF-8",
            fix="give the text file itself, saved as UTF-8",
        ) from None
    if "\0" in text:
        raise FormatError(
            f"{path.name} is not a text file", found="zero bytes", fix="give the text file itself, saved as UTF-8"
        )
    return text


def read_yaml(path: Path) -> dict[str, object]:
    """Read a YAML file whose top level is a mapping, as plain data.

    Raises
    ------
    InputError
        If the file cannot be opened.
    FormatError
        If it is not YAML, not a mapping, or holds tags, anchors or nesting that plain data do not need.
    """
    return parse_yaml(read_text(path), path.name)


def parse_yaml(text: str, name: str) -> dict[str, object]:
    """Parse YAML text whose top level is a mapping, as plain data.

    Parameters
    ----------
    text : str
        The document.
    name : str
        File name for messages.

    Raises
    ------
    FormatError
        If it is not YAML, not a mapping, or holds tags, anchors or nesting that plain data do not need.
    """
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # both build plain data only; in C where there is one
    try:
        _check_events(text, name, loader)
        document = _construct(text, loader)
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(
            f"{name} is not valid YAML",
            found=" ".join(str(error).split())[:200],
            fix="write the file again with phonopy; it may be cut off",
        ) from None
    if not isinstance(document, dict):
        raise FormatError(
            f"{name} holds no mapping at its top level",
            found=type(document).__name__,
            fix="give a file written by phonopy, such as phonopy_params.yaml",
        )
    return document


def _construct(text: str, loader: Any) -> object:
    """Return the plain data of a document."""
    reader = loader(io.StringIO(text))
    try:
        return reader.get_single_data()
    finally:
        reader.dispose()


def _check_events(text: str, name: str, loader: Any) -> None:
    """Refuse what plain data do not need, from the event stream alone: nothing is built, nothing recurses."""
    depth = 0
    for event in yaml.parse(io.StringIO(text), Loader=loader):
        found = None
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                found = f"nesting deeper than {MAX_DEPTH}"
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            found = f"the anchor or alias {anchor!r}"
        tag = getattr(event, "tag", None)
        if tag not in {None, "!"} and tag not in PLAIN_TAGS:
            found = f"the tag {tag!r}"
        if found is not None:
            raise FormatError(
                f"{name} holds YAML that plain data do not need",
                found=f"{found}{_place(event)}",
                fix="give a file written by phonopy itself; files with such content may run code and are not read",
            )


def _place(event: yaml.Event) -> str:
    """Return the line of an event in words, where the parser knows it."""
    return "" if event.start_mark is None else f" at line {event.start_mark.line + 1}"
