"""Labels of jobs and targets can be parsed, and ids fit into file names."""

from itertools import product

import pytest

from scheduled.core.keys import JobKey, read_label

NAMES = ["a", "a@", "a@@", "a@b", "a@b@c", "b", "a-b", "a%40b", "ä", ""]
TARGETS = ["", "b", "@", "@b", "b@c", "%40b", "c", "b c", "b/c", "b%20c", "ä\0", "x" * 81, "x" * 82]
KEYS = [JobKey(*pair) for pair in product(NAMES, TARGETS)]


@pytest.mark.parametrize(
    ("key", "label", "display_name"),
    [
        (JobKey("job"), "job", "job"), (JobKey("job", "flow"), "job@flow", "job@flow"), (JobKey(""), "", ""),
        (JobKey("mail@flow"), "mail@@flow", "mail@flow"), (JobKey("job", "a/b"), "job@a%2Fb", "job@a%2Fb"),
        (JobKey("mail@flow", "x"), "mail@@flow@x", "mail@@flow@x"),
    ],
)  # fmt: skip
def test_a_label_names_the_job_and_the_target_if_there_is_one(key, label, display_name):
    assert (str(key), f"{key}", key.display_name) == (label, label, display_name)


def test_every_label_is_parsed_to_its_key():
    assert [read_label(str(key)) for key in KEYS] == KEYS


def test_no_two_keys_have_the_same_label_or_id():
    assert len({str(key) for key in KEYS}) == len({key.in_ids for key in KEYS}) == len(KEYS)


@pytest.mark.parametrize(
    "text", ["a@", "a@b@c", "a@@@", "a@b/c", "a@%zz", "a@%2f", "a@%ff", "a@ä", "a\0b", "@"]
)
def test_an_invalid_label_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a valid job label|can't decode"):
        read_label(text)


def test_a_key_does_not_equal_its_label():
    assert JobKey("job") != "job"
    assert JobKey("job") == JobKey("job", "")
