"""What an attempt that ends with success has to show: `output`, `fresh` and `command` of `expect`."""

import os
import time

import pytest

from scheduled.core.jobs import FailsIf
from scheduled.execution import expected, search
from scheduled.execution.protocol import Expected, Started
from scheduled.execution.stop_orders import STOPPED
from tests.fixtures.supervised import supervise

__all__ = ["supervise"]
# The supervisor is forked. Python warns about that because xdist has threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
SHELL = ("/bin/sh", "-c")
UNMET = "expected output that matches"


def judged(job):
    result = job.attempt_result()
    return result.status, result.exit_code, result.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("echo 12 files saved", ""),
        ("echo 0 files saved", f'{UNMET} "^[1-9]\\d* files"'),
        ("true", f'{UNMET} "^[1-9]\\d* files"'),
        ("printf '12 files saved'", ""),
        ("exit 3", "exit code 3"),
    ],
)
def test_a_line_of_the_output_has_to_match(supervise, line, reason):
    job = supervise().submit(*SHELL, line, expect=Expected(output=r"^[1-9]\d* files"))
    result = job.attempt_result()

    assert (result.status, result.reason) == ("failed" if reason else "success", reason)
    assert result.failure_class == ("unexpected" if reason.startswith("expected") else None)


@pytest.mark.parametrize(
    ("printed", "fails", "wanted", "expected_result"),
    [
        ("saved\n", "ERROR", "saved", ("success", 0, "")),
        ("saved\nERROR\n", "ERROR", "saved", ("failed", 0, 'exit code 0, but its output matches "ERROR"')),
        ("nothing\n", "ERROR", "saved", ("failed", 0, f'{UNMET} "saved"')),
        ("saved\n", "saved", "saved", ("failed", 0, 'exit code 0, but its output matches "saved"')),
    ],
)
def test_one_search_answers_fails_if_and_expect(supervise, printed, fails, wanted, expected_result):
    job = supervise().submit(
        "printf", printed, fails_if=FailsIf(output=fails), expect=Expected(output=wanted)
    )

    assert judged(job) == expected_result


@pytest.mark.parametrize("place", ["beginning", "middle"])
def test_a_line_that_output_limit_drops_counts(supervise, place):
    mark, rest = "echo saved;", "yes x | head -c 3000000;"
    line = mark + rest if place == "beginning" else rest + "sleep 0.3;" + mark + "sleep 0.3;" + rest
    job = supervise().submit(
        *SHELL, line, output_limit=4000, fails_if=FailsIf(output="ERROR"), expect=Expected(output="^saved$")
    )

    assert judged(job) == ("success", 0, "")


def test_an_expression_that_does_not_end_is_no_success(supervise, monkeypatch):
    monkeypatch.setattr(search, "LEAST_CPU", 1)
    job = supervise().submit("printf", "a" * 40 + "!", expect=Expected(output="(a+)+$"))

    assert judged(job) == ("failed", 0, f'{UNMET} "(a+)+$", but it could not be searched in time')


@pytest.mark.parametrize(
    ("line", "fresh", "why"),
    [
        ("echo x > new", "new", ""),
        ("echo x > old", "old", ""),
        ("cp -p old copy", "copy", ""),  # its time of modification is old
        ("true", "old", "it was not changed"),
        (": > new", "new", "it is empty"),
        ("true", "new", "there is none"),
        ("mkdir dir", "dir", ""),
        ("echo x > new-1; : > new-2", "new-*", ""),
        (": > new-2", "new-*", "it is empty"),
        ("true", "*ld", "it was not changed"),
        ("true", "new-*", "there is none"),
        ("echo x > 'a[1]'", "a[1]", ""),
        ("mkdir -p a/b && echo x > a/b/c", "**/c", ""),
        ("ln -s gone new", "new", "there is none"),
    ],
)
def test_a_file_has_to_be_changed_and_not_empty(supervise, tmp_path, monkeypatch, line, fresh, why):
    monkeypatch.setattr(expected, "COARSE", 0.0)
    (tmp_path / "old").write_text("x")
    os.utime(tmp_path / "old", (1, 1))
    while time.time() < (tmp_path / "old").stat().st_ctime + 0.05:
        time.sleep(0.01)
    job = supervise().submit(*SHELL, f"sleep 0.05; {line}", expect=Expected(fresh=f"{tmp_path}/{fresh}"))

    reason = f"expected {tmp_path}/{fresh} to be changed by the run, but {why}" if why else ""
    assert judged(job) == ("failed" if why else "success", 0, reason)


def test_what_an_earlier_attempt_changed_counts(supervise, tmp_path, monkeypatch):
    monkeypatch.setattr(expected, "COARSE", 0.0)
    changed = tmp_path / "changed"
    changed.write_text("x")
    since = changed.stat().st_ctime
    while time.time() < since + 0.05:
        time.sleep(0.01)
    job = supervise()
    job.submit("true", name="by it", expect=Expected(fresh=str(changed), since=since - 1))
    job.submit("true", name="before", expect=Expected(fresh=str(changed), since=since + 0.03))

    assert {name: found.status for name, found in job.attempt_results().items()} == {
        "by it": "success",
        "before": "failed",
    }


def test_a_clock_that_was_set_back_during_the_run_fails_no_run(supervise, tmp_path):
    began = time.time() + 3600
    job = supervise().submit("touch", str(tmp_path), expect=Expected(fresh=str(tmp_path), since=began))

    assert judged(job) == ("success", 0, "")


def test_a_path_that_cannot_be_read_in_time_is_no_success(supervise, tmp_path, monkeypatch):
    monkeypatch.setattr(expected, "PATIENCE", 0.2)
    monkeypatch.setattr(expected, "state_of", lambda *_: time.sleep(60))
    job = supervise().submit("true", kill_after=0, expect=Expected(fresh=str(tmp_path / "x")))

    status, code, reason = judged(job)
    assert (status, code) == ("failed", 0)
    assert reason.endswith("but it could not be read, or not in time")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("true",), ""),
        (("/bin/sh", "-c", "exit 75"), "expected its command to succeed: exit code 75"),
        (("/bin/sh", "-c", "kill -9 $$"), "expected its command to succeed: killed by SIGKILL"),
        (("/missing",), "expected its command to succeed: cannot start: /missing: No such file or directory"),
    ],
)
def test_the_command_has_to_succeed(supervise, command, reason):
    job = supervise().submit("true", expect=Expected(argv=command))

    assert judged(job) == ("failed" if reason else "success", 0, reason)


def test_the_command_runs_after_a_success_only_in_the_environment_of_the_job(supervise, tmp_path):
    line = "echo $NAME; pwd; cat; echo checked >> checks"
    values = {"cwd": str(tmp_path), "env": {"PATH": os.environ["PATH"], "NAME": "value"}}
    job = supervise(max_parallel=1)
    job.submit("false", name="bad", expect=Expected(argv=(*SHELL, line)), **values)
    job.submit("true", name="good", expect=Expected(argv=(*SHELL, line)), **values)

    assert {name: found.status for name, found in job.attempt_results().items()} == {
        "bad": "failed",
        "good": "success",
    }
    assert (tmp_path / "checks").read_text() == "checked\n"
    assert job.printed("good") == f"value\n{tmp_path}\n"


def test_the_command_has_the_time_of_the_job_for_itself(supervise):
    job = supervise().submit("true", timeout=1, expect=Expected(argv=("sleep", "60")))

    assert judged(job) == ("failed", 0, "expected its command to succeed: timed out after 1 s")


def test_the_first_that_is_not_met_decides_and_post_gets_the_status(supervise, tmp_path):
    wanted = Expected(output="saved", fresh=str(tmp_path / "new"), argv=("touch", f"{tmp_path}/checked"))
    line = 'echo "$SCHEDULED_STATUS $SCHEDULED_EXIT_CODE"'
    job = supervise().submit("echo", "saved", expect=wanted, post=(*SHELL, line))

    assert judged(job) == (
        "failed", 0, f"expected {tmp_path}/new to be changed by the run, but there is none",
    )  # fmt: skip
    assert job.printed() == "saved\nfailed 0\n"
    assert not (tmp_path / "checked").exists()


def test_all_are_checked_one_after_the_other(supervise, tmp_path):
    wanted = Expected(output="saved", fresh=str(tmp_path / "new"), argv=("cat", f"{tmp_path}/new"))
    job = supervise().submit(*SHELL, "echo saved; echo x > new", expect=wanted, post=("echo", "post"))

    assert judged(job) == ("success", 0, "")
    assert job.printed() == "saved\nx\npost\n"
    assert [(one.follows, one.so_far is not None) for one in job.found(Started)] == [
        (False, False), (True, False), (True, True),
    ]  # fmt: skip


def test_secrets_are_masked_in_the_reason(supervise, tmp_path):
    secret = f"{tmp_path}/hunter2222"
    values = {"secrets": ("hunter2222",), "kept": str(tmp_path / "kept")}
    job = supervise().submit("true", expect=Expected(fresh=secret), **values)

    assert "hunter2222" not in job.attempt_result().reason
    assert "to be changed by the run" in job.attempt_result().reason


@pytest.mark.parametrize(("how", "status"), [("stop", "stopped"), ("tick", "interrupted")])
def test_a_command_that_is_ended_by_hand_or_with_its_tick_leaves_no_success(supervise, tmp_path, how, status):
    stop = tmp_path / "stop"
    job = supervise().submit(
        "true", stop=str(stop), expect=Expected(argv=(*SHELL, "echo checking; exec sleep 60"))
    )
    job.started(2)
    while "checking" not in job.printed():
        time.sleep(0.01)
    if how == "stop":
        stop.touch()
    else:
        job.supervisor.stop()
    result = job.attempt_result()

    assert (result.status, result.reason) == (
        status,
        f"expect.command: {STOPPED if how == 'stop' else 'the tick was stopped'}",
    )
