"""The key `for_each`: the values that it may have, and what each of them means."""

import pytest

from scheduled.config.files import load_config
from scheduled.core.jobs import ForEach
from scheduled.core.keys import JobKey


def loaded(tmp_path, value, name="job"):
    path = tmp_path / "scheduled.toml"
    path.write_text(
        f'timezone = "UTC"\n[jobs.{name}]\ncron = "0 * * * *"\ncommand = "true"\nfor_each = {value}\n'
    )
    return load_config(path)


@pytest.mark.parametrize(
    ("value", "meaning", "targets"),
    [
        ('["b", "a b", "ä/@"]', ForEach(listed=("b", "a b", "ä/@")), ("b", "a b", "ä/@")),
        ('"branches"', ForEach(branches=True), ()),
        ('"*"', ForEach(branches=True), ()),
        ('{ command = "ls ~/bots" }', ForEach(command="ls ~/bots"), ()),
    ],
)
def test_a_list_of_targets_is_written_or_found(tmp_path, value, meaning, targets):
    found = loaded(tmp_path, value)

    assert found.problems == []
    assert (found.jobs["job"].for_each, found.jobs["job"].targets) == (meaning, targets)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[]", 'for_each: must be "branches", a list of names, or { command = "..." }, none of them empty'),
        ('""', 'for_each: must be "branches"'),
        ('"bots"', 'for_each: must be "branches"'),
        ('{ command = " " }', 'for_each: must be "branches"'),
        ('["a", ""]', "for_each: a target must not be empty; correct the list"),
        ('["a", "b", "a"]', "for_each: the target 'a' is listed twice; correct the list"),
        ('["a\\nb"]', "has characters that can't be printed; correct the list"),
        (f'["{"x" * 300}"]', f"the target '{'x' * 40}...' is longer than 200 bytes; correct the list"),
        (str([*map(str, range(1001))]), "1,001 targets are too many; at most 1,000 are allowed"),
        ('["\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005"]', "; and 2 more; correct the list"),
        ("3", "for_each"),
        ("[1]", "for_each"),
        ("{ comand = 'ls' }", "for_each"),
    ],
)
def test_a_wrong_list_names_its_faults(tmp_path, value, message):
    found = loaded(tmp_path, value)

    assert (len(found.problems), found.jobs) == (1, {})
    assert "jobs.job: " in found.problems[0]
    assert message in found.problems[0]
    assert len(found.problems[0]) < 500


def test_an_override_of_a_target_disables_only_this_target(tmp_path):
    found = loaded(tmp_path, '["a", "b"]')

    found.override({JobKey("job", "a"): False, JobKey("job", "b"): False})
    found.override({JobKey("job", "b"): True, JobKey("other", "c"): False})

    assert (found.jobs["job"].enabled, found.jobs["job"].disabled_targets) == (True, {"a"})
