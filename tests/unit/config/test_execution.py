"""The keys of a job that decide how its commands are executed and judged."""

import pytest

from scheduled.config.execution_doubts import of_execution
from scheduled.config.job_table import parse_job
from scheduled.core.jobs import Action, FailsIf, Stdin
from scheduled.errors import ConfigError


def parsed(tmp_path, table, defaults=None):
    return parse_job("job", table, source=tmp_path / "x.toml", defaults=defaults or {}, timezone="UTC")


def test_the_keys_are_read(tmp_path):
    table = {
        "command": "a | b", "shell": "bash -eu", "stdin": {"file": "~/in"}, "pre": ["a", "b"], "post": "c; d",
        "fails_if": {"stderr": True, "output": "^E"},
    }  # fmt: skip
    job = parsed(tmp_path, table)

    assert (job.shell, job.stdin, job.fails_if) == ("bash -eu", Stdin(file="~/in"), FailsIf(True, "^E"))
    assert (job.pre, job.post) == (
        Action("command", words=("a", "b")),
        Action("command", line="c; d"),
    )
    assert parsed(tmp_path, {"command": "cat", "stdin": "yes\n"}).stdin == Stdin(text="yes\n")


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"shell": " "}, 'shell: is empty; write for example "/bin/bash" or "bash -eu", or remove it'),
        ({"shell": "bash -c"}, "shell: must not contain -c"),
        ({"shell": "bash 'x"}, "shell: No closing quotation; correct the quotes"),
        ({"stdin": {"file": ""}}, "stdin.file: is empty"),
        ({"stdin": {"fiel": "x"}}, "stdin.fiel: unknown key; did you mean file?"),
        ({"stdin": 3}, "stdin: must be a string or a table, got an integer"),
        ({"pre": ""}, "pre: is empty; write a command, or remove it"),
        ({"post": []}, "post: is empty; write a command, or remove it"),
        ({"fails_if": {}}, "fails_if: is empty"),
        ({"fails_if": {"output": "a(b"}}, "missing ), unterminated subpattern at character 2 of 'a(b'"),
        ({"fails_if": {"output": "x*"}}, "'x*' matches an empty line"),
        ({"fails_if": {"output": "x" * 1001}}, "must have at most 1000 characters"),
        ({"only_if": {"else": "skip"}}, "only_if: is empty"),
        ({"only_if": {"path": "/x", "else": "run"}}, "only_if.else: 'run' is not allowed; write one of wait, skip"),
        ({"command": ["a"], "shell": "bash"}, "shell: has no effect: a list is executed without a shell"),
        ({"command": None, "python": "a:b", "shell": "bash"}, "shell: has no effect: there is no line for a shell"),
        ({"command": None, "handler": "health", "stdin": "x"}, "stdin: a handler reads no standard input"),
        ({"command": None, "handler": "health", "fails_if": {"stderr": True}}, "fails_if: stderr: a handler itself reports"),
        ({"command": None, "chain": ["a"], "pre": "x"}, "pre: a chain executes no command of its own; write pre in the jobs"),
        ({"command": None, "chain": ["a"], "fails_if": {"stderr": True}}, "fails_if: a chain executes no command"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_key(tmp_path, table, text):
    table = {key: value for key, value in {"command": "a | b", **table}.items() if value is not None}
    with pytest.raises(ConfigError) as raised:
        parsed(tmp_path, table)

    assert text in str(raised.value)


def test_a_list_with_a_hook_for_the_shell_may_have_one(tmp_path):
    assert parsed(tmp_path, {"command": ["a"], "pre": "x; y", "shell": "bash"}).shell == "bash"


@pytest.mark.parametrize("action", [{"chain": ["a"]}, {"handler": "health"}, {"command": ["a"]}])
def test_defaults_apply_where_they_have_an_effect(tmp_path, action):
    job = parsed(tmp_path, action, defaults={"shell": "bash", "fails_if": {"stderr": True}})

    assert job.shell == "bash"


def test_programs_and_files_that_do_not_exist_are_doubts(tmp_path):
    table = {
        "command": "a", "shell": "/none/bash -e", "stdin": {"file": "in"}, "pre": ["/none/pre"], "post": "/none/post x | y",
        "only_if": {"path": "/x", "else": "skip"}, "gate_deadline": "1h",
    }  # fmt: skip
    found = list(of_execution(parsed(tmp_path, table), "/bin", str(tmp_path)))

    assert [doubt.partition(";")[0] for doubt in found] == [
        "shell: /none/bash does not exist",
        "pre: /none/pre does not exist",
        "post: /none/post does not exist",
        f"stdin: in does not exist in {tmp_path}",
        'gate_deadline: has no effect: with else = "skip" in only_if no slot waits for the gate',
    ]


def test_the_shell_of_a_job_without_lines_is_not_looked_up(tmp_path):
    job = parsed(tmp_path, {"command": ["/bin/true"]}, defaults={"shell": "/none/bash"})

    assert list(of_execution(job, "/bin", str(tmp_path))) == []
