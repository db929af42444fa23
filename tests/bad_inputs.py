"""Bad inputs as data: what is damaged and how, and words that the message must have."""

import os
import pickle
import zlib
from pathlib import Path

import h5py
import numpy as np

HUGE = "1" + "0" * 400  # an integer beyond every float
DIGITS = "9" * 5000  # more digits than Python turns into an integer

#: name → what becomes of the bytes of any file
DAMAGES = {
    "nothing in it": lambda data: b"",
    "cut in half": lambda data: data[: len(data) // 2],
    "other bytes": lambda data: bytes(range(256)) * 20,
    "zero bytes": lambda data: b"\0" * 500,
    "prose": lambda data: b"Once upon a time\n" * 9,
    "a pickle": lambda data: pickle.dumps({"a": 1}),
    "UTF-16": lambda data: data.decode("latin-1").encode("utf-16"),
    "one long line of digits": lambda data: b"1" * 1_000_000,
    "deep brackets": lambda data: b"a = " + b"[" * 100_000,
}

#: example, words that are replaced once, by what, words of the message
EDITS = [
    ("POSCAR", "4.1 0.0 0.0", "nan 0.0 0.0", "not finite"),
    ("POSCAR", "4.1 0.0 0.0", "inf 0.0 0.0", "not finite"),
    ("POSCAR", " 0.0 0.0 4.1", " 0.0 4.1 0.0", "cell"),
    ("POSCAR", " 0.0 0.0 4.1", " 0.0 0.0 0.0", "cell"),
    ("POSCAR", " 0.0 0.0 4.1", " 0.0 0.0", "POSCAR"),
    ("POSCAR", "4.1 0.0 0.0", "1e999 0.0 0.0", "not finite"),
    ("POSCAR", "4.1 0.0 0.0", "1e300 0.0 0.0", "cell"),
    ("POSCAR", "\n1.0\n", "\n0.0\n", "cell"),
    ("POSCAR", "\n1.0\n", "\n-1e308\n", "cell vector"),
    ("POSCAR", "Cs Cl", "Cs Xx", "Xx"),
    ("POSCAR", "Cs Cl", "Cs Cl O", "POSCAR"),
    ("POSCAR", "\n1 1\n", "\n1 -1\n", "POSCAR"),
    ("POSCAR", "\n1 1\n", "\n1 1000000000\n", "more atoms"),
    ("POSCAR", "\n1 1\n", f"\n1 {DIGITS}\n", "more atoms"),
    ("POSCAR", "0.5 0.5 0.5", "0.0 0.0 0.0", "on top"),
    ("POSCAR", "0.5 0.5 0.5", "0.001 0.0 1.0", "on top"),
    ("POSCAR", "0.5 0.5 0.5", "1e999 0.5 0.5", "finite"),
    ("CIF", "_cell_length_a 4.1", "_cell_length_a -4.1", "a.cif"),
    ("CIF", "_cell_length_a 4.1", "_cell_length_a nan", ""),
    ("CIF", "_cell_angle_gamma 90", "_cell_angle_gamma 180", ""),
    ("CIF", "_cell_angle_gamma 90", "_cell_angle_gamma 400", ""),
    ("CIF", "'P 1'", "'P 99'", ""),
    ("CIF", "Cl1 Cl 0.5", "Cl1 Zz 0.5", ""),
    ("CIF", "Cl1 Cl 0.5 0.5 0.5 1.0", "Cl1 Cl 0.5 0.5", ""),
    ("XYZ", "2\n", "3\n", ""),
    ("XYZ", "2\n", "-2\n", ""),
    ("XYZ", "2\n", "999999999999\n", "more atoms"),
    ("XYZ", "pos:R:3", "pos:R:399999999999999999999", "more atoms or columns"),
    ("XYZ", "4.1 0 0 0 4.1 0 0 0 4.1", "4.1 0 0 0 4.1 0 0 0", ""),
    ("XYZ", "Cl 2.05", "Qq 2.05", ""),
    ("FORCE_CONSTANTS", "2 2\n", "2 3\n", "announces"),
    ("FORCE_CONSTANTS", "2 2\n", "-2 2\n", "counts"),
    ("FORCE_CONSTANTS", "2 2\n", "99999999 2\n", "counts"),
    ("FORCE_CONSTANTS", "2 2\n", f"{DIGITS} 2\n", "counts"),
    ("FORCE_CONSTANTS", "2 2\n", "² 2\n", "counts"),
    ("FORCE_CONSTANTS", "2.0 0.0", "nan 0.0", "not finite"),
    ("FORCE_CONSTANTS", "2.0 0.0", "inf 0.0", "not finite"),
    ("FORCE_CONSTANTS", "2.0 0.0", "1e999 0.0", "not finite"),
    ("FORCE_CONSTANTS", "2.0 0.0", "2,0 0.0", "not a number"),
    ("FORCE_CONSTANTS", "2.0 0.0", "1e300 0.0", ""),
    ("FORCE_CONSTANTS", "\n1 2\n", "\n1 1\n", "order"),
    ("FORCE_CONSTANTS", "\n1 1\n", "\n1e300 1\n", ""),
    ("FORCE_SETS", "2\n2\n", "3\n2\n", "announce"),
    ("FORCE_SETS", "2\n2\n", "-2\n2\n", "counts"),
    ("FORCE_SETS", "\n1\n0.01", "\n9\n0.01", "does not have"),
    ("FORCE_SETS", "\n1\n0.01", "\n1.5\n0.01", "does not have"),
    ("FORCE_SETS", "0.01 0 0\n-0.02", "0 0 0\n-0.02", "zero"),
    ("FORCE_SETS", "-0.02", "nan", "not finite"),
    ("FORCE_SETS", "-0.02", "1e999", "not finite"),
    ("BORN", " -1 0 0 0 -1 0 0 0 -1\n", "", "symmetry-independent"),
    ("BORN", " -1 0 0 0 -1 0 0 0 -1\n", " -1 0 0 0 -1 0 0 0\n", "nine numbers"),
    ("BORN", " 2 0 0", " nan 0 0", "nine numbers"),
    ("BORN", " 2 0 0", " 1e999 0 0", "nine numbers"),
    ("BORN", " 2 0 0", " x 0 0", "nine numbers"),
    ("phonopy.yaml", "symbol: Cs", "symbol: [Cs]", ""),
    ("phonopy.yaml", "symbol: Cs", "symbol: Zz", ""),
    ("phonopy.yaml", "mass: 132.9", "mass: -1.0", "mass"),
    ("phonopy.yaml", "mass: 132.9", "mass: .nan", "mass"),
    ("phonopy.yaml", "mass: 132.9", f"mass: {HUGE}", ""),
    ("phonopy.yaml", "mass: 132.9", f"mass: {DIGITS}", ""),
    ("phonopy.yaml", "[ 4.1, 0.0, 0.0 ]", "[ .inf, 0.0, 0.0 ]", "finite"),
    ("phonopy.yaml", "[ 4.1, 0.0, 0.0 ]", "[ 0.0, 4.1, 0.0 ]", "cell"),
    ("phonopy.yaml", "[ 4.1, 0.0, 0.0 ]", "[ 4.1, 0.0 ]", ""),
    ("phonopy.yaml", "[ 0.5, 0.5, 0.5 ]", "[ 0.0, 0.0, 0.0 ]", "on top"),
    ("phonopy.yaml", "- [ 1, 0, 0 ]", "- [ 1000000, 0, 0 ]", ""),
    ("phonopy.yaml", "- [ 1, 0, 0 ]", "- [ -1, 0, 0 ]", ""),
    ("phonopy.yaml", "- [ 1, 0, 0 ]", "- [ x, 0, 0 ]", ""),
    ("phonopy.yaml", "- [ 2.0, 0.0, 0.0 ]", "- [ .nan, 0.0, 0.0 ]", "finite"),
    ("phonopy.yaml", "shape: [ 2, 2 ]", "shape: [ 1000000, 1000000 ]", ""),
    ("phonopy.yaml", "unit_cell:", "unit_cell: &a", "anchor"),
    ("phonopy.yaml", "unit_cell:", "a: !!python/object/apply:os.abort []\nunit_cell:", "tag"),
    ("mesh.yaml", "frequency:", "frequenzy:", ""),
    ("mesh.yaml", "eigenvector:", "vector:", "eigenvectors"),
    ("mesh.yaml", "phonon:", "phonons:", ""),
    ("mesh.yaml", "q-position:", "q:", ""),
    ("FORCE_CONSTANTS_3RD", "8\n", "9\n", "number of blocks"),
    ("FORCE_CONSTANTS_3RD", "8\n", "1e999\n", "finite"),
    ("FORCE_CONSTANTS_3RD", "8\n", "-8\n", "number of blocks"),
    ("FORCE_CONSTANTS_3RD", "1 1 1\n1 1 1", "1 1 7\n1 1 1", "does not have"),
    ("FORCE_CONSTANTS_3RD", "1 1 1\n1 1 1", "1 1 1e300\n1 1 1", ""),
    ("FORCE_CONSTANTS_3RD", "0.500000", "nan", "finite"),
    ("FORCE_CONSTANTS_3RD", "0.500000", "x", "than numbers"),
    ("FORCE_CONSTANTS_3RD", "0.0 0.0 0.0", "0.3 0.0 0.0", "translations"),
    ("FORCE_CONSTANTS_3RD", "0.0 0.0 0.0", "nan 0.0 0.0", "finite"),
    ("potential.toml", "schema = 1", "schema = 99", "schema"),
    ("potential.toml", "frequency = 4.0", "frequency = nan", "finite"),
    ("potential.toml", "frequency = 4.0", "frequency = 1e300", ""),
    ("potential.toml", "frequency = 4.0", f"frequency = {HUGE}", "finite"),
    ("potential.toml", "frequency = 4.0", f"frequency = {DIGITS}", "TOML"),
    ("potential.toml", "linewidth = 0.2", "linewidth = -0.2", "negative"),
    ("potential.toml", "linewidth = 0.2", "linewidth = 1e300", "linewidth"),
    ("potential.toml", "coefficient = -1.2e-3", "coefficient = inf", "finite"),
    ("potential.toml", "modes = [2, 0, 0]", "modes = [99, 0, 0]", "out of range"),
    ("potential.toml", "modes = [2, 0, 0]", f"modes = [{HUGE}, 0, 0]", "out of range"),
    ("potential.toml", "axis = [0.0, 0.0, 1.0]", "axis = [0.0, 0.0, 0.0]", "axis"),
    ("potential.toml", "axis = [0.0, 0.0, 1.0]", "axis = [0.0, 1.0]", "axis"),
    ("potential.toml", 'label = "E(1)y"', 'label = "E(1)x"', "label"),
    ("potential.toml", 'channel = "E(1)^2 A1(1)"', 'channel = "harmonic"', "channel"),
    ("run.toml", 'source = "potential.toml"', 'source = "../potential.toml"', ""),
    ("run.toml", 'source = "potential.toml"', 'source = "/dev/zero"', ""),
    ("run.toml", 'source = "potential.toml"', 'source = "a\\u0000b"', ""),
    ("run.toml", 'source = "potential.toml"', 'source = ""', "potential"),
    ("run.toml", 'source = "potential.toml"', "", "source"),
    ("run.toml", "duration = 2.0", "duration = -2.0", "duration"),
    ("run.toml", "duration = 2.0", "duration = 0.0", "duration"),
    ("run.toml", "duration = 2.0", "duration = inf", "duration"),
    ("run.toml", "duration = 2.0", "duration = 1e300", "the run"),
    ("run.toml", "duration = 2.0", f"duration = {HUGE}", "duration"),
    ("run.toml", "duration = 2.0", f"duration = {DIGITS}", "TOML"),
    ("run.toml", "duration = 2.0", "duration = 1979-05-27", "duration"),
    ("run.toml", "duration = 2.0", "duration = 2.0\nduration = 3.0", "TOML"),
    ("run.toml", "temperature = 0.0", "temperature = -1.0", "temperature"),
    ("run.toml", "seed = 0", "seed = -1", "seed"),
    ("run.toml", "seed = 0", f"seed = {HUGE}", "seed"),
    ("run.toml", "amplitude = 0.1", "amplitude = -0.1", "amplitude"),
    ("run.toml", "amplitude = 0.1", "amplitude = nan", "amplitude"),
    ("run.toml", "frequency = 2.0", "frequency = 0.0", "frequency"),
    ("run.toml", "frequency = 2.0", "frequency = -2.0", "frequency"),
    ("run.toml", "frequency = 2.0", "frequency = 1e12", "frequency"),
    ("run.toml", "duration = 0.5", "duration = 0.0", "duration"),
    ("run.toml", "duration = 0.5", "duration = -0.5", "duration"),
    ("run.toml", "duration = 0.5", "duration = 1e-300", ""),
    ("run.toml", "helicity = 1.0", "helicity = 1.5", "helicity"),
    ("run.toml", "helicity = 1.0", 'shape = "square"', "shape"),
    ("run.toml", "angle = 0.0", "axis = [0, 0, 0]", "axis"),
    ("run.toml", "angle = 0.0", "center = inf", "center"),
    ("run.toml", "angle = 0.0", "edge = 1.0", "edge"),
    ("run.toml", "angle = 0.0", "transmission = 0.0", "transmission"),
    ("run.toml", "angle = 0.0", 'file = "../outside.txt"', "no such file"),
    ("run.toml", "angle = 0.0", 'file = "/dev/zero"', "no such file"),
    ("run.toml", "every = 0.05", "every = 0.0", "every"),
    ("run.toml", "every = 0.05", "every = -0.05", "every"),
    ("run.toml", "every = 0.05", "every = 1e-12", "every"),
    ("run.toml", "every = 0.05", "start = 99.0", "start"),
    ("run.toml", '["Q", "P", "L", "E"]', '["Z"]', "quantity"),
    ("run.toml", "rtol = 1e-8", "rtol = 0.0", "rtol"),
    ("run.toml", "rtol = 1e-8", "rtol = 1e-30", "rtol"),
    ("run.toml", "threads = 1", "threads = 0", "thread"),
    ("run.toml", "threads = 1", "threads = 1000000", "thread"),
    ("run.toml", "linewidth = 0.3", "linewidth = -0.3", "linewidth"),
    ("run.toml", '[overrides."A1(1)"]', '[overrides."X(1)"]', "X(1)"),
    ("run.toml", "[numerics]", "[numeric]", "numerics"),
    ("thz.txt", "0.00 ", "nan ", ""),
    ("thz.txt", "0.02 ", "0.00 ", "ascend"),
    ("thz.txt", "0.02 ", "1e999 ", ""),
    ("thz.txt", "0.02 ", "0,02 ", "columns"),
    ("thz.txt", "0.02 ", "x ", "numbers"),
    ("thz.txt", "0.02 ", "0.02 1 2 3 4 ", ""),
    ("forces", "\nCs", "\nCl", "species"),
    ("forces", "pos:R:3", "pos:R:399999999999999999999", "more atoms or columns"),
]


def _in_hdf5(change):
    """Return a damage that opens a file with h5py."""

    def damage(path):
        with h5py.File(path, "r+") as file:
            change(file)

    return damage


def _values(name, value):
    def change(file):
        data = file[name][()]
        data.flat[0] = value
        file[name][()] = data

    return _in_hdf5(change)


def _attribute(owner, name, value):
    def change(file):
        (file if owner is None else file[owner]).attrs[name] = value

    return _in_hdf5(change)


def _without(*names):
    def change(file):
        for name in names:
            del file[name]

    return _in_hdf5(change)


def _instead(name, **options):
    """Replace a dataset by another one, of which nothing is written."""

    def change(file):
        del file[name]
        file.create_dataset(name, **options)

    return _in_hdf5(change)


def _bomb(name, shape):
    """A small file that grows to any size when it is read: nothing in it was ever written."""
    return _instead(name, shape=shape, dtype="f8", chunks=True, compression="gzip")


def _packed(name, count):
    """Zeros that were really written: 8 bytes of each thousand are in the file."""

    def change(file):
        data = file.create_dataset(name, shape=(count,), dtype="f8", chunks=(2**20,), compression="gzip")
        zeros = zlib.compress(bytes(8 * 2**20))
        for start in range(0, count, 2**20):
            data.id.write_direct_chunk((start,), zeros)

    return _in_hdf5(change)


def _link(name):
    def change(file):
        del file[name]
        file[name] = h5py.ExternalLink(str(Path(file.filename).with_name("other.h5")), "/data")

    with_other = _in_hdf5(change)

    def damage(path):
        with h5py.File(path.with_name("other.h5"), "w") as other:
            other["data"] = np.zeros(3)
        with_other(path)

    return damage


#: example, name of the damage, what is done to the path, words of the message
NETCDF = [
    *[
        (name, f"a claim of 10^12 numbers in {variable}", _instead(variable, shape=(10**12,), dtype="f8"), "")
        for name, variable in (
            ("run.nc", "Q"),
            ("modes.nc", "frequency"),
            ("potential.nc", "frequency"),
            ("thz.nc", "E"),
            ("mesh.hdf5", "frequency"),
            ("force_constants.hdf5", "force_constants"),
            ("fc3.hdf5", "fc3"),
        )
    ],
    *[
        (name, f"a compressed bomb in {variable}", _bomb(variable, (2**20, 2**20)), "")
        for name, variable in (
            ("run.nc", "Q"),
            ("modes.nc", "frequency"),
            ("potential.nc", "frequency"),
            ("thz.nc", "E"),
            ("mesh.hdf5", "eigenvector"),
            ("force_constants.hdf5", "force_constants"),
            ("fc3.hdf5", "fc3"),
        )
    ],
    ("run.nc", "2 GiB of zeros in 2 MB", _packed("extra", 2**28), ""),
    ("potential.nc", "2 GiB of zeros in 2 MB", _packed("extra", 2**28), ""),
    *[
        (name, "a link to another file", _link(variable), "")
        for name, variable in (("run.nc", "ledger"), ("modes.nc", "m"))
    ],
    ("run.nc", "no time", _without("time"), ""),
    ("run.nc", "no ledger", _without("ledger"), "ledger"),
    ("run.nc", "another schema", _attribute(None, "schema", 99), "schema"),
    ("run.nc", "another kind", _attribute(None, "kind", "song"), "not a run"),
    ("run.nc", "no JSON in pulses", _attribute(None, "pulses", "[1, 2"), "pulses"),
    ("run.nc", "deep JSON in pulses", _attribute(None, "pulses", "[" * 50_000), "pulses"),
    ("run.nc", "another unit", _attribute("Q", "units", "furlong"), "furlong"),
    ("run.nc", "packed numbers", _attribute("Q", "scale_factor", "x"), ""),
    ("run.nc", "a time of the calendar", _attribute("Q", "units", "days since 0000-99-99"), ""),
    ("run.nc", "words for numbers", _instead("ledger", data=np.array([b"a", b"b"])), ""),
    ("modes.nc", "another schema", _attribute(None, "schema", "lattice modes 9"), "version"),
    ("modes.nc", "no words", _attribute(None, "words", "{"), "words"),
    ("modes.nc", "deep words", _attribute(None, "words", "[" * 50_000), "words"),
    ("modes.nc", "NaN in a position", _values("position", np.nan), ""),
    ("modes.nc", "a species beyond the table", _values("number", 999), ""),
    ("modes.nc", "a negative mass", _values("mass", -1.0), ""),
    ("modes.nc", "eigenvectors that are not normal", _values("eigenvector", 3.0), "orthonormal"),
    ("modes.nc", "NaN in an eigenvector", _values("eigenvector", np.nan), ""),
    ("modes.nc", "multiplets of other sizes", _values("degeneracy", 7), ""),
    ("modes.nc", "a negative size", _values("degeneracy", -1), ""),
    ("modes.nc", "no masses", _without("mass"), "mass"),
    ("potential.nc", "another schema", _attribute(None, "schema", 99), ""),
    ("potential.nc", "no tables", _attribute(None, "tables", "{}"), ""),
    ("potential.nc", "deep tables", _attribute(None, "tables", "[" * 50_000), ""),
    ("potential.nc", "NaN in a frequency", _values("frequency", np.nan), ""),
    ("potential.nc", "a negative frequency", _values("frequency", -1.0), ""),
    ("potential.nc", "a mode that is not there", _values("mode_index", 99), ""),
    ("potential.nc", "an index far below", _values("mode_index", -99), ""),
    ("potential.nc", "a field that is not there", _values("field_axis", 7), ""),
    ("potential.nc", "NaN in a coefficient", _values("coefficient", np.nan), ""),
    ("potential.nc", "no coefficients", _without("coefficient"), ""),
    ("thz.nc", "NaN in the field", _values("E", np.nan), "finite"),
    ("thz.nc", "no time", _without("time"), "time"),
    ("thz.nc", "another unit", _attribute("E", "units", "V/m"), "V/m"),
    ("mesh.hdf5", "NaN in an eigenvector", _values("eigenvector", np.nan), "finite"),
    ("mesh.hdf5", "no eigenvectors", _without("eigenvector"), "eigenvector"),
    ("mesh.hdf5", "words for frequencies", _instead("frequency", data=np.array([b"a"])), ""),
    ("mesh.hdf5", "a scalar for frequencies", _instead("frequency", data=3.0), ""),
    ("force_constants.hdf5", "NaN", _values("force_constants", np.nan), "finite"),
    (
        "force_constants.hdf5",
        "a group",
        _in_hdf5(lambda file: (file.move("force_constants", "x"), file.create_group("force_constants"))),
        "",
    ),
    ("fc3.hdf5", "NaN", _values("fc3", np.nan), "finite"),
    ("fc3.hdf5", "another shape", _instead("fc3", data=np.zeros((3, 3, 3, 3, 3, 3))), "fit"),
    ("fc3.hdf5", "two dimensions", _instead("fc3", data=np.zeros((3, 3))), "shape"),
]

#: words of a command in a folder with the crystal, the potential and the run of the examples; words of the message
COMMAND_LINES = [
    ("modes /dev/zero", ""),
    ("modes pipe", ""),
    ("modes POSCAR --fc /dev/zero", ""),
    ("modes POSCAR --fc pipe", ""),
    ("modes POSCAR --born pipe", ""),
    ("modes POSCAR --born .", ""),
    ("modes POSCAR --fc .", ""),
    ("modes ../../../../../../etc/passwd", ""),
    ("modes POSCAR --q 0 0", "requires 3"),
    ("modes POSCAR --q nan 0 0", "finite"),
    ("modes POSCAR --q inf 0 0", "finite"),
    ("modes POSCAR --q 1e300 0 0", ""),
    ("modes POSCAR --axis 0 0 0", "axis"),
    ("modes POSCAR --axis nan 0 1", "axis"),
    ("modes POSCAR --nac-direction 0 0 0", "direction"),
    ("modes POSCAR --nac-direction 0 0 1", "Born"),
    ("modes POSCAR --nac-method ewald", "gonze-lee"),
    ("modes POSCAR --set-charge eps.zz", "NAME=VALUE"),
    ("modes POSCAR --set-charge eps.zz=nan", ""),
    ("modes POSCAR --drop-charge Z.99.zz", ""),
    ("modes POSCAR --moments", "Born"),
    ("modes POSCAR -o absent/modes.nc", "mkdir"),
    ("modes POSCAR -o modes.txt", ".nc"),
    ("modes POSCAR -o .", ""),
    ("modes POSCAR --eigenvectors pipe", ""),
    ("modes POSCAR --eigenvectors POSCAR", ""),
    ("modes", "argument"),
    ("bands POSCAR --npoints 0", ""),
    ("bands POSCAR --npoints -5", ""),
    ("bands POSCAR --npoints 1000000000", ""),
    ("bands POSCAR --path GZ9", ""),
    ("bands POSCAR --component w --figure a.png", ""),
    ("mesh POSCAR --mesh 0 1 1", ""),
    ("mesh POSCAR --mesh -1 1 1", ""),
    ("mesh POSCAR --mesh 100000 100000 100000", ""),
    ("mesh POSCAR --mesh 2 2", "requires 3"),
    ("mesh POSCAR --mesh 2 2 2 --threads 0", "threads"),
    ("edelstein POSCAR --mesh 2 2 2 --temperature -1", ""),
    ("edelstein POSCAR --mesh 2 2 2 --temperature nan", ""),
    ("edelstein POSCAR --mesh 2 2 2 --lifetime 0", ""),
    ("edelstein POSCAR --mesh 2 2 2 --lifetime -1", ""),
    ("edelstein POSCAR --mesh 2 2 2 --lifetime inf", ""),
    ("edelstein POSCAR --mesh 100000 100000 100000", ""),
    ("channels POSCAR --order 5", "3"),
    ("channels POSCAR --axis 0 0 0", "axis"),
    ("channels absent", "bundled"),
    ("couple POSCAR", "one place"),
    ("couple POSCAR --calculator lj --fc3 fc3.hdf5", "one place"),
    ("couple POSCAR --calculator no_such_module:factory", ""),
    ("couple POSCAR --calculator os:no_such_factory", ""),
    ("couple POSCAR --calculator nonsense", ""),
    ("couple POSCAR --calculator lj --amplitude -1", ""),
    ("couple POSCAR --calculator lj --amplitude nan", ""),
    ("couple POSCAR --calculator lj --multiplet X(1)", ""),
    ("couple POSCAR --fc3 pipe", ""),
    ("couple POSCAR --fc3 absent.hdf5", "no such file"),
    ("couple POSCAR --read-forces absent", ""),
    ("couple POSCAR --write-displacements a/b/c", ""),
    ("couple POSCAR --write-displacements POSCAR", ""),
    ("couple POSCAR --calculator lj -o a.txt", ".nc"),
    ("run pipe", ""),
    ("run /dev/zero", ""),
    ("run POSCAR", ""),
    ("run .", ""),
    ("run potential.toml --set duration=-1", "duration"),
    ("run potential.toml --set duration=nan", "duration"),
    (f"run potential.toml --set duration={HUGE}", "duration"),
    (f"run potential.toml --set duration={DIGITS}", "duration"),
    ("run potential.toml --set duration=1e15", "the run"),
    ("run potential.toml --set pulse.9.amplitude=1", ""),
    ("run potential.toml --set pulse.999999999999999999999999.amplitude=1", ""),
    ("run potential.toml --set a.b.c=1", ""),
    ("run potential.toml --set ....=1", ""),
    ("run potential.toml --set __class__=1", ""),
    ("run potential.toml --set numerics.rtol=1", "rtol"),
    ("run potential.toml --set seed=1e3", "seed"),
    ("run potential.toml --pulse frequency=0", "frequency"),
    ("run potential.toml --pulse duration=-1", "duration"),
    ("run potential.toml --pulse helicity=nan", "helicity"),
    ("run potential.toml --pulse file=pipe", ""),
    ("run potential.toml --pulse ,,,", "key=value"),
    ("run potential.toml --pulse axis=[0,0", "key=value"),
    ("run potential.toml --figure a.gif", ".png"),
    ("run potential.toml -o run.toml", ".nc"),
    ("ledger potential.toml", ""),
    ("ledger pipe", ""),
    ("ledger .", ""),
    ("ledger run.nc --trajectory 5", "trajectory"),
    ("ledger run.nc --trajectory -1", "trajectory"),
    ("verify potential.toml", ""),
    ("verify pipe", ""),
    ("plot run.nc spectrum -o absent/a.png", "mkdir"),
    ("plot run.nc dance -o a.png", "spectrum"),
    ("plot pipe ledger -o a.png", ""),
    ("page run.nc -o a.txt", ".html"),
    ("page run.nc -o absent/a.html", "mkdir"),
    ("page potential.toml -o a.html", ""),
    ("page pipe -o a.html", ""),
    ("page run.nc --q 0 0 0.5 -o a.html", "wave vector"),
    ("export run.nc -o a.json", ""),
    ("export modes.nc -o a.extxyz", ""),
    ("export POSCAR -o a.docx", ".csv"),
    ("export pipe -o a.csv", ""),
    ("nonsense", "No such command"),
    ("--nonsense", "No such option"),
]


#: words of a command whose run fails: status 1; words of the message
FAILURES = [
    ("run potential.toml --pulse amplitude=1e300", "diverged"),
    ("run potential.toml --set temperature=1e300", "diverged"),
    ("run potential.toml --set duration=8 --set overrides.A1(1).frequency=-9.0", "imaginary"),
]


def make_surroundings(folder, examples):
    """Write what the command lines read: a crystal, a potential, a run, modes, and a pipe that nobody writes to."""
    for name in ("POSCAR", "run.toml", "run.nc", "modes.nc"):
        examples[name].write(folder)
    os.mkfifo(Path(folder, "pipe"))
