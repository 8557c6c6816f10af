"""Functions of the API that the interfaces use: verdicts, previews, growing output, runs in the background."""

import asyncio
import sys
from pathlib import Path

import pytest

from scheduled import service
from scheduled.errors import BusyError, ConfigError, StateError, UnknownError
from scheduled.service import Instance
from scheduled.state import directories

JOBS = """
timezone = "Europe/Berlin"
[jobs.hourly]
cron = "0 * * * *"
command = "true"
[jobs.picky]
cron = "0 * * * *"
command = "exit 4"
catch_up = "none"
[jobs.by-hand]
command = "echo hä"
[jobs.slow]
command = "echo begun; sleep 60"
[jobs.both]
chain = ["hourly", ["by-hand", "slow"]]
on_failure = "continue"
"""


@pytest.fixture
def instance(world):
    world.configure(JOBS)
    return Instance(str(world.config), str(world.state))


def test_recent_statuses_are_listed_oldest_first(world, instance):
    for at in ("2026-03-02 00:30:00", "2026-03-02 01:00:10", "2026-03-02 05:00:10"):
        world.run("run", at=at)

    verdicts = service.recent_statuses(instance)

    assert [(entry["status"], entry["slots"]) for entry in verdicts["hourly"]] == [
        ("success", 1),
        ("coalesced", 3),
        ("success", 1),
    ]
    assert [entry["status"] for entry in verdicts["picky"]] == ["failed", "skipped", "failed"]
    assert verdicts["picky"][1]["reason"] == "missed"
    assert verdicts["hourly"][0]["at"] == "2026-03-02T02:00:00+01:00"
    assert verdicts["by-hand"] == []


def test_recent_statuses_include_manual_runs_and_the_run_under_way(world, instance, until):
    world.run("run", "by-hand")
    runner = world.start("run", "slow")
    until(lambda: service.recent_statuses(instance, "slow")["slow"])

    assert [entry["status"] for entry in service.recent_statuses(instance, "by-hand")["by-hand"]] == [
        "success"
    ]
    assert service.recent_statuses(instance, "slow")["slow"][0]["status"] in ("claimed", "running")
    world.kill_all(runner)


def test_a_limit_selects_the_newest_verdicts(world, instance):
    from scheduled.core.keys import JobKey
    from scheduled.queries.history import newest_statuses
    from scheduled.queries.view import open_view

    for at in ("2026-03-02 00:30:00", "2026-03-02 01:00:10", "2026-03-02 05:00:10"):
        world.run("run", at=at)

    with open_view(instance) as (view, ledger):
        shown = newest_statuses(view, ledger, JobKey("hourly"), 2)

    assert [entry["status"] for entry in shown] == ["coalesced", "success"]


def test_a_preview_has_a_schedule_in_words_and_its_next_ten_slots(instance):
    preview = service.preview(instance, {"cron": "30 2 * * MON", "timezone": "America/New_York"})

    assert (preview["schedule"], preview["schedule_words"], preview["zone"], len(preview["next"])) == (
        "30 2 * * MON",
        "at 02:30 on Monday",
        "America/New_York",
        10,
    )
    assert all(slot[11:16] == "02:30" for slot in preview["next"])
    assert service.preview(instance, {"on": "disk_full"})["schedule"] == "on disk_full"
    assert service.preview(instance, {})["schedule"] == "manual"


@pytest.mark.parametrize(
    "table",
    [{"cron": "61 * * * *"}, {"every": "5"}, {"at": "2020-01-01"}, {"cron": "@daily", "timezone": "Nowhere"}],
)
def test_the_error_about_an_invalid_schedule_names_its_key(instance, table):
    with pytest.raises(ConfigError, match=r"cron:|every:|at:|timezone:"):
        service.preview(instance, table)


def test_the_error_about_a_schedule_of_the_past_names_its_last_slot(instance):
    with pytest.raises(
        ConfigError, match=r"^at: has no slot in the future: the last one was 2020-01-01 00:00; "
    ):
        service.preview(instance, {"at": "2020-01-01", "timezone": "UTC"})


def test_output_is_read_from_an_offset_without_splitting_a_character(world, instance):
    world.run("run", "by-hand")
    [run] = service.history(instance, "by-hand")

    whole = service.printed(instance, run["run_id"])
    rest = service.printed(instance, run["run_id"], 1)

    assert (whole["output"], whole["size"], whole["running"]) == ("hä\n", 4, False)
    assert rest["output"] == "ä\n"
    assert service.printed(instance, run["run_id"], whole["size"])["output"] == ""
    assert (
        service.printed(instance, run["run_id"], 10**9)["output"] == "hä\n"
    )  # an offset behind the end, after the file was cut, returns everything
    with pytest.raises(UnknownError, match="no such run"):
        service.printed(instance, "none")


def test_an_incomplete_character_is_held_back(world, instance, until):
    world.configure(JOBS + "[jobs.halves]\ncommand = \"printf 'h\\\\303'; sleep 1; printf '\\\\244'\"\n")
    runner = world.start("run", "halves")
    [run] = until(lambda: [run for run in service.history(instance, "halves") if run["status"] == "running"])
    first = until(lambda: found if (found := service.printed(instance, run["run_id"]))["size"] else None)
    runner.wait()

    assert (first["output"], first["size"], first["running"]) == ("h", 1, True)
    assert service.printed(instance, run["run_id"], 1)["output"] == "ä"


SECRET = "correct-horse-battery"


@pytest.fixture
def secretive(world, instance):
    """A job that prints its secret in two parts, and waits before it ends."""
    world.configure(
        JOBS + f'[jobs.secretive]\nenv = {{ API_TOKEN = "{SECRET}" }}\n'
        "command = \"printf 'a correct-horse-'; sleep 1; echo battery z;"
        f' until [ -e {Path.home()}/end ]; do sleep 0.1; done"\n'
    )
    return instance


def test_a_secret_is_masked_while_a_run_prints_it_and_afterwards(world, secretive, until):
    runner = world.start("run", "secretive")
    [run] = until(
        lambda: [run for run in service.history(secretive, "secretive") if run["status"] == "running"]
    )
    first = until(lambda: found if (found := service.printed(secretive, run["run_id"]))["size"] else None)
    until(lambda: "z" in service.printed(secretive, run["run_id"])["output"])
    pieces = [service.printed(secretive, run["run_id"], start)["output"] for start in range(30)]
    (Path.home() / "end").touch()
    runner.wait()

    assert (first["output"], first["size"]) == ("a ", 2)  # the possible beginning of a secret is held back
    assert pieces[:3] == ["a *** z\n", " *** z\n", "*** z\n"]
    assert {piece.lstrip("*") for piece in pieces} <= {"a *** z\n", " *** z\n", " z\n", "z\n", "\n", ""}
    assert service.printed(secretive, run["run_id"])["output"] == "a *** z\n"


def removed(world):
    world.configure(JOBS)


def changed_in_place(world):
    (world.root / "env").write_text("WORD=another-one\n")


def replaced_by_an_older_one(world):
    (world.root / "older").replace(world.root / "env")


def deleted(world):
    (world.root / "env").unlink()


@pytest.fixture
def filed(world, instance):
    """A job that prints a secret from its env_file, and waits before it ends."""
    for name, word in (("older", "another-one"), ("env", SECRET)):
        (world.root / name).write_text(f"WORD={word}\n")
        (world.root / name).chmod(0o600)
    waiting = f'echo "a $WORD z"; until [ -e {Path.home()}/end ]; do sleep 0.1; done'
    world.configure(JOBS + f"[jobs.secretive]\nenv_file = \"{world.root}/env\"\ncommand = '{waiting}'\n")
    return instance


def under_the_same_name(world):
    removed(world)
    world.run("run")
    world.configure(JOBS + '[jobs.secretive]\ncommand = "true"\n')


@pytest.mark.parametrize(
    "change", [removed, changed_in_place, replaced_by_an_older_one, deleted, under_the_same_name]
)
def test_the_secrets_of_a_run_are_those_with_which_it_was_started(world, filed, until, change):
    runner = world.start("run", "secretive")
    [run] = until(lambda: [run for run in service.history(filed, "secretive") if run["status"] == "running"])
    before = until(lambda: service.logs(filed, "secretive")["output"])
    change(world)
    shown = [world.run("logs", *words).stdout for words in (["secretive"], [run["run_id"]])]
    live = service.printed(filed, run["run_id"], 3)
    followed = service.follow(filed, run["run_id"])
    first = next(followed)
    (Path.home() / "end").touch()
    runner.wait()

    assert (before, shown, first) == ("a *** z\n", ["a *** z\n"] * 2, b"a *** z\n")
    assert (live["running"], live["output"]) == (True, " z\n")
    assert b"".join(followed) == b""
    assert service.logs(filed, "secretive")["output"] == "a *** z\n"
    assert service.printed(filed, run["run_id"])["output"] == "a *** z\n"


def test_a_run_continues_after_its_caller_has_ended(instance, until):
    started = asyncio.run(service.start(instance, ["slow"]))
    assert (started["over"], started["result"]) == (False, None)
    [run] = until(lambda: [run for run in service.history(instance, "slow") if run["status"] == "running"])

    assert service.stop(instance, run["run_id"])["job"] == "slow"


def test_a_caller_that_waits_gets_the_result_of_the_run(instance):
    done = asyncio.run(service.start(instance, ["by-hand"], wait=30))

    assert (done["over"], done["result"]["exit_code"], [run["job"] for run in done["result"]["runs"]]) == (
        True,
        0,
        ["by-hand"],
    )


def test_the_error_of_a_refused_run_is_raised(world, instance):
    with pytest.raises(UnknownError, match="did you mean by-hand"):
        asyncio.run(service.start(instance, ["by-hamd"], wait=30))
    world.run("run", "by-hand")
    world.state.chmod(0o777)
    with pytest.raises((ConfigError, BusyError), match="chmod"):
        asyncio.run(service.start(instance, ["by-hand"], wait=30))


def test_for_queries_an_empty_ledger_of_a_first_tick_does_not_exist(instance):
    directories.prepare(instance.paths)
    instance.paths.ledger.touch()

    assert service.history(instance) == []
    assert service.status(instance)["ticks"]["last"] is None


def test_an_emptied_ledger_is_distinguished_from_a_new_one(world, instance):
    world.run("run")
    for left in instance.paths.root.glob("ledger.db*"):
        left.unlink()
    instance.paths.ledger.touch()

    assert "is empty; `scheduled run` creates its tables" in world.run("history").stderr


# Outside of the sandbox of a unit


@pytest.fixture
def outside(monkeypatch, tmp_path):
    """Start runs through a command that, as systemd-run, passes only the standard streams on, and another environment."""
    command = tmp_path / "outside"
    command.write_text(
        f'#!/bin/sh\ntouch "{tmp_path}/used"\n'
        f'env -i PATH="$PATH" HOME="$HOME" "{sys.executable}" -I -c "import os, sys; os.closerange(3, 100); '
        'os.execv(sys.argv[1], sys.argv[1:])" "$@"\n'
    )
    command.chmod(0o700)
    monkeypatch.setenv("SCHEDULED_START_WITH", f"'{command}'")
    return tmp_path / "used"


def test_a_run_is_started_through_the_command_that_leaves_the_sandbox(instance, outside):
    found = asyncio.run(service.start(instance, ["by-hand"], wait=60))

    assert outside.exists()
    assert (found["over"], found["result"]["runs"][0]["status"]) == (True, "success")
    assert found["run_id"] == found["run_ids"][0]
    assert list(instance.paths.root.glob(".claims*")) == []


def test_a_claim_is_known_at_once_also_outside_of_the_sandbox(world, instance, outside):
    found = asyncio.run(service.start(instance, ["slow"]))
    with pytest.raises(BusyError, match="slow"):
        asyncio.run(service.start(instance, ["slow"]))
    service.stop(instance, found["run_id"])

    assert outside.exists() and found["run_id"].startswith("slow-") and not found["over"]
    assert list(world.state.glob(".claims*")) == []


@pytest.mark.parametrize("command", ["/nowhere/systemd-run", "false"])
def test_a_command_that_starts_nothing_is_an_error_in_words(instance, monkeypatch, command):
    monkeypatch.setenv("SCHEDULED_START_WITH", command)

    with pytest.raises(StateError, match=r"nowhere|exit code 1"):
        asyncio.run(service.start(instance, ["by-hand"], wait=10))
    assert list(instance.paths.root.glob(".claims*")) == []
