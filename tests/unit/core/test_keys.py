"""What jobs and their targets are called: labels that can be read back, and names that fit into files."""

from itertools import product

import pytest

from scheduled.core.keys import JobKey, read_label

NAMES = ["a", "a@", "a@@", "a@b", "a@b@c", "b", "a-b", "a%40b", "ä", ""]
TARGETS = ["", "b", "@", "@b", "b@c", "%40b", "c", "b c", "b/c", "b%20c", "ä\0", "x" * 81, "x" * 82]
KEYS = [JobKey(*pair) for pair in product(NAMES, TARGETS)]


@pytest.mark.parametrize(
    ("key", "label", "for_people"),
    [
        (JobKey("job"), "job", "job"), (JobKey("job", "flow"), "job@flow", "job@flow"), (JobKey(""), "", ""),
        (JobKey("mail@flow"), "mail@@flow", "mail@flow"), (JobKey("job", "a/b"), "job@a%2Fb", "job@a%2Fb"),
        (JobKey("mail@flow", "x"), "mail@@flow@x", "mail@@flow@x"),
    ],
)  # fmt: skip
def test_a_job_is_called_by_its_name_and_a_target_by_both(key, label, for_people):
    assert (str(key), f"{key}", key.for_people) == (label, label, for_people)


def test_every_label_is_read_back():
    assert [read_label(str(key)) for key in KEYS] == KEYS


def test_no_two_jobs_or_targets_are_called_the_same():
    assert len({str(key) for key in KEYS}) == len({key.in_ids for key in KEYS}) == len(KEYS)


@pytest.mark.parametrize(
    "text", ["a@", "a@b@c", "a@@@", "a@b/c", "a@%zz", "a@%2f", "a@%ff", "a@ä", "a\0b", "@"]
)
def test_what_is_no_label_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a valid job label|can't decode"):
        read_label(text)


def test_a_job_is_not_the_text_that_it_is_called():
    assert JobKey("job") != "job"
    assert JobKey("job") == JobKey("job", "")
