"""Damaged bytes of valid files, reproducible from a seed, and the function that reads each of them."""

import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from bounded import TooLate, bounds
from example_files import examples

import lattice
from lattice.errors import LatticeError

TOKENS = (
    b"nan", b"inf", b"-1", b"0", b"1e999", b"1e-999", b"99999999999999999999", b"-0.0", b"1" * 400, b"\xc2\xb2",
    b"\0", b"\xff\xfe", b"\n", b"\r", b"\t", b" ", b"#", b"[", b"]", b"{", b"}", b'"', b"'", b"&a", b"*a", b"!!set",
    b"!!python/name:os.abort", b"%", b"=", b":", b"- ", b",", b"\\u0000", b"\xe2\x80\xa8", b"[[", b"...", b"---",
)  # fmt: skip


@cache
def _crystal(name):
    with TemporaryDirectory() as folder:
        examples()[name].write(folder)
        return lattice.load(Path(folder))


def _load(path):
    return lattice.load(path)


def _load_beside(path):
    return lattice.load(path.with_name("POSCAR"))


def _mesh(path):
    from lattice.structure.eigenvector_files import read_eigenvectors

    return read_eigenvectors(path, np.zeros(3))


def _cubic(path):
    from lattice.structure.cubic_files import read_cubic

    return read_cubic(path, _crystal("FORCE_CONSTANTS_3RD"))


def _output(path):
    from lattice.structure.force_outputs import read_force_output

    return read_force_output(path.parent, 2, skip="POSCAR")


def _settings(path):
    from lattice.study.settings import read_settings

    return read_settings(path)


def _run(path):
    from lattice.dynamics.runfile import load_run

    return load_run(path)


#: example → what reads its target
READERS = {
    "POSCAR": _load,
    "CIF": _load,
    "XYZ": _load,
    "FORCE_CONSTANTS": _load_beside,
    "FORCE_SETS": _load_beside,
    "BORN": _load_beside,
    "force_constants.hdf5": _load_beside,
    "phonopy.yaml": _load,
    "mesh.yaml": _mesh,
    "mesh.hdf5": _mesh,
    "fc3.hdf5": _cubic,
    "FORCE_CONSTANTS_3RD": _cubic,
    "forces": _output,
    "potential.toml": lattice.load_potential,
    "potential.nc": lattice.load_potential,
    "run.toml": _settings,
    "thz.txt": lattice.read_samples,
    "thz.nc": lattice.read_samples,
    "run.nc": _run,
    "modes.nc": lattice.load_modes,
}


def mutate(data, rng):
    """Return bytes with one to six damages: bits, tokens, numbers, pieces lost, doubled, moved or overwritten."""
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 7))):
        n = len(data)
        if n == 0:
            break
        at, to = sorted(int(x) for x in rng.integers(0, n + 1, 2))
        to = min(to, at + int(rng.integers(1, 200)))
        kind = int(rng.integers(0, 8))
        if kind == 0:
            data[min(at, n - 1)] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            data[min(at, n - 1)] = int(rng.integers(0, 256))
        elif kind == 2:
            data[at:at] = TOKENS[int(rng.integers(len(TOKENS)))]
        elif kind == 3:
            data[at:to] = TOKENS[int(rng.integers(len(TOKENS)))]
        elif kind == 4:
            del data[at:to]
        elif kind == 5:
            data[at:at] = data[at:to] * int(rng.integers(1, 4))
        elif kind == 6:
            data[at:to] = bytes(rng.integers(0, 256, to - at, dtype=np.uint8))
        elif rng.random() < 0.2:
            del data[at:]
        else:
            number = (-1, 0, 2**31 - 1, 2**63 - 1, 2**64 - 1)[int(rng.integers(5))] % 2**64
            data[at : at + 8] = number.to_bytes(8, "little")
    return bytes(data)


class Verdict:
    """Take every way out of a reader: None is wrong with a result or a `LatticeError` that says how to mend it."""

    wrong = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _trace):
        if isinstance(error, TooLate):
            self.wrong = "more than 5 s"
        elif isinstance(error, LatticeError):
            self.wrong = None if error.fix else f"no fix: {error}"
        elif error is not None:
            self.wrong = f"{kind.__name__}: {str(error)[:200]}"
        return not isinstance(error, KeyboardInterrupt)


def read_damaged(name, seed, folder):
    """Read one damaged file; return None if it was read or refused as it should be, else what went wrong."""
    example = examples()[name]
    example.write(folder)
    path = Path(folder, example.target)
    path.write_bytes(mutate(example.files[example.target], np.random.default_rng([sorted(READERS).index(name), seed])))
    verdict = Verdict()
    with verdict, warnings.catch_warnings(), bounds():
        warnings.simplefilter("ignore")
        READERS[name](path)
    return verdict.wrong
