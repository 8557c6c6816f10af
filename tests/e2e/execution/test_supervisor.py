"""Real processes under the supervisor: their results, timeouts, and how they are stopped."""

import os
import signal
import time

import pytest

from scheduled.execution import process
from scheduled.execution.handler_host import HandlerHost
from scheduled.execution.protocol import NotStarted, Spec, Started
from scheduled.state.locks import is_held
from tests.fixtures.supervised import gone, supervise

__all__ = ["supervise"]
# The supervisor is forked. Python warns about that because xdist has threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
SHELL = ("/bin/sh", "-c")


def pids(text):
    return [int(line) for line in text.split()]


# Results


def test_exit_code_0_is_a_success(supervise):
    job = supervise().submit(*SHELL, "echo out; echo err >&2")

    attempt_result = job.attempt_result()
    assert (attempt_result.status, attempt_result.exit_code, attempt_result.signal, attempt_result.reason, attempt_result.output_bytes) == (
        "success", 0, None, "", 8,
    )  # fmt: skip
    assert sorted(job.printed().split()) == ["err", "out"]
    assert attempt_result.started_at <= attempt_result.finished_at <= time.time()


@pytest.mark.parametrize("code", [1, 3, 255])
def test_another_exit_code_is_a_failure_and_is_recorded(supervise, code):
    attempt_result = supervise().submit(*SHELL, f"exit {code}").attempt_result()

    assert (
        attempt_result.status,
        attempt_result.exit_code,
        attempt_result.signal,
        attempt_result.reason,
    ) == (
        "failed",
        code,
        None,
        f"exit code {code}",
    )


def test_success_codes_are_a_success(supervise):
    attempt_result = supervise().submit(*SHELL, "exit 24", success_codes=(0, 24)).attempt_result()

    assert (attempt_result.status, attempt_result.exit_code) == ("success", 24)


def test_exit_code_0_that_is_not_among_them_is_a_failure_with_its_reason(supervise):
    attempt_result = supervise().submit("true", success_codes=(5, 3)).attempt_result()

    assert (attempt_result.status, attempt_result.reason) == (
        "failed",
        "exit code 0, which is not one of its success_codes (3, 5)",
    )


def test_exit_code_75_defers_the_run(supervise):
    assert supervise().submit(*SHELL, "exit 75").attempt_result().status == "deferred"


@pytest.mark.parametrize("name", ["SEGV", "KILL", "TERM"])
def test_a_signal_is_a_failure_and_is_named(supervise, name):
    number = signal.Signals[f"SIG{name}"]

    attempt_result = supervise().submit(*SHELL, f"kill -{name} $$").attempt_result()

    assert (attempt_result.status, attempt_result.exit_code, attempt_result.signal, attempt_result.reason) == (
        "failed", 128 + number, number, f"killed by SIG{name}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "values", "expected"),
    [
        (("no-such-program",), {}, (127, "cannot start: no-such-program: No such file or directory")),
        (("/etc/passwd",), {}, (126, "cannot start: /etc/passwd: Permission denied")),
        (
            ("true",),
            {"cwd": "/no/such/place"},
            (127, "cannot start: /no/such/place: No such file or directory"),
        ),
        (("a\0b",), {}, (126, "cannot start: embedded null byte")),
    ],
)
def test_a_program_that_cannot_be_started_fails_with_the_reason(supervise, argv, values, expected):
    attempt_result = supervise().submit(*argv, **values).attempt_result()

    assert (attempt_result.status, (attempt_result.exit_code, attempt_result.reason)) == ("failed", expected)


def test_without_an_output_file_an_attempt_is_not_started(supervise):
    job = supervise().submit("true", output="/no/such/place/x.log")

    job.attempt_results()
    (record,) = job.found(NotStarted)
    assert (record.reason, record.deferred) == ("/no/such/place: No such file or directory", False)


# Timeouts


def test_a_job_is_ended_at_its_timeout(supervise):
    attempt_result = supervise().submit("sleep", "60", timeout=1).attempt_result()

    assert (attempt_result.status, attempt_result.signal, attempt_result.reason) == (
        "timed_out",
        signal.SIGTERM,
        "timed out after 1 s",
    )
    assert 1000 <= attempt_result.duration_ms < 5000


def test_the_descendants_of_a_job_end_with_it(supervise, until):
    job = supervise().submit(
        *SHELL, "(sleep 60 & echo $!; wait) & echo $!; sleep 60 & echo $!; wait", timeout=1
    )

    assert job.attempt_result().status == "timed_out"
    descendants = pids(job.printed())
    assert len(descendants) == 3
    until(lambda: all(gone(pid) for pid in descendants))


def test_a_job_that_ignores_sigterm_is_killed_with_its_children(supervise, until):
    job = supervise().submit(
        *SHELL, "trap '' TERM; sleep 60 & echo $!; while :; do sleep 60; done", timeout=1, kill_after=0.2
    )

    attempt_result = job.attempt_result()
    assert (attempt_result.status, attempt_result.signal) == ("timed_out", signal.SIGKILL)
    until(lambda: all(gone(pid) for pid in pids(job.printed())))


def test_kill_after_0_kills_at_once(supervise):
    job = supervise().submit(
        *SHELL, "trap 'echo cleaned; exit 3' TERM; while :; do sleep 0.1; done", timeout=1, kill_after=0
    )

    attempt_result = job.attempt_result()
    assert (attempt_result.status, attempt_result.signal, job.printed()) == ("timed_out", signal.SIGKILL, "")


def test_children_that_ignore_sigterm_are_killed_when_their_job_ends(supervise, until):
    job = supervise().submit(*SHELL, "(trap '' TERM; sleep 60) & echo $!; exec sleep 60", timeout=1)

    assert job.attempt_result().status == "timed_out"
    until(lambda: all(gone(pid) for pid in pids(job.printed())))


def test_a_job_may_clean_up_after_sigterm(supervise):
    job = supervise().submit(
        *SHELL, "trap 'echo cleaned; exit 3' TERM; while :; do sleep 0.1; done", timeout=1
    )

    attempt_result = job.attempt_result()
    assert (attempt_result.status, attempt_result.exit_code, job.printed().split()[-1]) == (
        "timed_out",
        3,
        "cleaned",
    )


def test_a_stopped_job_is_continued_and_ended_at_its_timeout(supervise):
    attempt_result = supervise().submit(*SHELL, "kill -STOP $$", timeout=1).attempt_result()

    assert (attempt_result.status, attempt_result.signal, attempt_result.duration_ms < 5000) == (
        "timed_out",
        signal.SIGTERM,
        True,
    )


def test_a_background_child_that_keeps_output_and_lock_delays_nothing(supervise):
    job = supervise().submit(*SHELL, "sleep 60 & echo $!")

    attempt_result = job.attempt_result()
    (child,) = pids(job.printed())
    assert (attempt_result.status, attempt_result.duration_ms < 5000) == ("success", True)
    assert (gone(child), is_held(job.output())) == (False, True)


# Stopping, and the death of the supervisor


def test_stop_ends_running_attempts_and_starts_no_more(supervise):
    job = supervise(max_parallel=1).submit("sleep", "60", name="first").submit("true", name="second")
    job.started()

    job.supervisor.stop()

    attempt_result = job.attempt_results()["first"]
    assert (attempt_result.status, attempt_result.reason) == ("interrupted", "the tick was stopped")
    assert [(record.run_id, record.reason) for record in job.found(NotStarted)] == [
        ("second", "the tick was stopped")
    ]


def test_a_started_process_is_recorded_with_its_start_time(supervise):
    job = supervise().submit("sleep", "60")
    pid = job.started()["job"]

    (record,) = job.found(Started)
    assert (record.born, process.lives(pid, record.born), process.lives(pid, record.born + 1)) == (
        process.born(pid), True, False,
    )  # fmt: skip
    assert (record.born > 0, os.getpgid(pid), os.getsid(pid)) == (True, pid, pid)


def test_after_the_supervisor_is_killed_no_more_records_arrive(supervise, until):
    job = supervise().submit("sleep", "60")
    job.started()

    os.kill(job.supervisor.pid, signal.SIGKILL)

    assert job.supervisor.records(5) is None
    until(lambda: not is_held(job.results))
    assert is_held(job.output())


def test_a_job_that_redirects_its_output_still_holds_its_lock(supervise, tmp_path, until):
    job = supervise().submit(*SHELL, "exec > elsewhere 2>&1 < elsewhere; touch begun; exec sleep 60")
    until((tmp_path / "begun").exists)

    os.kill(job.supervisor.pid, signal.SIGKILL)

    until(lambda: not is_held(job.results))
    assert is_held(job.output())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_the_supervisor_ignores_a_closed_terminal(supervise, number):
    job = supervise().submit(*SHELL, "sleep 0.3; echo done")
    job.started()

    os.kill(job.supervisor.pid, number)

    assert (job.attempt_result().status, job.printed()) == ("success", "done\n")


def test_the_supervisor_holds_a_lock_while_it_is_alive(supervise, until):
    job = supervise().submit("true")
    job.attempt_result()
    held = is_held(job.results)

    job.supervisor.close()

    assert held
    until(lambda: not is_held(job.results))
    job.supervisor._orders, job.supervisor._notifications = os.pipe()  # closed again by the fixture


def test_a_handler_process_with_a_full_output_exits_and_never_becomes_a_supervisor(tmp_path):
    task = {"handler": "health"}
    spec = Spec(
        run_id="job",
        attempt=1,
        job="job",
        task=task,
        cwd=str(tmp_path),
        env={},
        timeout=9,
        output="",
        output_limit=9,
    )
    parent, full = os.getpid(), os.open("/dev/full", os.O_RDWR)

    host = HandlerHost(spec, lambda _: print("words", end="") or 0)
    if os.getpid() != parent:
        os._exit(99)
    host.send(spec, full)

    os.close(full)
    assert os.waitstatus_to_exitcode(os.waitpid(host.pid, 0)[1]) == 1
    assert host.exit_code() is None
    host.dismiss()
