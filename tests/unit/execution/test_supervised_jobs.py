"""What a job finds around it, and how many of them run at once."""

import os
import signal
import sys
import time
from types import SimpleNamespace

import pytest

from scheduled.core.jobs import Limits
from scheduled.execution.protocol import NotStarted, Started, read_records
from scheduled.execution.report_file import read_report
from scheduled.handlers import registry
from scheduled.handlers.base import Outcome
from tests.fixtures.supervised import PYTHON, supervise

__all__ = ["supervise"]
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
SHELL = ("/bin/sh", "-c")


def printed(supervised, script, **values):
    """Return the words that a shell script printed."""
    job = supervised.submit(*SHELL, script, **values)
    assert job.ending().status == "success", job.printed()
    return job.printed().split()


# Around it


def test_it_gets_the_environment_that_was_meant_for_it_and_no_other(supervise):
    env = {"PATH": os.environ["PATH"], "A": "1 2"}

    found = set(printed(supervise(), "env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | tr ' ' _", env=env))

    assert found == {f"PATH={env['PATH'].replace(' ', '_')}", "A=1_2"}


def test_it_runs_in_its_directory(supervise, tmp_path):
    (tmp_path / "there").mkdir()

    assert printed(supervise(), "pwd", cwd=str(tmp_path / "there")) == [str(tmp_path / "there")]


def test_its_umask_is_its_own(supervise):
    assert printed(supervise(), "umask", umask=0o037) == ["0037"]


def test_without_a_umask_it_inherits_one(supervise):
    before = os.umask(0o026)
    try:
        assert printed(supervise(), "umask") == ["0026"]
    finally:
        os.umask(before)


def test_it_is_as_nice_as_it_was_told(supervise):
    assert printed(supervise(), "nice", nice=7) == ["7"]


def test_its_limits_are_set(supervise):
    limits = Limits(memory=1 << 30, cpu=60, file_size=1 << 20, open_files=50, processes=4000)

    found = printed(supervise(), "ulimit -v; ulimit -t; ulimit -f; ulimit -n", limits=limits)

    assert found == ["1048576", "60", "2048", "50"]


def test_a_limit_that_is_reached_ends_the_job(supervise):
    ending = supervise().submit(*SHELL, "yes > big", limits=Limits(file_size=1 << 16)).ending()

    assert (ending.status, ending.signal in (signal.SIGXFSZ, None)) == ("failed", True)


def test_its_standard_input_is_empty(supervise):
    assert printed(supervise(), "cat; echo end") == ["end"]


def test_it_inherits_no_descriptor_but_its_output(supervise, tmp_path):
    code = "import os; print(*{os.path.realpath(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')}, sep='\\n')"

    job = supervise().submit(PYTHON, "-c", code)

    assert job.ending().status == "success"
    found = {line for line in job.printed().split() if not line.startswith("/proc/")}
    assert found == {"/dev/null", str(tmp_path / "job.log")}


def test_its_output_is_for_the_owners_eyes_only(supervise):
    job = supervise().submit("true")
    job.ending()

    assert job.output().stat().st_mode & 0o777 == 0o600


def test_a_flood_is_kept_within_bounds_while_it_lasts(supervise):
    job = supervise().submit(
        *SHELL, "echo begin; head -c 30000000 /dev/zero; echo; echo end", output_limit=10_000
    )

    ending = job.ending()
    kept = job.output().read_bytes()
    assert (ending.status, ending.output_bytes <= 30_000_011, len(kept) < 10_100) == ("success", True, True)
    assert (kept[:6], kept[-5:]) == (b"begin\n", b"\nend\n")
    assert b"bytes dropped ...]" in kept


def test_an_endless_flood_fills_no_disk(supervise):
    job = supervise().submit("yes", output_limit=10_000, timeout=1)
    sizes = []
    job.started()
    while not job.supervisor.records(0.05):
        sizes.append(job.output().stat().st_size)

    job.submitted = 0
    assert job.output().stat().st_size < 10_100
    # What a pipeless flood can write between two looks; a disk holds more.
    assert max(sizes) < 2_000_000_000


def test_a_handler_that_there_is_not_fails_with_its_name(supervise):
    task = {"handler": "nosuch", "job": "job", "zone": "UTC", "options": {}, "sender": "@trigger"}
    job = supervise().submit(task=task)

    ending = job.ending()
    assert (ending.status, ending.exit_code, "nosuch" in job.printed()) == ("failed", 1, True)


# Handlers, and the child that does their work


@pytest.fixture
def handlers(monkeypatch):
    """Put others in the places of the handlers: a supervisor is a fork, and takes them along."""

    def hang(_):
        time.sleep(60)

    def die(_):
        os.kill(os.getpid(), signal.SIGKILL)

    def leave_something(task):
        task.kept["seen"] = [*task.kept.get("seen", []), task.job]
        return Outcome(data={"before": task.kept["seen"][:-1], "job": os.environ["JOB"]})

    works = {"health": die, "metrics": hang}
    monkeypatch.setattr(registry, "find", lambda name: SimpleNamespace(run=works.get(name, leave_something)))


def submit(jobs, *names, handler=None, **values):
    """Have each of *names* done by the handler of that name, one after the other."""
    for name in names:
        task = {"handler": handler or name, "job": name, "zone": "UTC", "options": {}, "workspace": None}
        task |= {"scheduled_for": None, "window_start": None, "missed": 0, "totals": {}, "sender": "@trigger"}
        task["files"] = str(jobs.root)
        own = {"env": {"JOB": name}, "report": f"{jobs.root}/{name}.report", "group": "workspace"}
        jobs.submit(task=task, name=name, **own | values)


def served_by(jobs):
    return {record.run_id: record.pid for record in jobs.found(Started)}


def data_of(jobs, name):
    return read_report(jobs.root / f"{name}.report").outcome.data


@pytest.mark.usefixtures("handlers")
def test_one_child_serves_the_built_in_handlers_in_turn_and_each_finds_its_own_surroundings(supervise):
    jobs = supervise()
    submit(jobs, "memory_rollover", "mail_cleanup", "daily_report")

    assert {ending.status for ending in jobs.endings().values()} == {"success"}
    assert len(set(served_by(jobs).values())) == 1
    assert data_of(jobs, "daily_report") == {
        "before": ["memory_rollover", "mail_cleanup"],
        "job": "daily_report",
    }


@pytest.mark.usefixtures("handlers")
def test_a_handler_that_crashes_or_hangs_takes_none_of_the_others_with_it(supervise):
    jobs = supervise()
    submit(jobs, "health", "memory_rollover")
    submit(jobs, "metrics", timeout=1)
    submit(jobs, "mail_cleanup", "daily_report")

    endings, pids = jobs.endings(), served_by(jobs)
    assert [endings[name].status for name in pids] == ["failed", "success", "timed_out", "success", "success"]
    assert (endings["health"].signal, endings["metrics"].signal) == (signal.SIGKILL, signal.SIGTERM)
    assert pids["memory_rollover"] == pids["metrics"]
    assert pids["mail_cleanup"] == pids["daily_report"]
    assert len(set(pids.values())) == 3
    assert data_of(jobs, "daily_report")["before"] == ["mail_cleanup"]


@pytest.mark.usefixtures("handlers")
def test_what_another_distribution_s_handler_leaves_behind_concerns_nobody(supervise, until):
    jobs = supervise()
    submit(jobs, "mail_cleanup")
    submit(jobs, "mine", "mine again", handler="foreign")
    submit(jobs, "daily_report")

    jobs.endings()
    pids = served_by(jobs)
    assert pids["mail_cleanup"] == pids["daily_report"]
    assert len(set(pids.values())) == 3
    assert [data_of(jobs, name)["before"] for name in ("mine", "mine again")] == [[], []]
    until(lambda: not any(os.path.exists(f"/proc/{pids[name]}") for name in ("mine", "mine again")))


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("between", ["a command", "a command that goes on", "a failure", "a second attempt"])
def test_what_was_found_before_is_not_known_after(supervise, between):
    jobs = supervise(max_parallel=2)
    submit(jobs, "mail_cleanup")
    jobs.endings()
    if between == "a command":
        jobs.submit("true", name="cmd", group="workspace")
    elif between == "a command that goes on":
        jobs.submit("sleep", "1", name="cmd")
    elif between == "a failure":
        submit(jobs, "nosuch", handler="metrics", timeout=1)
    submit(jobs, "daily_report", attempt=2 if between == "a second attempt" else 1)

    jobs.endings()
    assert data_of(jobs, "daily_report")["before"] == []


@pytest.mark.usefixtures("handlers")
def test_an_end_is_written_down_before_its_process_goes_on_with_another_run(supervise):
    jobs = supervise()
    submit(jobs, "memory_rollover", "mail_cleanup", "daily_report")
    jobs.endings()

    told = [type(record).__name__ for record in read_records((jobs.root / "tick.jsonl").read_bytes())]
    assert told == ["Started", "Ended"] * 3


@pytest.mark.usefixtures("handlers")
def test_a_program_that_is_half_replaced_starts_nothing_and_loses_nothing(supervise, monkeypatch):
    monkeypatch.setitem(sys.modules, "scheduled.execution.handler_host", None)
    jobs = supervise()
    jobs.submit("sleep", "0.5", name="goes on")
    submit(jobs, "mail_cleanup")

    assert jobs.endings()["goes on"].status == "success"
    [not_started] = jobs.found(NotStarted)
    assert "handler_host" in not_started.reason


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("terms", [{"nice": 5}, {"umask": 0o77}, {"limits": Limits(cpu=60)}])
def test_what_a_child_can_not_take_back_it_is_given_for_one_job_only(supervise, terms):
    jobs = supervise()
    submit(jobs, "mail_cleanup")
    submit(jobs, "memory_rollover", **terms)
    submit(jobs, "daily_report")

    assert {ending.status for ending in jobs.endings().values()} == {"success"}
    pids = served_by(jobs)
    assert pids["mail_cleanup"] == pids["daily_report"] != pids["memory_rollover"]


# How many at once


WORK = "echo + >> journal; sleep 0.2; echo - >> journal"


def most_at_once(root):
    depth = most = 0
    for sign in (root / "journal").read_text().split():
        depth += 1 if sign == "+" else -1
        most = max(most, depth)
    return most


@pytest.mark.parametrize("max_parallel", [1, 2])
def test_no_more_run_at_once_than_may(supervise, tmp_path, max_parallel):
    jobs = supervise(max_parallel=max_parallel)
    for number in range(4):
        jobs.submit(*SHELL, WORK, name=f"job{number}", urgent=True)

    endings = jobs.endings()

    assert ({ending.status for ending in endings.values()}, most_at_once(tmp_path)) == (
        {"success"},
        max_parallel,
    )


def test_of_a_group_one_runs_at_a_time_and_others_pass_it(supervise, tmp_path):
    jobs = supervise(max_parallel=4)
    for number in range(3):
        jobs.submit(*SHELL, WORK, name=f"job{number}", group="disk")
    jobs.submit("true", name="free")

    jobs.endings()

    order = [record.run_id for record in jobs.found(Started)]
    assert (most_at_once(tmp_path), order.index("free") <= 1) == (1, True)
    assert [name for name in order if name != "free"] == ["job0", "job1", "job2"]


def test_they_start_in_the_order_in_which_they_came(supervise):
    jobs = supervise(max_parallel=1)
    for number in range(5):
        jobs.submit("true", name=f"job{number}")

    jobs.endings()

    assert [record.run_id for record in jobs.found(Started)] == [f"job{number}" for number in range(5)]


def test_after_its_time_a_tick_starts_only_what_is_urgent(supervise):
    jobs = supervise(max_parallel=1, start_within=0.2)
    jobs.submit("sleep", "0.4", name="first").submit("true", name="late").submit(
        "true", name="urgent", urgent=True
    )

    endings = jobs.endings()

    assert (sorted(endings), [(record.run_id, record.deferred) for record in jobs.found(NotStarted)]) == (
        ["first", "urgent"], [("late", True)],
    )  # fmt: skip
