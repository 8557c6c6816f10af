"""The format of run ids, and that they can be part of a file name."""

import pytest

from scheduled.core.keys import JobKey
from scheduled.core.run_ids import slot_run_id

SLOT = 1_772_442_000  # 2026-03-02T09:00:00Z


def test_the_id_of_a_slots_run_names_job_and_instant():
    assert slot_run_id(JobKey("job"), SLOT) == "job-20260302T090000Z"


def test_the_id_of_a_targets_run_names_the_target_too():
    assert slot_run_id(JobKey("job", "flow"), SLOT) == "job@flow-20260302T090000Z"


@pytest.mark.parametrize("target", ["a/b", "../x", "a\0b", "ä", "\udcff", " ", "x" * 5000, "ö" * 5000])
def test_the_id_of_any_target_can_be_part_of_a_file_name(target, tmp_path):
    name = f"{slot_run_id(JobKey('x' * 100, target), SLOT)}-ab12.1000.report"

    directory = tmp_path / "output"
    directory.mkdir()

    (directory / name).touch()

    assert ([path.name for path in directory.iterdir()], name.isascii()) == ([name], True)
