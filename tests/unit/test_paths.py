"""The files of a run have names that are made of its id: no id leads out of the state directory."""

from pathlib import Path

import pytest

from scheduled.errors import StateError
from scheduled.paths import LONGEST_ID, Paths, is_file_name

PATHS = Paths(Path("/state"))
WRONG = ["../x", "/x", "a/../../x", "a\0b", "a\nb", "a\x7fb", "x" * 256]


@pytest.mark.parametrize("name", WRONG)
def test_a_path_of_a_name_that_is_no_file_name_is_refused(name):
    for path_of in (PATHS.output_of, PATHS.report_of, PATHS.secrets_of):
        with pytest.raises(StateError, match="is not the name of a file"):
            path_of(name, 1)
        with pytest.raises(StateError):
            path_of("a", name)
    with pytest.raises(StateError):
        PATHS.results_of(name)
    assert not is_file_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "x" * (LONGEST_ID + 1)])
def test_the_id_of_a_run_is_no_directory_and_leaves_space_for_the_suffixes_of_files(name):
    assert not is_file_name(name)


@pytest.mark.parametrize("name", ["a-20260101T000000Z", "ä b@%2Fx", "x" * LONGEST_ID, "a\udc80"])
def test_other_names_are_those_of_files_in_the_state(name):
    assert is_file_name(name)
    assert PATHS.output_of(name, 1).parent == PATHS.output
    assert PATHS.report_of(name, 1).parent == PATHS.secrets_of(name, 1).parent == PATHS.results
