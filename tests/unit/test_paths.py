"""The files of a run have names that are made of its id: no id leads out of the state directory."""

import time
from collections import Counter
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
    assert PATHS.output_of(name, 1).parent.parent == PATHS.output
    assert PATHS.report_of(name, 1).parent == PATHS.secrets_of(name, 1).parent == PATHS.results


def test_no_directory_has_more_than_two_thousand_outputs_of_many_jobs_or_of_many_runs():
    year = [time.strftime("%Y%m%dT%H0000Z", time.gmtime(hour * 3600)) for hour in range(1000)]
    many_jobs = [f"job{number}-{stamp}" for number in range(100) for stamp in year]
    many_runs = [f"job-20260101T{number:06}Z" for number in range(100_000)]

    for runs in (many_jobs, many_runs):
        counts = Counter(PATHS.output_of(run_id, 1).parent for run_id in runs)
        assert max(counts.values()) < 2_000
        assert len(counts) == 256


def test_an_output_of_an_earlier_version_is_found_where_it_is(tmp_path):
    paths = Paths(tmp_path)
    new, old = paths.output_of("new", 1), paths.output / "old.1.log"
    new.parent.mkdir(parents=True)
    for path in (new, old):
        path.touch()

    assert (paths.output_of("old", 1), paths.output_of("new", 1)) == (old, new)
    assert paths.output_of("old", 2).parent.parent == paths.output
    assert paths.output_beside(paths.secrets_of("old", 1)) == old
    assert paths.output_beside(paths.secrets_of("new", 1)) == new
    assert sorted(paths.outputs()) == sorted([old, new])
