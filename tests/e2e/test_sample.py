"""One `scheduled run` on a workspace in the real format, under a fake clock."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.sample_workspace import Sample, state_of
from tests.fixtures.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed"
    ),
]

AT = "2026-02-03 14:00:00"
SWEEP = ("health", "memory_rollover", "mail_cleanup", "metrics")


@pytest.fixture
def swept(world: World, sample: Sample) -> tuple[World, Sample]:
    jobs = "".join(f'[jobs.{name}]\ncron = "0 * * * *"\nhandler = "{name}"\n' for name in SWEEP)
    report = '[jobs.daily_report]\ncron = "0 8 * * *"\nhandler = "daily_report"\n'
    world.configure(f'timezone = "UTC"\nworkspace = "{sample.root}"\n{jobs}{report}')
    done = world.run("run", at=AT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return world, sample


def central(sample: Sample, name: str) -> Any:
    return json.loads((sample.root / "aipass_os" / "AI_CENTRAL" / f"{name}.central.json").read_text())


def dispatches(branch: dict[str, Any], sample: Sample) -> set[str]:
    """Return the ids of waiting dispatches that are old enough to be opened."""
    found = {mail["id"] for mail in sample.mails(branch["name"]) if mail.get("auto_execute")}
    return found & set(branch["mail"]["robust"]["auto_open_ids"])


def test_a_sweep_finds_the_expected_numbers(swept: tuple[World, Sample]) -> None:
    world, sample = swept
    snapshot = world.snapshot()

    assert snapshot["health_check"]["last_status"] == {"healthy": 17, "warnings": 2, "errors": 0}
    assert snapshot["memory_rollover"]["notified_files"] == ["FLOW:FLOW.observations.json"]
    assert snapshot["mail_cleanup"]["stats"] == {"auto_opened_total": 57, "auto_closed_total": 26}
    logs = central(sample, "METRICS")["logs"]
    assert (logs["recent_errors"], logs["recent_critical"], logs["recent_warnings"]) == (6, 1, 3)
    health = central(sample, "HEALTH")
    assert (health["healthy"], len(health["warnings"]), len(health["errors"])) == (17, 2, 0)


def test_a_sweep_opens_and_closes_exactly_the_expected_mails(swept: tuple[World, Sample]) -> None:
    _, sample = swept
    waiting = 0

    for branch in sample.expected["branches"]:
        expected, name = branch["mail"]["robust"], branch["name"]
        held = dispatches(branch, sample)
        waiting += len(held)
        mails = {mail["id"]: mail for mail in sample.mails(name)}
        opened = {key for key, mail in mails.items() if mail.get("auto_opened")}
        archived = [
            json.loads(path.read_text())
            for path in (sample.path(name) / "ai_mail.local/deleted").glob("*.json")
        ]
        closed = {
            mail["id"] for mail in archived if mail.get("archived_at", "").startswith(AT[:10] + "T14:00")
        }

        assert opened == set(expected["auto_open_ids"]) - held
        assert closed == set(expected["auto_close_ids"])
        assert {mails[key]["status"] for key in held} <= {"new"}
        assert not closed & set(mails)
    assert waiting == 6


def test_with_the_option_a_sweep_also_opens_waiting_dispatches(world: World, sample: Sample) -> None:
    world.configure(f"""
        timezone = "UTC"
        workspace = "{sample.root}"
        [jobs.mail_cleanup]
        cron = "0 * * * *"
        handler = "mail_cleanup"
        options = {{ open_waiting_dispatches = true }}
    """)

    world.run("run", at=AT)

    assert world.snapshot()["mail_cleanup"]["stats"]["auto_opened_total"] == 63


def test_a_second_sweep_at_the_same_time_only_changes_timestamps(swept: tuple[World, Sample]) -> None:
    world, sample = swept
    before = state_of(sample.root)

    done = world.run("run", *SWEEP, at=AT)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    after = state_of(sample.root)
    changed = {
        Path(name).name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    }
    assert changed == {
        "HEALTH.central.json",
        "METRICS.central.json",
        "METRICS.history.jsonl",
        "scheduled.log",
    }


def test_unchanged_files_keep_content_inode_and_times(world: World, sample: Sample) -> None:
    before = state_of(sample.root)
    world.configure(f"""
        timezone = "UTC"
        workspace = "{sample.root}"
        [jobs.health]
        cron = "0 * * * *"
        handler = "health"
        [jobs.mail_cleanup]
        cron = "0 * * * *"
        handler = "mail_cleanup"
    """)

    world.run("run", at=AT)

    after = state_of(sample.root)
    touched = {name for name in before if before[name] != after[name]}
    assert {Path(name).name for name in touched} == {"inbox.json", "AI_MAIL.central.json"}


def test_notices_are_delivered_as_mail_in_the_documented_format(swept: tuple[World, Sample]) -> None:
    _, sample = swept
    summary = next(
        mail for mail in sample.mails("ASSISTANT") if mail["subject"].startswith("[SCHEDULED] Health")
    )
    memory = next(mail for mail in sample.mails("FLOW") if mail["subject"].startswith("[MEMORY]"))

    assert summary["subject"] == "[SCHEDULED] Health Check - 2 Issues Found"
    assert (summary["from"], summary["status"], summary["auto_execute"]) == ("@trigger", "new", False)
    assert "**Warning: DRONE**\n- DRONE.local.json: 523 lines (approaching threshold)" in summary["message"]
    assert memory["subject"] == "[MEMORY] FLOW.observations.json exceeded 600 lines - compress needed"
    stats = central(sample, "AI_MAIL")["branch_stats"]
    for name in ("ASSISTANT", "FLOW", "DEV_CENTRAL"):
        unread = sum(mail["status"] == "new" for mail in sample.mails(name))
        assert stats[name] == {"unread": unread, "total": len(sample.mails(name))}


def test_the_report_is_written_in_two_formats_and_delivered(swept: tuple[World, Sample]) -> None:
    world, sample = swept

    done = world.run("daily-report", at=AT)

    assert done.returncode == 0
    reports = sorted(path.name for path in (world.state / "reports").iterdir())
    assert reports == ["daily-2026-02-03.html", "daily-2026-02-03.md"]
    subjects = [mail["subject"] for mail in sample.mails("DEV_CENTRAL")]
    assert subjects[0] == "[DAILY] System Report - 2026-02-03"
    assert {path.stat().st_mode & 0o777 for path in (world.state / "reports").iterdir()} == {0o600}


def test_a_missed_report_is_caught_up_by_the_next_tick(world: World, sample: Sample) -> None:
    world.configure(f"""
        timezone = "UTC"
        workspace = "{sample.root}"
        [jobs.daily_report]
        cron = "0 8 * * *"
        handler = "daily_report"
    """)
    world.run("run", at="2026-02-03 07:50:00")

    world.run("run", at="2026-02-03 09:20:00")

    runs = world.json("history", at="2026-02-03 09:21:00")
    assert [(run["scheduled_for"], run["status"]) for run in runs] == [
        ("2026-02-03T08:00:00+00:00", "success")
    ]
    assert world.run("daily-report", "--due", at="2026-02-03 09:22:00").returncode == 0
    assert len(world.json("history", at="2026-02-03 09:23:00")) == 1
