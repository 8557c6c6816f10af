"""The key `for_each`: the values that it may have, and what each of them means."""

import pytest

from scheduled.config.check import check
from scheduled.config.files import load_config
from scheduled.core.jobs import ForEach
from scheduled.core.keys import JobKey


def written(tmp_path, value, action='command = "true"'):
    path = tmp_path / "scheduled.toml"
    targets = f"for_each = {value}" if value else ""
    path.write_text(f'timezone = "UTC"\n[jobs.job]\ncron = "0 * * * *"\n{targets}\n{action}\n')
    return path


def loaded(tmp_path, value):
    return load_config(written(tmp_path, value))


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


def test_a_listed_target_that_a_shell_could_interpret_is_refused_in_a_line_for_it(tmp_path):
    def problems(action, value='["a", "b c", "$(id)"]'):
        return check(written(tmp_path, value, action))["problems"]

    found = problems('command = "echo {target}"')

    assert [problem.partition(": command: ")[2] for problem in found] == [
        f"{{target}} can't be {name} in a line for the shell, which could interpret it: write "
        '"$SCHEDULED_TARGET" instead, with the quotes, or the command as a list of words'
        for name in ("'b c'", "'$(id)'")
    ]
    assert problems('command = ["echo", "{target}"]') == []
    assert len(problems('command = ["sh", "-c", "echo {target}"]')) == 2
    assert len(problems('command = "true"\npost = ["ssh", "host", "echo", "{target}"]')) == 2
    assert len(problems('command = ["rm", "{target}"]', '["-rf"]')) == 1
    assert problems("""command = 'echo "$SCHEDULED_TARGET"'""") == []
    assert problems('command = "echo {target}"', '["a"]') == []


@pytest.mark.parametrize(
    ("value", "action", "warning"),
    [
        ("", 'command = "echo {target}"', "command: {target} stays as it is, because the job has no targets; write for_each"),
        ("", 'command = ["echo", "{target}"]', "command: {target} stays as it is"),
        ('"branches"', 'command = "true"', "for_each: there are no branches, because no workspace is configured; set "),
        ('["a"]', 'handler = "metrics"', "for_each: metrics always works on all branches; remove for_each"),
        ('["a"]', 'chain = ["other"]\n[jobs.other]\ncommand = "true"\n[jobs.x]\nchain = ["job"]', "for_each: a chain does not "),
        ('{ command = "/nowhere/list" }', 'command = "true"', "for_each.command: /nowhere/list does not exist; "),
        ('["*"]', 'command = "true"', 'for_each: ["*"] is one target with this name; for all branches, write for_each = "*"'),
        ('["a"]', 'command = "true"\nonly_if = { path = "/{target}" }', "only_if.path: {target} stays as it is, because a gate is asked once"),
        ('["a"]', """command = "true"\nonly_if = { command = "test $SCHEDULED_TARGET" }""", "only_if.command: SCHEDULED_TARGET is not set"),
        ('["a"]', 'command = "true"\nonly_if = { path = "/" }', None),
        ('["a"]', 'command = "true"', None),
        ("", 'command = "true"', None),
    ],
)  # fmt: skip
def test_targets_without_effect_are_doubted(tmp_path, value, action, warning):
    found = [text.partition("jobs.job: ")[2] for text in check(written(tmp_path, value, action))["warnings"]]

    assert (len(found), found[0].startswith(warning)) == (1, True) if warning else found == []
