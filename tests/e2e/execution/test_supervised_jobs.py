"""The environment and limits of supervised jobs, handler processes, and how many jobs run at once."""

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
    assert job.attempt_result().status == "success", job.printed()
    return job.printed().split()


# The environment of a job


def test_a_job_gets_exactly_the_specified_environment(supervise):
    env = {"PATH": os.environ["PATH"], "A": "1 2"}

    found = set(printed(supervise(), "env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | tr ' ' _", env=env))

    assert found == {f"PATH={env['PATH'].replace(' ', '_')}", "A=1_2"}


def test_a_job_runs_in_the_specified_directory(supervise, tmp_path):
    (tmp_path / "there").mkdir()

    assert printed(supervise(), "pwd", cwd=str(tmp_path / "there")) == [str(tmp_path / "there")]


def test_the_umask_is_set(supervise):
    assert printed(supervise(), "umask", umask=0o037) == ["0037"]


def test_without_a_umask_a_job_inherits_one(supervise):
    before = os.umask(0o026)
    try:
        assert printed(supervise(), "umask") == ["0026"]
    finally:
        os.umask(before)


def test_the_nice_value_is_set(supervise):
    assert printed(supervise(), "nice", nice=7) == ["7"]


def test_the_limits_are_set(supervise):
    limits = Limits(memory=1 << 30, cpu=60, file_size=1 << 20, open_files=50, processes=4000)

    found = printed(supervise(), "ulimit -v; ulimit -t; ulimit -f; ulimit -n", limits=limits)

    assert found == ["1048576", "60", "2048", "50"]


def test_a_limit_that_is_reached_ends_the_job(supervise):
    attempt_result = (
        supervise().submit(*SHELL, "yes > big", limits=Limits(file_size=1 << 16)).attempt_result()
    )

    assert (attempt_result.status, attempt_result.signal in (signal.SIGXFSZ, None)) == ("failed", True)


def test_standard_input_is_empty(supervise):
    assert printed(supervise(), "cat; echo end") == ["end"]


def test_a_job_inherits_no_descriptor_except_its_output(supervise, tmp_path):
    code = "import os; print(*{os.path.realpath(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')}, sep='\\n')"

    job = supervise().submit(PYTHON, "-c", code)

    assert job.attempt_result().status == "success"
    found = {line for line in job.printed().split() if not line.startswith("/proc/")}
    assert found == {"/dev/null", str(tmp_path / "job.log")}


def test_the_output_file_is_private(supervise):
    job = supervise().submit("true")
    job.attempt_result()

    assert job.output().stat().st_mode & 0o777 == 0o600


def test_long_output_is_cut_to_the_limit(supervise):
    job = supervise().submit(
        *SHELL, "echo begin; head -c 10000000 /dev/zero; echo; echo end", output_limit=10_000
    )

    attempt_result = job.attempt_result()
    kept = job.output().read_bytes()
    assert (attempt_result.status, attempt_result.output_bytes == 10_000_011, len(kept) < 10_100) == (
        "success",
        True,
        True,
    )
    assert (kept[:6], kept[-5:]) == (b"begin\n", b"\nend\n")
    assert b"bytes dropped ...]" in kept


def test_a_job_with_a_limit_of_its_files_may_print_more_than_that(supervise):
    job = supervise().submit(
        *SHELL,
        "for i in $(seq 60); do head -c 100000 /dev/zero; sleep 0.04; done",
        output_limit=10_000,
        limits=Limits(file_size=4_000_000),
    )

    assert job.attempt_result().status == "success"


def test_endless_output_does_not_fill_the_disk(supervise):
    job = supervise().submit("yes", output_limit=10_000, timeout=1)
    sizes = []
    job.started()
    while not job.supervisor.records(0.05):
        sizes.append(job.output().stat().st_size)

    job.submitted = 0
    assert job.output().stat().st_size < 10_100
    # More than a job can write to a file between two checks of the size, and less than a disk holds.
    assert max(sizes) < 2_000_000_000


def test_an_unknown_handler_fails_and_is_named(supervise):
    task = {
        "handler": "nosuch",
        "job": "job",
        "zone": "UTC",
        "options": {},
        "sender": "@trigger",
        "recipients": {},
        "layout": None,
    }
    job = supervise().submit(task=task)

    attempt_result = job.attempt_result()
    assert (attempt_result.status, attempt_result.exit_code, "nosuch" in job.printed()) == ("failed", 1, True)


# Handlers and handler processes


@pytest.fixture
def handlers(monkeypatch):
    """Replace the handlers. A supervisor is a fork of the test process, so it inherits the replacements."""

    def hang(_):
        time.sleep(60)

    def die(_):
        os.kill(os.getpid(), signal.SIGKILL)

    def remember_job(task):
        task.kept["seen"] = [*task.kept.get("seen", []), task.job]
        return Outcome(data={"before": task.kept["seen"][:-1], "job": os.environ["JOB"]})

    replacements = {"health": die, "metrics": hang}
    monkeypatch.setattr(
        registry, "find", lambda name: SimpleNamespace(run=replacements.get(name, remember_job))
    )


def submit(jobs, *names, handler=None, **values):
    """Submit a run of each handler in *names*, all in one group, so that they run one after the other."""
    for name in names:
        task = {"handler": handler or name, "job": name, "zone": "UTC", "options": {}, "workspace": None}
        task |= {"scheduled_for": None, "window_start": None, "missed": 0, "totals": {}}
        task |= {"sender": "@trigger", "recipients": {}, "layout": None}
        task["files"] = str(jobs.root)
        own = {"env": {"JOB": name}, "report": f"{jobs.root}/{name}.report", "group": "workspace"}
        jobs.submit(task=task, name=name, **own | values)


def pids_of(jobs):
    return {record.run_id: record.pid for record in jobs.found(Started)}


def data_of(jobs, name):
    return read_report(jobs.root / f"{name}.report").outcome.data


@pytest.mark.usefixtures("handlers")
def test_one_process_runs_built_in_handlers_in_turn_each_with_its_own_environment(supervise):
    jobs = supervise()
    submit(jobs, "memory_rollover", "mail_cleanup", "daily_report")

    assert {attempt_result.status for attempt_result in jobs.attempt_results().values()} == {"success"}
    assert len(set(pids_of(jobs).values())) == 1
    assert data_of(jobs, "daily_report") == {
        "before": ["memory_rollover", "mail_cleanup"],
        "job": "daily_report",
    }


@pytest.mark.usefixtures("handlers")
def test_a_handler_that_crashes_or_hangs_ends_no_other(supervise):
    jobs = supervise()
    submit(jobs, "health", "memory_rollover")
    submit(jobs, "metrics", timeout=1)
    submit(jobs, "mail_cleanup", "daily_report")

    attempt_results, pids = jobs.attempt_results(), pids_of(jobs)
    assert [attempt_results[name].status for name in pids] == [
        "failed",
        "success",
        "timed_out",
        "success",
        "success",
    ]
    assert (attempt_results["health"].signal, attempt_results["metrics"].signal) == (
        signal.SIGKILL,
        signal.SIGTERM,
    )
    assert pids["memory_rollover"] == pids["metrics"]
    assert pids["mail_cleanup"] == pids["daily_report"]
    assert len(set(pids.values())) == 3
    assert data_of(jobs, "daily_report")["before"] == ["mail_cleanup"]


@pytest.mark.usefixtures("handlers")
def test_a_handler_of_another_distribution_gets_a_process_of_its_own(supervise, until):
    jobs = supervise()
    submit(jobs, "mail_cleanup")
    submit(jobs, "first", "second", handler="foreign")
    submit(jobs, "daily_report")

    jobs.attempt_results()
    pids = pids_of(jobs)
    assert pids["mail_cleanup"] == pids["daily_report"]
    assert len(set(pids.values())) == 3
    assert [data_of(jobs, name)["before"] for name in ("first", "second")] == [[], []]
    until(lambda: not any(os.path.exists(f"/proc/{pids[name]}") for name in ("first", "second")))


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("between", ["a command", "a running command", "a failure", "a retry"])
def test_cached_data_is_dropped_after_a_program_a_failure_or_before_a_retry(supervise, between):
    jobs = supervise(max_parallel=2)
    submit(jobs, "mail_cleanup")
    jobs.attempt_results()
    if between == "a command":
        jobs.submit("true", name="cmd", group="workspace")
    elif between == "a running command":
        jobs.submit("sleep", "1", name="cmd")
    elif between == "a failure":
        submit(jobs, "nosuch", handler="metrics", timeout=1)
    submit(jobs, "daily_report", attempt=2 if between == "a retry" else 1)

    jobs.attempt_results()
    assert data_of(jobs, "daily_report")["before"] == []


@pytest.mark.usefixtures("handlers")
def test_a_result_is_written_before_its_process_starts_another_run(supervise):
    jobs = supervise()
    submit(jobs, "memory_rollover", "mail_cleanup", "daily_report")
    jobs.attempt_results()

    kinds = [type(record).__name__ for record in read_records((jobs.root / "tick.jsonl").read_bytes())]
    assert kinds == ["Started", "Ended"] * 3


@pytest.mark.usefixtures("handlers")
def test_an_import_error_during_an_upgrade_ends_no_other_job(supervise, monkeypatch):
    monkeypatch.setitem(sys.modules, "scheduled.execution.handler_host", None)
    jobs = supervise()
    jobs.submit("sleep", "0.5", name="running")
    submit(jobs, "mail_cleanup")

    assert jobs.attempt_results()["running"].status == "success"
    [not_started] = jobs.found(NotStarted)
    assert "handler_host" in not_started.reason


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("setting", [{"nice": 5}, {"umask": 0o77}, {"limits": Limits(cpu=60)}])
def test_a_process_with_irreversible_settings_is_not_reused(supervise, setting):
    jobs = supervise()
    submit(jobs, "mail_cleanup")
    submit(jobs, "memory_rollover", **setting)
    submit(jobs, "daily_report")

    assert {attempt_result.status for attempt_result in jobs.attempt_results().values()} == {"success"}
    pids = pids_of(jobs)
    assert pids["mail_cleanup"] == pids["daily_report"] != pids["memory_rollover"]


# Parallel jobs


WORK = "echo + >> journal; sleep 0.2; echo - >> journal"


def most_at_once(root):
    depth = most = 0
    for sign in (root / "journal").read_text().split():
        depth += 1 if sign == "+" else -1
        most = max(most, depth)
    return most


@pytest.mark.parametrize("max_parallel", [1, 2])
def test_at_most_max_parallel_jobs_run_at_once(supervise, tmp_path, max_parallel):
    jobs = supervise(max_parallel=max_parallel)
    for number in range(4):
        jobs.submit(*SHELL, WORK, name=f"job{number}", urgent=True)

    attempt_results = jobs.attempt_results()

    assert (
        {attempt_result.status for attempt_result in attempt_results.values()},
        most_at_once(tmp_path),
    ) == (
        {"success"},
        max_parallel,
    )


def test_jobs_of_a_group_run_one_at_a_time_and_others_overtake_them(supervise, tmp_path):
    jobs = supervise(max_parallel=4)
    for number in range(3):
        jobs.submit(*SHELL, WORK, name=f"job{number}", group="disk")
    jobs.submit("true", name="free")

    jobs.attempt_results()

    order = [record.run_id for record in jobs.found(Started)]
    assert (most_at_once(tmp_path), order.index("free") <= 1) == (1, True)
    assert [name for name in order if name != "free"] == ["job0", "job1", "job2"]


def test_jobs_start_in_the_order_of_submission(supervise):
    jobs = supervise(max_parallel=1)
    for number in range(5):
        jobs.submit("true", name=f"job{number}")

    jobs.attempt_results()

    assert [record.run_id for record in jobs.found(Started)] == [f"job{number}" for number in range(5)]


def test_after_its_time_limit_a_tick_starts_only_urgent_jobs(supervise):
    jobs = supervise(max_parallel=1, start_within=0.2)
    jobs.submit("sleep", "0.4", name="first").submit("true", name="late").submit(
        "true", name="urgent", urgent=True
    )

    attempt_results = jobs.attempt_results()

    assert (sorted(attempt_results), [(record.run_id, record.deferred) for record in jobs.found(NotStarted)]) == (
        ["first", "urgent"], [("late", True)],
    )  # fmt: skip
