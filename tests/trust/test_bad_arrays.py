"""Damaged netCDF and HDF5 files: what they claim is checked before memory is set aside for it."""

import pytest
from bad_inputs import NETCDF
from bounded import assert_refused
from example_files import examples

from lattice.errors import FormatError, InputError
from lattice.structure.array_file import check_array_file


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [(name, damage, said) for name, _, damage, said in NETCDF],
    ids=[f"{name}: {what}" for name, what, _, _ in NETCDF],
)
def test_netcdf_and_hdf5(name, damage, said, tmp_path):
    example = examples()[name]
    example.write(tmp_path)
    damage(tmp_path / example.target)
    assert_refused(example.words, tmp_path, said)


@pytest.mark.parametrize(
    "words", [("verify", "run.nc"), ("page", "run.nc", "-o", "a.html"), ("plot", "run.nc", "ledger")]
)
@pytest.mark.parametrize("what", ["a claim of 10^12 numbers in Q", "a compressed bomb in Q", "no ledger"])
def test_every_command_that_reads_a_run(words, what, tmp_path):
    damage = next(d for name, w, d, _ in NETCDF if (name, w) == ("run.nc", what))
    examples()["run.nc"].write(tmp_path)
    damage(tmp_path / "run.nc")
    words = (*words, "-o", "a.png") if words[0] == "plot" else words
    assert_refused(words, tmp_path)


def test_what_is_refused_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        check_array_file(tmp_path / "absent.nc")
    for what, words in (
        ("a claim of 10^12 numbers in Q", "8e\\+12 bytes"),
        ("a link to another file", "a link at ledger"),
    ):
        examples()["run.nc"].write(tmp_path)
        next(d for name, w, d, _ in NETCDF if (name, w) == ("run.nc", what))(tmp_path / "run.nc")
        with pytest.raises(FormatError, match=words):
            check_array_file(tmp_path / "run.nc")


def test_a_file_that_leads_in_a_circle_is_looked_at_once(tmp_path):
    import h5py

    with h5py.File(tmp_path / "circle.h5", "w") as file:
        file["a/b"] = [1.0]
        file["a/c"] = file["a"]
    check_array_file(tmp_path / "circle.h5")
