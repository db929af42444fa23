"""Damaged files of every reader: one message, status 2, nothing written, no more than 5 s and 1 GiB."""

import pytest
from bad_inputs import COMMAND_LINES, DAMAGES, EDITS, NETCDF
from bounded import assert_refused
from example_files import command, examples, working_folder

#: Reading the outputs of other programs, a missing or damaged one is a run that failed.
STATUS = {"forces": 1}
EXAMPLES = sorted(examples())


def test_the_table_is_long():
    assert len(EXAMPLES) >= 20
    assert len(EXAMPLES) * (len(DAMAGES) + 1) + len(EDITS) + len(NETCDF) + len(COMMAND_LINES) > 450


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_undamaged_file_is_read(name, tmp_path):
    examples()[name].write(tmp_path)
    with working_folder(tmp_path):
        done = command(*examples()[name].words)
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_damages(name, damage, tmp_path):
    example = examples()[name]
    example.write(tmp_path)
    (tmp_path / example.target).write_bytes(DAMAGES[damage](example.files[example.target]))
    assert_refused(example.words, tmp_path, status=STATUS.get(name, 2))


@pytest.mark.parametrize(
    "name", sorted(set(EXAMPLES) - {"BORN"})
)  # a folder called BORN holds no charges: none are read
def test_a_folder_in_place_of_the_file(name, tmp_path):
    example = examples()[name]
    example.write(tmp_path)
    (tmp_path / example.target).unlink()
    (tmp_path / example.target).mkdir()
    assert_refused(example.words, tmp_path, status=STATUS.get(name, 2))


@pytest.mark.parametrize(
    ("name", "old", "new", "said"), EDITS, ids=[f"{name}: {new[:40].strip()}" for name, _, new, _ in EDITS]
)
def test_edits(name, old, new, said, tmp_path):
    example = examples()[name]
    example.write(tmp_path)
    path = tmp_path / example.target
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert_refused(example.words, tmp_path, said, STATUS.get(name, 2))
