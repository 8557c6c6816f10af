import json
import sys
from datetime import datetime
from pathlib import Path

import pytest

from scheduled.actions import python_call
from scheduled.actions.kind import ExecutionContext
from scheduled.core.jobs import Action, ForEach, Job, Limits
from scheduled.core.runs import Claim
from scheduled.errors import ConfigError, ScheduledError
from scheduled.execution.prepare import specify
from scheduled.paths import Paths
from scheduled.schedules.schedule import Schedule

SLOT = int(datetime.fromisoformat("2025-07-03T12:00+00:00").timestamp())


@pytest.fixture
def holds(tmp_path):
    return ExecutionContext(
        Paths(tmp_path / "state"), tmp_path / "ws", "UTC", {"HOME": "/home/u", "PATH": "/bin"}
    )


def specified(holds, action=None, claim=None, **values):
    job = Job(
        name="job",
        schedules=(Schedule("cron", "0 * * * *", "Europe/Berlin"),),
        action=action or Action("command", words=("true",)),
        **values,
    )
    return specify(job, claim or a_claim(), holds, {"opened": 3})


def a_claim(**values):
    values = {
        "slot": SLOT,
        "attempt": 2,
        "slots": 4,
        "trigger": "schedule",
        "window_start": SLOT - 86400,
        **values,
    }
    return Claim(run_id="job-1", job="job", **values)


def env_file(tmp_path, text):
    path = tmp_path / "env"
    path.write_text(text)
    return {"env_file": str(path)}


# Commands


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action("command", words=("rsync", "a b", "$HOME")), ("rsync", "a b", "$HOME")),
        (Action("command", line="echo $HOME | cat"), ("/bin/sh", "-c", "echo $HOME | cat")),
        (Action("python", name="scripts/x.py"), (sys.executable, "scripts/x.py")),
        (Action("python", name="/a:b/x.py"), (sys.executable, "/a:b/x.py")),
    ],
)
def test_lists_run_without_a_shell_and_strings_under_sh(holds, action, expected):
    assert specified(holds, action).argv == expected


def test_a_target_becomes_part_of_words_and_of_lines_for_a_shell(holds):
    def argv(action, target="a-b/c.d"):
        return specified(holds, action, a_claim(target=target), for_each=ForEach(command="ls")).argv

    line = Action("command", line="work {target} {missed} {x} ${target}")
    assert argv(line)[-1] == "work a-b/c.d 3 {x} $a-b/c.d"
    words = Action("command", words=("work", "--for={target}"))
    assert argv(words, "$(id) {missed}; x") == ("work", "--for=$(id) {missed}; x")
    assert argv(Action("command", line='work "$SCHEDULED_TARGET"'), "$(id)")[-1] == 'work "$SCHEDULED_TARGET"'


def test_braces_of_a_job_without_targets_stay(holds):
    assert specified(holds, Action("command", line="echo {target}")).argv[-1] == "echo {target}"


@pytest.mark.parametrize(
    "target", ["a b", "$(id)", "a;b", "`id`", "a'b", "~", "*", "-rf", "a=b", "{a,b}", "ä", "a\\", "#"]
)
def test_a_target_that_a_shell_could_interpret_is_never_inserted(holds, target):
    with pytest.raises(ScheduledError, match='write "\\$SCHEDULED_TARGET" instead'):
        specified(holds, Action("command", line="echo {target}"), a_claim(target=target))


WORDS = [  # a list, and whether a target like `x; id` may become part of it
    (["echo", "{target}"], True),
    (["rsync", "-e", "ssh", "/srv/{target}/", "backup:"], False),
    (["sh", "-c", "echo {target}"], False),
    (["/bin/bash", "-euc", "echo {target}"], False),
    (["bash", "-c", "-e", "echo {target}"], False),
    (["env", "A=b", "sh", "-c", "echo {target}"], False),
    (["xargs", "-n1", "sh", "-c", "echo {target}"], False),
    (["env", "-S", "sh -c {target}"], False),
    (["su", "-", "bot", "-c", "echo {target}"], False),
    (["su", "bot", "--command=echo {target}"], False),
    (["ssh", "host", "echo", "{target}"], False),
    (["python3", "-c", "print('{target}')"], False),
    (["sh", "-c", 'echo "$1"', "sh", "{target}"], True),
    (["sh", "script", "{target}"], True),
    (["git", "-C", "/srv/{target}", "status"], True),
]


@pytest.mark.parametrize(("words", "allowed"), WORDS)
def test_a_target_becomes_no_part_of_a_word_that_a_shell_executes(holds, words, allowed):
    action = Action("command", words=tuple(words))

    assert specified(holds, action, a_claim(target="a-b/c.d")).argv
    if allowed:
        assert any("x; id" in word for word in specified(holds, action, a_claim(target="x; id")).argv)
    else:
        with pytest.raises(ConfigError, match="can't be 'x; id' in a word that a shell"):
            specified(holds, action, a_claim(target="x; id"))


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (["rm", "{target}"], False),
        (["rm", "{target}.bak"], False),
        (["rm", "--", "{target}"], True),
        (["rm", "--for={target}"], True),
        (["rm", "./{target}"], True),
    ],
)
def test_a_target_that_begins_with_a_hyphen_becomes_no_option(holds, words, allowed):
    action = Action("command", words=tuple(words))

    if allowed:
        assert "-rf" in specified(holds, action, a_claim(target="-rf")).argv[-1]
    else:
        with pytest.raises(ConfigError, match="could take it for an option"):
            specified(holds, action, a_claim(target="-rf"))


def test_a_python_function_and_a_handler_get_the_target(holds):
    function, handler = Action("python", name="package.module:main"), Action("handler", name="health")

    argv = specified(holds, function, a_claim(target="a b"), options={"limit": 3}).argv
    chosen = specified(holds, function, a_claim(target="a b"), options={"target": "mine"}).argv

    assert json.loads(argv[-1]) == {"target": "a b", "limit": 3}
    assert json.loads(chosen[-1]) == {"target": "mine"}
    task = specified(holds, handler, a_claim(target="a b")).task
    assert task is not None
    assert task["target"] == "a b"


def test_a_python_function_is_called_with_the_options(holds):
    spec = specified(holds, Action("python", name="package.module:main"), options={"limit": 3})

    assert spec.argv == (
        sys.executable,
        python_call.__file__,
        "package.module:main",
        json.dumps({"limit": 3}),
    )


def test_a_handler_gets_a_task_and_no_command(holds, tmp_path):
    spec = specified(holds, Action("handler", name="health"), options={"x": 1})

    assert spec.argv == ()
    assert spec.task == {
        "sender": "@trigger",
        "mailboxes": True,
        "layout": None,
        "recipients": {
            "assistant": "@assistant",
            "reports_to": "@dev_central",
            "critical_to": "@dev_central",
        },
        "handler": "health",
        "job": "job",
        "target": "",
        "zone": "UTC",
        "workspace": str(tmp_path / "ws"),
        "options": {"x": 1},
        "scheduled_for": SLOT,
        "window_start": SLOT - 86400,
        "missed": 3,
        "totals": {"opened": 3},
        "files": str(tmp_path / "state" / "reports"),
    }


def test_settings_and_paths_are_passed_on(holds, tmp_path):
    limits = Limits(cpu=5)

    spec = specified(holds, umask=0o027, nice=5, limits=limits, timeout=7, group="g", output_limit=99)

    assert (spec.umask, spec.nice, spec.limits, spec.timeout, spec.group, spec.output_limit) == (
        0o027, 5, limits, 7, "g", 99,
    )  # fmt: skip
    assert (spec.run_id, spec.attempt, spec.job) == ("job-1", 2, "job")
    assert (spec.output, spec.report) == (
        str(Paths(tmp_path / "state").output_of("job-1", 2)),
        str(tmp_path / "state" / "results" / "job-1.2.report"),
    )


# The working directory


def test_a_job_runs_in_the_home_directory_unless_configured_otherwise(holds, monkeypatch):
    monkeypatch.setenv("HOME", "/home/u")

    assert [specified(holds, cwd=cwd).cwd for cwd in (None, "/srv", "~/x")] == [
        "/home/u",
        "/srv",
        "/home/u/x",
    ]


def test_without_a_home_directory_a_job_runs_in_the_root_directory(tmp_path):
    bare = ExecutionContext(Paths(tmp_path), None, "UTC", {})

    assert specified(bare).cwd == "/"


# The environment


def test_the_environment_describes_the_run_in_the_zone_of_the_job(holds):
    env = specified(holds).env

    assert {key: value for key, value in env.items() if key.startswith("SCHEDULED_")} == {
        "SCHEDULED_JOB": "job",
        "SCHEDULED_TARGET": "",
        "SCHEDULED_RUN_ID": "job-1",
        "SCHEDULED_FOR": "2025-07-03T14:00:00+02:00",
        "SCHEDULED_MISSED": "3",
        "SCHEDULED_WINDOW_START": "2025-07-02T14:00:00+02:00",
        "SCHEDULED_ATTEMPT": "2",
        "SCHEDULED_TRIGGER": "schedule",
        "SCHEDULED_EVENT": "",
        "SCHEDULED_EVENT_DATA": "{}",
    }


def test_a_manual_run_has_no_slot_and_nothing_missed(holds):
    claim = a_claim(slot=None, slots=0, attempt=1, trigger="manual", window_start=None)

    env = specified(holds, claim=claim).env

    assert [env[f"SCHEDULED_{name}"] for name in ("FOR", "MISSED", "WINDOW_START", "TRIGGER")] == [
        "",
        "0",
        "",
        "manual",
    ]


def test_env_overrides_env_file_which_overrides_the_environment(holds, tmp_path):
    values = env_file(tmp_path, "A=file\nB=file\nPATH=/opt\n")

    env = specified(holds, env={"A": "job", "SCHEDULED_JOB": "forged"}, **values).env

    assert {key: env[key] for key in ("A", "B", "PATH", "HOME", "SCHEDULED_JOB")} == {
        "A": "job", "B": "file", "PATH": "/opt", "HOME": "/home/u", "SCHEDULED_JOB": "job",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("export A=1", {"A": "1"}),
        ("A='x y' # why", {"A": "x y"}),
        ('A="it\'s"', {"A": "it's"}),
        ("A=", {"A": ""}),
        ("A=b=c", {"A": "b=c"}),
        ("A=$HOME", {"A": "$HOME"}),
        ("# comment\n\n  \nA=ä", {"A": "ä"}),
        ("A=1\nA=2", {"A": "2"}),
    ],
)
def test_an_env_file_is_read_as_a_shell_would_quote_it(holds, tmp_path, line, expected):
    env = specified(holds, **env_file(tmp_path, line)).env

    assert {key: value for key, value in env.items() if key == "A"} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB=x y\n", "line 2: not NAME=value; quote a value with spaces"),
        ("just words", "line 1: not NAME=value; quote a value with spaces"),
        ("word", "line 1: not NAME=value; quote a value with spaces"),
        ("=1", "line 1: not NAME=value; quote a value with spaces"),
        ("A='open", "line 1: No closing quotation"),
    ],
)
def test_a_bad_line_of_an_env_file_is_named(holds, tmp_path, text, expected):
    with pytest.raises(ScheduledError) as raised:
        specified(holds, **env_file(tmp_path, text))

    assert str(raised.value) == f"env_file {tmp_path / 'env'}, {expected}"


def test_a_missing_or_undecodable_env_file_is_named(holds, tmp_path):
    (tmp_path / "latin").write_bytes(b"A=\xe4")
    messages = []
    for name in ("nothing", "latin", "."):
        with pytest.raises(ScheduledError) as raised:
            specified(holds, env_file=str(tmp_path / name))
        messages.append(str(raised.value))

    assert messages[0] == f"env_file {tmp_path / 'nothing'}: No such file or directory"
    assert messages[1].startswith(f"env_file {tmp_path / 'latin'}: 'utf-8' codec can't decode byte 0xe4")
    assert messages[2] == f"env_file {tmp_path}: not a regular file"


def test_an_env_file_may_be_in_the_home_directory(holds, seal):
    (seal / "env").write_text("A=1\n")

    assert specified(holds, env_file="~/env").env["A"] == "1"
    assert Path.home() == seal


def test_a_command_is_wrapped_only_if_configured(holds):
    plain = specified(holds, Action("command", words=("true",)))
    polite = specified(holds, Action("command", words=("true",)), ionice="-c3")
    awake = specified(holds, Action("command", words=("true", "x")), inhibit_sleep=True)

    assert plain.argv == ("true",)
    assert polite.argv == ("ionice", "-c3", "true")
    assert awake.argv[0] == "/bin/sh"
    assert awake.argv[-3:] == ("job", "true", "x")


def test_after_an_interruption_the_on_interrupted_command_runs_first(holds):
    action = Action("command", words=("true",))
    spec = specified(holds, action, a_claim(verify=True), on_interrupted="test -e done")

    assert spec.argv == ("/bin/sh", "-c", '(test -e done) </dev/null && exit 0; exec "$@"', "sh", "true")
