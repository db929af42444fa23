"""One task of a sweep: compute a block of a store and write it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from lattice.study.block import BlockResult, compute_block
from lattice.study.columns import LOST
from lattice.study.layout import Block
from lattice.study.reducer import Reducer
from lattice.study.store import Store, open_store

ATTEMPTS = 3  #: processes that a block may cost


def run_task(directory: str, version: str, block: Block) -> int:
    """Compute a block, write its data and raise its flag.

    Parameters
    ----------
    directory : str
        Folder of the store.
    version : str
        Anything that changes when the store is extended: a process keeps stores open.
    block : tuple of int

    Returns
    -------
    int
        Points of the block that failed.

    Raises
    ------
    LatticeError
        If nothing can be computed or written at all.
    """
    store, reducer = _opened(directory, version)
    result = compute_block(reducer, store.columns, store.layout.points(block))
    store.write(block, result)
    return result.n_failed


def write_lost(store: Store, block: Block) -> int:
    """Book the points of a block whose processes were killed `ATTEMPTS` times; returns their number."""
    n = int(np.prod(store.layout.sizes(block)))
    sentence = f"the process that computed it was killed {ATTEMPTS} times: it may need more memory than there is"
    store.write(block, BlockResult(store.columns.empty(n, LOST), dict.fromkeys(range(n), sentence)))
    return n


@lru_cache(maxsize=2)
def _opened(directory: str, _version: str) -> tuple[Store, Reducer]:
    store = open_store(Path(directory), write=True)
    return store, Reducer(store.computable())
