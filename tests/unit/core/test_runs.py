"""The ids of runs: what they look like, and that no two runs have the same."""

from itertools import product

import pytest

from scheduled.core.runs import labelled, slot_run_id

SLOT = 1_772_442_000  # 2026-03-02T09:00:00Z
NAMES = ["a", "a@", "a@@", "a@b", "a@b@c", "b", "a-b", "a%40b"]
TARGETS = ["", "b", "@", "@b", "b@c", "%40b", "c", "b c", "b/c", "b%20c", "x" * 81, "x" * 82]


def test_the_id_of_a_slots_run_names_job_and_instant():
    assert slot_run_id("job", SLOT) == "job-20260302T090000Z"


def test_the_id_of_a_targets_run_names_the_target_too():
    assert slot_run_id("job", SLOT, "flow") == "job@flow-20260302T090000Z"


def test_no_two_jobs_or_targets_are_called_the_same():
    pairs = list(product(NAMES, TARGETS))

    assert len({labelled(*pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("target", ["a/b", "../x", "a\0b", "ä", "\udcff", " ", "x" * 5000, "ö" * 5000])
def test_what_a_target_is_called_can_be_part_of_a_files_name(target, tmp_path):
    name = f"{slot_run_id('x' * 100, SLOT, target)}-ab12.1000.report"

    place = tmp_path / "output"
    place.mkdir()

    (place / name).touch()

    assert ([path.name for path in place.iterdir()], name.isascii()) == ([name], True)
