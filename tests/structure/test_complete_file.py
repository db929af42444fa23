"""Files that exist only when they are complete: names, folders, failures."""

import pytest

from lattice import InputError, LatticeError
from lattice.structure.complete_file import checked_target, complete_file


def write(path):
    with complete_file(path) as temporary:
        temporary.write_text("whole")


def test_the_longest_possible_name(tmp_path):
    path = tmp_path / f"{'n' * 252}.nc"
    write(path)
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_letters_of_several_bytes(tmp_path):
    path = tmp_path / f"{'Γ' * 126}.nc"
    write(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("check", [write, checked_target])
@pytest.mark.parametrize(
    "name",
    ["n" * 300 + ".nc", "n" * 300 + "/run.nc", "no/run.nc", "", "a\0b.nc"],
    ids=["name", "folder", "no", "", "0"],
)
def test_names_that_no_file_can_have(check, name, tmp_path):
    with pytest.raises(InputError) as caught:
        check(f"{tmp_path}/{name}")
    assert caught.value.fix
    assert len(str(caught.value)) < 400
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", [None, 3, ["run.nc"]])
def test_no_path_at_all(path):
    with pytest.raises(InputError, match="path"):
        write(path)


def test_an_error_in_between_leaves_nothing(tmp_path):
    def half(path):
        with complete_file(path) as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(LatticeError, match="No space left"):
        half(tmp_path / "run.nc")
    assert not list(tmp_path.iterdir())
