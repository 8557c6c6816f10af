"""Attempts with secrets that take long hold up no other attempts."""

import os
import signal

import pytest

from scheduled.execution import secret_getter, secret_runs, secret_values
from scheduled.execution.protocol import Ended, NotStarted, Started
from tests.fixtures.supervised import PATIENCE, gone, supervise

__all__ = ["supervise"]
# The supervisor is forked. Python warns about that because xdist has threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def waits_for(path):
    return {"TOKEN": f"command:until [ -e {path} ]; do sleep 0.02; done; echo a-token"}


def order(supervised):
    return [record.run_id for record in supervised.records if isinstance(record, Started)]


def test_a_slow_secret_gives_its_place_to_other_attempts_after_a_short_time(supervise, tmp_path, monkeypatch):
    monkeypatch.setattr(secret_runs, "HOLD", 0.3)
    jobs = supervise(max_parallel=1)

    jobs.submit("true", name="slow", secret_sources=waits_for(tmp_path / "go"))
    jobs.submit("touch", str(tmp_path / "go"), name="other")

    assert {name: result.status for name, result in jobs.attempt_results().items()} == {
        "slow": "success", "other": "success"
    }  # fmt: skip
    assert order(jobs) == ["other", "slow"]


def test_an_attempt_keeps_its_place_while_its_secrets_are_read_quickly(supervise, monkeypatch):
    monkeypatch.setattr(secret_runs, "HOLD", PATIENCE)
    jobs = supervise(max_parallel=1)

    jobs.submit("true", name="critical", secret_sources={"TOKEN": "command:sleep 0.2; echo a-token"})
    jobs.submit("true", name="other")
    jobs.attempt_results()

    assert order(jobs) == ["critical", "other"]


def test_secrets_are_read_side_by_side(supervise, tmp_path):
    jobs = supervise(max_parallel=3)
    for name in "abc":
        together = f"until [ $(ls {tmp_path}/here-* | wc -l) = 3 ]; do sleep 0.02; done"
        asks = f"command:touch {tmp_path}/here-{name}; {together}; echo a-token"
        jobs.submit("true", name=name, secret_sources={"TOKEN": asks})

    assert {result.status for result in jobs.attempt_results().values()} == {"success"}


def test_at_most_a_bounded_number_of_attempts_waits_for_secrets(supervise, tmp_path, monkeypatch):
    monkeypatch.setattr(secret_runs, "AT_ONCE", 1)
    jobs = supervise(max_parallel=9)
    for name in "abc":
        alone = f"mkdir {tmp_path}/alone && sleep 0.2 && rmdir {tmp_path}/alone"
        jobs.submit("true", name=name, secret_sources={"TOKEN": f"command:{alone} && echo a-token"})

    assert {result.reason for result in jobs.attempt_results().values()} == {""}


def test_jobs_of_a_group_wait_while_the_secrets_of_one_are_read(supervise, tmp_path):
    jobs = supervise(max_parallel=4)

    jobs.submit("true", name="first", group="g", secret_sources=waits_for(tmp_path / "go"))
    jobs.submit("true", name="second", group="g")
    jobs.submit("touch", str(tmp_path / "go"), name="third")
    jobs.attempt_results()

    assert order(jobs) == ["third", "first", "second"]


def test_a_command_without_an_answer_is_killed_and_fails_the_attempt(supervise, tmp_path, monkeypatch):
    monkeypatch.setattr(secret_values, "LIMIT", 0.5)
    jobs = supervise()
    detached = f"setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 1000'"

    jobs.submit("true", secret_sources={"TOKEN": f"command:{detached}"})
    result = jobs.attempt_result()

    assert (result.status, result.exit_code) == ("failed", os.EX_CONFIG)
    assert result.reason.endswith("): it gave no answer within 60 s")
    assert not jobs.found(Started) and not jobs.output().exists()
    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_killed_or_stopped_reader_is_no_failure_of_the_job_and_leaves_no_command(
    supervise, tmp_path, monkeypatch, number
):
    monkeypatch.setattr(secret_getter, "LIMIT", 1)
    monkeypatch.setattr(secret_getter, "GRACE", 1)
    jobs = supervise()

    jobs.submit(
        "true",
        secret_sources={"TOKEN": f"command:echo $$ > {tmp_path}/pid; kill -{number} $PPID; sleep 1000"},
    )
    jobs.attempt_results()
    [record] = [record for record in jobs.records if isinstance(record, NotStarted | Ended)]

    if number == signal.SIGKILL:
        assert record.reason == "its secrets could not be read: the process that reads them was killed"
    else:
        assert record.attempt_result.reason == "secrets: no answer within 1 s"
    pid = int((tmp_path / "pid").read_text())
    end = PATIENCE / 0.02
    while not gone(pid) and end > 0:
        end -= 1
        signal.sigtimedwait([], 0.02)
    assert gone(pid)
