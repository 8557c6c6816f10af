"""Real ticks call the objects that [compat] names, in real child processes that print, raise, hang and are killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from scheduled.notify import adapter
from scheduled.notify.outbox import notice_id
from tests.fixtures.sample_workspace import Sample
from tests.fixtures.seed import seed
from tests.fixtures.world import World

SEED = seed("ADAPTER_SEED")
KILLS = 5  # random points in the 0.3 s of a child

# A trigger as that of the workspace: a class with a method that returns counts. It prints, like its handlers.
TRIGGER = """
import json, os, subprocess, sys, time

class Trigger:
    @classmethod
    def fire(cls, event, **data):
        print("noise" * 20_000)
        print("noise" * 20_000, file=sys.stderr)
        with open("fired", "a") as file:
            file.write(json.dumps([event, data, sorted(os.environ), sys.executable]) + "\\n")
        if data.get("job") == "raises":
            raise RuntimeError("refused " + os.environ.get("API_TOKEN", ""))
        if data.get("job") == "hangs":
            subprocess.Popen(["sleep", "987654"])
            time.sleep(987654)
        if data.get("job") == "crashes":
            os._exit(0)
        return {"event": event, "handlers": 0, "ran": 0, "failed": 0}
"""
# A mail program as that of the workspace: it locks the mailbox, and rewrites the inbox in place.
SENDER = """
import fcntl, json, pathlib, time, uuid

def send_email_direct(to_branch, subject, message, auto_execute=False, reply_to=None, dispatched_to=None, from_branch=None):
    with open("called", "a") as file:
        file.write(subject + "\\n")
    time.sleep(0.05)
    registry = json.load(open("BRANCH_REGISTRY.json"))["branches"]
    branch = next(pathlib.Path(b["path"]) for b in registry if b["email"] == to_branch)
    inbox = branch / "ai_mail.local" / "inbox.json"
    mail = {"id": uuid.uuid4().hex[:8], "timestamp": "2026-02-03 12:00:00", "from": from_branch, "from_name": "TRIGGER",
            "subject": subject, "message": message + "\\n---\\nfooter", "status": "new", "auto_execute": auto_execute}
    with open(inbox.with_name(".inbox.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        document = json.loads(inbox.read_text())
        document["messages"].insert(0, mail)
        document["total_messages"] += 1
        document["unread_count"] += 1
        time.sleep(0.05)
        inbox.write_text(json.dumps(document, indent=2))
    time.sleep(0.05)
    return True
"""


def configure(world: World, workspace: Path, compat: str, *jobs: str) -> None:
    head = f'timezone = "UTC"\nworkspace = "{workspace}"\n[compat]\n{compat}\n'
    world.configure(head + "".join(f'[jobs.{name}]\ncommand = "true"\n' for name in jobs))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    found = tmp_path / "workspace"
    found.mkdir()
    (found / "prog.py").write_text(TRIGGER)
    return found


def fired(workspace: Path) -> list[Any]:
    return [json.loads(line) for line in (workspace / "fired").read_text().splitlines()]


def warnings(world: World) -> list[str]:
    logs = world.root.rglob(
        "scheduled.log"
    )  # in a workspace with `system_logs/`, there; none if nothing was logged
    lines = "".join(log.read_text() for log in logs).splitlines()
    return [line.partition("| WARNING | ")[2] for line in lines if "| WARNING | " in line]


def processes(text: str, directory: Path) -> list[int]:
    """Return the ids of the processes in *directory* with *text* in their command line: other tests run at the same time."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if not entry.name.isdigit() or (entry / "cwd").resolve() != directory.resolve():
                continue
            if text.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def test_the_events_of_a_tick_are_fired_with_the_environment_of_a_job(world: World, workspace: Path) -> None:
    configure(world, workspace, 'trigger = "prog:Trigger"', "good")
    done = world.run("run", "good", env={**os.environ, "MY_TOKEN": "secret of the caller"})

    assert (done.returncode, done.stderr, warnings(world)) == (0, "", [])
    (started, _, environment, python), (completed, payload, *_) = fired(workspace)
    assert (started, completed, payload["job"], python) == (
        "job_started",
        "job_completed",
        "good",
        sys.executable,
    )
    assert {"HOME", "PATH", "SCHEDULED_CONFIG", "SCHEDULED_STATE"} <= {*environment}
    assert "MY_TOKEN" not in environment


def test_a_run_that_inherits_the_environment_of_the_caller_does_not_give_it_to_the_trigger(
    world: World, workspace: Path
) -> None:
    configure(world, workspace, 'trigger = "prog:Trigger"', "good")
    world.run("run", "good", "--inherit-env", env={**os.environ, "MY_TOKEN": "secret of the caller"})

    assert [row[2] for row in fired(workspace) if "MY_TOKEN" in row[2]] == []


def test_another_interpreter_that_has_none_of_our_modules_can_be_used(world: World, workspace: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", workspace / "venv"], check=True)
    (workspace / "prog.py").write_text(
        f"import importlib.util as u; assert not u.find_spec('msgspec')\n{TRIGGER}"
    )
    configure(world, workspace, f'trigger = "prog:Trigger"\npython = "{workspace}/venv/bin/python"', "good")
    world.run("run", "good")

    assert {row[3] for row in fired(workspace)} == {f"{workspace}/venv/bin/python"}


@pytest.mark.parametrize(
    ("target", "job", "reason"),
    [
        ("prog:Trigger", "raises", "RuntimeError: refused ***"),
        ("prog:Trigger", "crashes", "its process ended before the end of the call"),
        ("prog:Gone", "good", "cannot be imported: AttributeError: module 'prog' has no attribute 'Gone'"),
        ("gone:Trigger", "good", "cannot be imported: ModuleNotFoundError: No module named 'gone'"),
        ("nonsense", "good", "cannot be imported: AttributeError: module 'nonsense' has no attribute ''"),
    ],
)
def test_a_failure_is_a_warning_and_the_tick_goes_on(
    world: World, workspace: Path, target: str, job: str, reason: str
) -> None:
    (workspace / "nonsense.py").write_text("")
    stub = Path.home() / "bin/crontab"
    stub.write_text("#!/bin/sh\necho API_TOKEN=quite-secret\n")
    configure(world, workspace, f'trigger = "{target}"', job)
    done = world.run("run", job)

    text = f"[compat] trigger: job_started, job_completed: {reason}"
    assert (done.returncode, done.stderr) == (0, f"scheduled: {text}\n")
    assert (warnings(world), world.json("history")[0]["status"]) == ([text], "success")


def test_a_trigger_that_hangs_is_killed_with_its_processes_after_the_timeout(
    world: World, workspace: Path
) -> None:
    configure(world, workspace, 'trigger = "prog:Trigger"\ntimeout = 1', "hangs")
    began = time.monotonic()
    done = world.run("run", "hangs")

    text = "[compat] trigger: job_started, job_completed: no end within 1 s; its process was killed"
    assert (done.returncode, done.stderr) == (0, f"scheduled: {text}\n")
    assert time.monotonic() - began < 20
    assert processes("987654", workspace) == []


def test_a_trigger_that_hangs_ends_itself_if_the_tick_is_killed(
    world: World, workspace: Path, until: Any
) -> None:
    configure(world, workspace, 'trigger = "prog:Trigger"\ntimeout = 1', "hangs")
    tick = world.start("run", "hangs")
    until(lambda: processes("987654", workspace))
    tick.kill()
    tick.wait()

    until(lambda: not processes("987654", workspace))
    assert processes("adapter_call.py", workspace) == []


@pytest.mark.parametrize(
    ("parameters", "got"), [("to", [1]), ("to, upsert_key", [1, "x"]), ("to, **others", [1, "x"])]
)
def test_an_optional_keyword_is_passed_to_a_function_that_accepts_it(
    workspace: Path, parameters: str, got: list[object]
) -> None:
    code = f"def send({parameters}): return [to, *locals().get('others', {{}}).values(), *locals().get('upsert_key', [])]"
    (workspace / "prog.py").write_text(code)
    own = adapter.Adapter(python=sys.executable, timeout=30, workspace=workspace, environment={})
    call = adapter.Call(keywords={"to": 1}, optional={"upsert_key": "x"})

    assert adapter.call(own, "prog:send", [call]) == adapter.Answers([adapter.Answer(got)])


def test_without_the_table_a_tick_imports_nothing_of_it(world: World, workspace: Path) -> None:
    configure(world, workspace, "", "good")
    arguments = world.command("run", "good")[1:]
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True
    ).stderr

    assert "scheduled.notify.outbox" in imported
    assert "adapter" not in imported


@pytest.fixture
def mailing(world: World, sample: Sample) -> World:
    """A world that sends notices through SENDER."""
    (sample.root / "prog.py").write_text(SENDER)
    configure(world, sample.root, 'send = "prog:send_email_direct"', "good")
    world.run("run")
    return world


def post(world: World, subject: str) -> None:
    """Put a notice to @flow into the outbox."""
    notice = json.dumps({"recipient": "@flow", "subject": subject, "body": "all is well"})
    world.sql(
        "INSERT INTO outbox (id, notice, host, created_at, next_try)"
        f" VALUES ('{notice_id(subject)}', '{notice}', '', 0, 0)"
    )


def bodies(sample: Sample, subject: str) -> list[str]:
    return [str(mail["message"]) for mail in sample.mails("FLOW") if mail["subject"] == subject]


def children(sample: Sample) -> list[int]:
    """Return the ids of the processes that call SENDER."""
    return processes("adapter_call.py", sample.root)


def test_a_notice_is_sent_through_the_function(mailing: World, sample: Sample) -> None:
    post(mailing, "x")
    done = mailing.run("run")

    assert (done.returncode, done.stderr, warnings(mailing)) == (0, "", [])
    assert (bodies(sample, "x"), mailing.sql("SELECT * FROM outbox")) == (["all is well\n---\nfooter"], [])


def test_without_the_function_the_notice_is_written(mailing: World, sample: Sample) -> None:
    (sample.root / "prog.py").unlink()
    post(mailing, "x")
    mailing.run("run")

    reason = "cannot be imported: ModuleNotFoundError: No module named 'prog'"
    assert bodies(sample, "x") == ["all is well"]
    assert warnings(mailing) == [f"[compat] send: @flow: 'x': {reason}; the mail is delivered without it"]


@pytest.mark.parametrize("victims", ["child", "tick", "both"])
def test_a_kill_at_a_random_point_neither_loses_nor_doubles_the_mail(
    mailing: World, sample: Sample, until: Any, victims: str
) -> None:
    rng = random.Random(f"{SEED} {victims}")
    for number in range(KILLS):
        post(mailing, subject := f"mail {number}")
        before = sample.inbox("FLOW").read_bytes()
        tick = mailing.start("run")
        child = until(lambda: children(sample))[0]
        time.sleep(rng.uniform(0, 0.3))
        with suppress(ProcessLookupError):
            if victims != "child":
                tick.kill()
            if victims != "tick":
                os.kill(child, signal.SIGKILL)
        tick.wait()
        if victims != "tick":
            until(lambda: not children(sample))
            repair(sample, before)
        mailing.sql("UPDATE outbox SET next_try = 0")
        mailing.run("run")

        assert len(bodies(sample, subject)) == 1, f"ADAPTER_SEED={SEED}"
    assert mailing.sql("SELECT * FROM outbox") == []


def test_a_child_that_outlives_its_tick_is_waited_for(mailing: World, sample: Sample, until: Any) -> None:
    (sample.root / "prog.py").write_text(SENDER.replace("time.sleep(0.05)", "time.sleep(1.5)", 1))
    post(mailing, "slow")
    tick = mailing.start("run")
    until((sample.root / "called").exists)
    tick.kill()
    tick.wait()
    mailing.run("run")

    assert (bodies(sample, "slow"), (sample.root / "called").read_text()) == (
        ["all is well\n---\nfooter"],
        "slow\n",
    )
    assert mailing.sql("SELECT * FROM outbox") == []


def repair(sample: Sample, before: bytes) -> None:
    """Restore the inbox if a kill has interrupted the write of the mail program."""
    try:
        json.loads(sample.inbox("FLOW").read_bytes())
    except ValueError:
        sample.inbox("FLOW").write_bytes(before)
