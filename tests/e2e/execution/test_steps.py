"""What an attempt executes besides its command, and how it is judged: shell, stdin, `fails_if`, `pre` and `post`."""

import os
import signal
import time

import pytest

from scheduled.core.jobs import FailsIf, Stdin
from scheduled.execution import search
from scheduled.execution.protocol import Started
from scheduled.state.locks import is_held
from tests.fixtures.supervised import gone, supervise

__all__ = ["supervise"]
# The supervisor is forked. Python warns about that because xdist has threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
SHELL = ("/bin/sh", "-c")
LARGE = 10_000_000  # bytes


def judged(job):
    result = job.attempt_result()
    return result.status, result.exit_code, result.reason


# Standard input


def test_the_job_reads_its_standard_input_from_the_start_in_every_attempt(supervise):
    job = supervise()
    for attempt in (1, 2):
        values = {"name": f"job{attempt}", "attempt": attempt, "stdin": Stdin(text="yes\nä\n")}
        job.submit(*SHELL, "cat; exit 1", **values)

    job.attempt_results()
    assert [job.printed(f"job{attempt}") for attempt in (1, 2)] == ["yes\nä\n"] * 2


def test_a_job_that_reads_nothing_is_not_held_up_by_a_large_input(supervise):
    job = supervise().submit("true", stdin=Stdin(text="x" * LARGE))

    assert judged(job) == ("success", 0, "")


def test_the_job_reads_a_large_input_completely(supervise):
    job = supervise().submit("wc", "-c", stdin=Stdin(text="x" * LARGE))

    assert (job.attempt_result().status, job.printed()) == ("success", f"{LARGE}\n")


def test_the_standard_input_may_be_a_file_relative_to_the_working_directory(supervise, tmp_path):
    (tmp_path / "input").write_text("from a file\n")
    job = supervise().submit("cat", cwd=str(tmp_path), stdin=Stdin(file="input"))

    assert (job.attempt_result().status, job.printed()) == ("success", "from a file\n")


def test_a_standard_input_that_cannot_be_read_is_named(supervise, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    job = supervise(max_parallel=1)
    for name in ("missing", "fifo"):
        job.submit("cat", name=name, cwd=str(tmp_path), stdin=Stdin(file=name))

    found = job.attempt_results()
    assert (found["missing"].status, found["missing"].reason) == (
        "failed",
        f"cannot start: stdin: {tmp_path}/missing: No such file or directory; create it, or correct the path",
    )
    assert (
        found["fifo"].reason
        == f"cannot start: stdin: {tmp_path}/fifo is not a regular file; write the path of one"
    )


# fails_if


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("echo out", ("success", 0, "")),
        ("echo wrong >&2", ("failed", 0, "exit code 0, but it wrote to standard error")),
        ("(echo wrong >&2) & wait", ("failed", 0, "exit code 0, but it wrote to standard error")),
        ("echo wrong >&2; exit 3", ("failed", 3, "exit code 3")),
    ],
)
def test_a_job_that_wrote_to_standard_error_has_failed(supervise, line, expected):
    assert judged(supervise().submit(*SHELL, line, fails_if=FailsIf(stderr=True))) == expected


def test_the_lines_of_both_streams_keep_their_order(supervise):
    line = "for i in 1 2 3; do echo out $i; echo err $i >&2; done"
    job = supervise().submit(*SHELL, line, fails_if=FailsIf(stderr=True))

    job.attempt_result()
    assert job.printed() == "".join(f"out {i}\nerr {i}\n" for i in (1, 2, 3))


@pytest.mark.parametrize(
    ("printed", "matches"),
    [
        ("all well", False),
        ("3 errors", True),
        ("no errors here", False),
        ("0 warnings\\n12 errors\\n", True),
        ("\\3773 errors", False),  # a byte that is no text
    ],
)
def test_a_job_of_which_a_line_matches_has_failed(supervise, printed, matches):
    job = supervise().submit("printf", printed, fails_if=FailsIf(output=r"^[1-9]\d* errors$"))

    reason = r'exit code 0, but its output matches "^[1-9]\d* errors$"'
    assert judged(job) == (("failed", 0, reason) if matches else ("success", 0, ""))


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_the_whole_output_is_searched_although_its_middle_is_dropped(supervise, place):
    lines = 'i=0; while [ $i -lt 30000 ]; do echo "a line of ordinary text"; i=$((i+1)); done'
    parts = {
        "first": f"echo ERROR; {lines}",
        "middle": f"{lines}; echo ERROR; {lines}",
        "last": f"{lines}; echo ERROR",
    }
    job = supervise().submit(*SHELL, parts[place], output_limit=4000, fails_if=FailsIf(output="ERROR"))

    assert judged(job) == ("failed", 0, 'exit code 0, but its output matches "ERROR"')
    assert job.output().stat().st_size < 5000


def test_a_long_output_without_a_match_is_a_success(supervise):
    job = supervise().submit(
        *SHELL, "yes | head -c 5000000", output_limit=4000, fails_if=FailsIf(output="ERROR")
    )

    assert judged(job) == ("success", 0, "")
    assert job.attempt_result().output_bytes == 5_000_000


def test_an_expression_that_takes_for_ever_holds_up_no_other_job(supervise, monkeypatch):
    monkeypatch.setattr(search, "LEAST_CPU", 1)
    job = supervise(max_parallel=2)
    job.submit("printf", "a" * 40 + "!", name="slow", fails_if=FailsIf(output="(a+)+$"))
    job.submit("true", name="other")

    found = job.attempt_results()
    assert found["other"].finished_at < found["slow"].finished_at
    assert (found["slow"].status, found["slow"].reason) == (
        "failed",
        'exit code 0, but its output could not be searched for "(a+)+$" in time',
    )


def test_a_secret_in_the_reason_is_masked(supervise, tmp_path):
    values = {"secrets": ("hunter2222",), "kept": str(tmp_path / "kept")}
    job = supervise().submit("echo", "hunter2222", fails_if=FailsIf(output="hunter2222"), **values)

    assert judged(job) == ("failed", 0, 'exit code 0, but its output matches "***"')
    assert job.printed() == "***\n"


def test_what_pre_and_post_print_is_not_judged(supervise):
    hook = (*SHELL, "echo ERROR >&2")
    job = supervise().submit("true", pre=hook, post=hook, fails_if=FailsIf(stderr=True, output="ERROR"))

    assert judged(job) == ("success", 0, "")


# pre and post


def test_pre_and_post_run_around_the_command_with_the_same_output_and_directory(supervise, tmp_path):
    line = 'echo "$0 $SCHEDULED_STATUS $SCHEDULED_EXIT_CODE" $(pwd)'
    job = supervise().submit(*SHELL, line, "main", pre=(*SHELL, line, "pre"), post=(*SHELL, line, "post"))

    assert judged(job) == ("success", 0, "")
    assert job.printed() == f"pre   {tmp_path}\nmain   {tmp_path}\npost success 0 {tmp_path}\n"
    first, *others = job.found(Started)
    assert (first.follows, [record.follows for record in others]) == (False, [True, True])
    assert len({record.pid for record in (first, *others)}) == 3
    assert {record.at for record in others} == {first.at}


@pytest.mark.parametrize(
    ("pre", "expected"),
    [
        ("exit 1", ("failed", 1, "pre: exit code 1")),
        ("exit 75", ("deferred", 75, "pre: exit code 75")),
        ("kill -9 $$", ("failed", 137, "pre: killed by SIGKILL")),
    ],
)
def test_if_pre_fails_the_command_does_not_start(supervise, pre, expected):
    job = supervise().submit(
        "echo", "main", pre=(*SHELL, pre), post=("echo", "post"), success_codes=(0, 1), env={}
    )

    assert judged(job) == expected
    assert job.printed() == ""


def test_the_reason_of_a_success_with_another_code_is_only_that_of_its_failed_post(supervise):
    job = supervise().submit(*SHELL, "exit 7", post=(*SHELL, "exit 4"), success_codes=(7,))

    assert judged(job) == ("failed", 7, "post: exit code 4")


@pytest.mark.parametrize(
    ("main", "post", "expected"),
    [
        ("exit 0", "exit 4", ("failed", 0, "post: exit code 4")),
        ("exit 3", "exit 4", ("failed", 3, "exit code 3; post: exit code 4")),
        ("exit 3", "true", ("failed", 3, "exit code 3")),
        ("exit 75", "true", ("deferred", 75, "exit code 75")),
    ],
)
def test_post_follows_every_end_and_fails_a_success(supervise, main, post, expected):
    job = supervise().submit(*SHELL, main, post=(*SHELL, f"echo $SCHEDULED_EXIT_CODE; {post}"))

    assert judged(job) == expected
    assert job.printed() == f"{main.split()[1]}\n"


def test_post_follows_a_timeout_and_has_a_time_of_its_own(supervise):
    job = supervise().submit(
        "sleep", "60", timeout=1, kill_after=0.2, post=(*SHELL, "echo $SCHEDULED_STATUS; sleep 60")
    )

    assert judged(job)[::2] == ("timed_out", "timed out after 1 s; post: timed out after 1 s")
    assert job.printed() == "timed_out\n"


def test_a_timeout_in_pre_ends_the_run(supervise):
    job = supervise().submit(
        "echo", "main", timeout=1, kill_after=0.2, pre=(*SHELL, "trap 'exit 0' TERM; sleep 60 & wait")
    )

    assert judged(job)[::2] == ("timed_out", "pre: timed out after 1 s")
    assert job.printed() == ""


def test_a_hook_that_cannot_be_started_fails_the_run(supervise):
    job = supervise(max_parallel=1)
    job.submit("echo", "main", name="first", pre=("/nonexistent",))
    job.submit("echo", "main", name="last", post=("/nonexistent",))

    found = job.attempt_results()
    assert (found["first"].status, job.printed("first")) == ("failed", "")
    assert found["first"].reason == "pre: cannot start: /nonexistent: No such file or directory"
    assert (found["last"].status, job.printed("last")) == ("failed", "main\n")
    assert found["last"].reason == "post: cannot start: /nonexistent: No such file or directory"


def test_the_run_of_a_hook_keeps_its_lock_and_its_group(supervise, tmp_path):
    wait = (*SHELL, f"touch {tmp_path}/post; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    job = supervise(max_parallel=4).submit("true", name="one", group="g", post=wait)
    job.submit("touch", str(tmp_path / "two"), name="two", group="g")
    while not (tmp_path / "post").exists():
        job.receive(0.05)

    assert is_held(job.output("one"))
    assert not (tmp_path / "two").exists()
    (tmp_path / "go").touch()
    assert {result.status for result in job.attempt_results().values()} == {"success"}


def test_when_the_tick_is_stopped_post_still_runs_for_a_short_time(supervise):
    job = supervise().submit(
        *SHELL,
        "echo on; sleep 60",
        post=(*SHELL, "echo $SCHEDULED_STATUS; sleep 60"),
        timeout=50,
        kill_after=0.5,
    )
    job.started()
    while job.printed() != "on\n":
        job.receive(0.05)
    job.supervisor.stop()

    result = job.attempt_result()
    assert (result.status, job.printed()) == ("interrupted", "on\ninterrupted\n")
    assert result.duration_ms < 20_000


def test_a_killed_supervisor_leaves_the_result_so_far_while_post_runs(supervise, tmp_path):
    wait = (*SHELL, f"touch {tmp_path}/post; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    job = supervise().submit(*SHELL, "exit 3", post=wait)
    while len(job.found(Started)) < 2 or not (tmp_path / "post").exists():
        job.receive(0.05)
    os.kill(job.supervisor.pid, signal.SIGKILL)

    post = job.found(Started)[-1]
    assert (post.so_far.status, post.so_far.exit_code) == ("failed", 3)
    assert is_held(job.output())
    (tmp_path / "go").touch()
    deadline = time.monotonic() + 20
    while is_held(job.output()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    gone(post.pid)
