"""The health check: limits and missing mailboxes decide the status; changed issues cause a notice."""

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduled.core.conditions import Change, Recipients
from scheduled.core.events import PUBLISHED
from scheduled.handlers import health
from scheduled.state.files import SIZE_LIMIT
from tests.fixtures.sample_workspace import NOW, Sample, mail


def central(sample: Sample) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((sample.root / "aipass_os/AI_CENTRAL/HEALTH.central.json").read_text())
    return found


def detail(sample: Sample, branch: str) -> dict[str, Any]:
    return next(entry for entry in central(sample)["details"] if entry["branch"] == branch)


def lines(sample: Sample, branch: str, kind: str, number: int) -> Path:
    path = sample.path(branch) / f"{branch}.{kind}"
    path.write_text("{}\n" * number)
    return path


@pytest.mark.parametrize(
    ("number", "status", "issues"),
    [
        (500, "healthy", []),
        (501, "warning", ["local.json: 501 lines (approaching threshold)"]),
        (600, "warning", ["local.json: 600 lines (approaching threshold)"]),
        (601, "warning", ["local.json: 601 lines (threshold: 600)"]),
    ],
)
def test_memory_limits_decide_the_status(sample: Sample, number: int, status: str, issues: list[str]) -> None:
    lines(sample, "SEED", "local.json", number)

    sample.run(health)

    found = detail(sample, "SEED")
    assert (status, issues) == (found["status"], found["issues"])


@pytest.mark.timeout(60)
def test_a_memory_file_that_is_too_large_is_one_note_about_its_branch_and_is_not_counted(
    sample: Sample,
) -> None:
    """A sparse file of terabytes takes no space on the disk, and hours to count."""
    os.truncate(lines(sample, "SEED", "local.json", 1), SIZE_LIMIT + 1)

    outcome = sample.run(health)

    assert outcome.status == "success"
    (note,) = (note for note in detail(sample, "SEED")["notes"] if "local.json was skipped" in note)
    assert f"too large: {SIZE_LIMIT + 1} bytes, and at most {SIZE_LIMIT} are counted" in note
    assert {entry["branch"] for entry in central(sample)["details"]} >= {"SEED", "FLOW", "TRIGGER"}


def test_a_last_line_without_a_newline_counts(sample: Sample) -> None:
    lines(sample, "SEED", "local.json", 500).write_text("{}\n" * 500 + "{}")

    sample.run(health)

    assert detail(sample, "SEED")["issues"] == ["local.json: 501 lines (approaching threshold)"]


def test_a_missing_mailbox_is_an_error_and_a_missing_memory_file_is_not(sample: Sample) -> None:
    shutil.rmtree(sample.inbox("SEED").parent)
    (sample.path("API") / "API.local.json").unlink()

    outcome = sample.run(health)

    assert (
        detail(sample, "SEED")["status"],
        detail(sample, "SEED")["issues"],
    ) == ("error", ["Missing ai_mail.local directory"])
    assert detail(sample, "API")["status"] == "healthy"
    assert outcome.data["errors"] == 1


def test_a_missing_branch_directory_is_an_error(sample: Sample) -> None:
    shutil.rmtree(sample.path("SEED"))

    sample.run(health)

    assert detail(sample, "SEED")["status"] == "error"


def test_memory_files_are_found_by_the_name_of_the_branch(sample: Sample) -> None:
    """A glob would find other files too, such as CLOSED_PLANS.local.json."""
    (sample.path("SEED") / "CLOSED_PLANS.local.json").write_text("{}\n" * 700)

    sample.run(health)

    assert detail(sample, "SEED")["issues"] == []


def test_the_central_file_has_the_shape_of_the_design(sample: Sample) -> None:
    sample.run(health)

    found = central(sample)
    warning = {
        "branch": "DRONE",
        "status": "warning",
        "issues": ["local.json: 523 lines (approaching threshold)"],
    }
    assert ("2026-02-03T14:00:00", 17, [], warning) == (
        found["timestamp"],
        found["healthy"],
        found["errors"],
        found["warnings"][0],
    )
    assert {"branch", "status", "issues", "notes"} == found["details"][0].keys()


def test_notes_list_old_and_missing_files_and_logs_that_are_not_rotated(sample: Sample) -> None:
    home = sample.path("SEED")
    (home / "README.md").unlink()
    two_days = (NOW - timedelta(days=2, hours=1)).timestamp()
    os.utime(home / "DASHBOARD.local.json", (two_days, two_days))
    (home / "logs" / "audit.log").write_bytes(b"x" * 400_001)
    (home / "logs" / "audit.log.1").touch()
    (sample.root / "system_logs" / "seed_audit.log").write_bytes(b"x" * 400_001)
    plans = sample.root / "aipass_os/AI_CENTRAL/PLANS.central.json"
    os.utime(plans, (two_days, two_days))

    outcome = sample.run(health)

    notes = [note for note in detail(sample, "SEED")["notes"] if "older than" not in note]
    expected = [
        "README.md is missing",
        "DASHBOARD.local.json was last changed 2 days ago",
        "logs/audit.log is not rotated: 400,001 bytes",
    ]
    assert expected == notes
    assert central(sample)["notes"] == [
        "PLANS.central.json was last changed 2 days ago",
        "system_logs/seed_audit.log is not rotated: 400,001 bytes, and there is no seed_audit.log.1",
    ]
    assert outcome.data["healthy"] == 17


def test_strict_turns_these_notes_into_warnings_but_not_those_on_stale_mail(sample: Sample) -> None:
    (sample.path("SEED") / "README.md").unlink()

    outcome = sample.run(health, health.Options(strict=True))

    assert detail(sample, "SEED")["issues"] == ["README.md is missing"]
    assert detail(sample, "API")["status"] == "healthy"
    # Two memory files over a limit, the missing README of SEED, and two READMEs older than 30 days.
    assert outcome.data["warnings"] == 5


@pytest.mark.timeout(20)
def test_a_fifo_link_or_directory_in_place_of_a_memory_file_is_noted_and_does_not_block(
    sample: Sample, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("\n" * 1000)
    for branch in ("SEED", "API", "CLI"):
        (sample.path(branch) / f"{branch}.local.json").unlink()
    os.mkfifo(sample.path("SEED") / "SEED.local.json")
    (sample.path("API") / "API.local.json").symlink_to(outside)
    (sample.path("CLI") / "CLI.local.json").mkdir()

    outcome = sample.run(health)

    for branch in ("SEED", "API", "CLI"):
        assert detail(sample, branch)["notes"][0].startswith("local.json was skipped: ")
    assert outcome.data["healthy"] == 17


def test_own_notices_do_not_count_as_stale_mail(sample: Sample) -> None:
    own = mail(timestamp="2026-01-01 00:00:00", subject="[DAILY] x", **{"from": "@trigger"})
    sample.put("SEED", own, own | {"status": "opened"}, mail(timestamp="2026-01-01 00:00:00"))

    sample.run(health)

    assert detail(sample, "SEED")["notes"] == ["1 new mail older than 48 h"]


def test_a_summary_is_sent_in_the_format_of_the_design(sample: Sample) -> None:
    (notice,) = sample.notices(health, sample.run(health))

    assert (
        notice.recipient,
        notice.subject,
        notice.priority,
    ) == ("@assistant", "[SCHEDULED] Health Check - 2 Issues Found", "normal")
    expected = """\
## Health Check Summary
Time: 2026-02-03 14:00:00
Branches checked: 19

### Issues Found

**Warning: DRONE**
- DRONE.local.json: 523 lines (approaching threshold)

**Warning: FLOW**
- FLOW.observations.json: 612 lines (threshold: 600)

---
This is an automated health check. For details, run:
scheduled status"""
    assert expected == notice.body


def test_the_same_issues_cause_no_second_notice_when_only_their_numbers_change(sample: Sample) -> None:
    """Otherwise the same issue would cause a mail every hour."""
    sample.notices(health, sample.run(health))
    lines(sample, "DRONE", "local.json", 560)

    assert sample.notices(health, sample.run(health, now=NOW + timedelta(hours=1))) == []


def test_one_notice_lists_new_remaining_and_gone_issues(sample: Sample) -> None:
    sample.notices(health, sample.run(health))
    lines(sample, "DRONE", "local.json", 10)
    shutil.rmtree(sample.inbox("SEED").parent)

    (notice,) = sample.notices(health, sample.run(health))

    assert (notice.subject, notice.priority) == ("[SCHEDULED] Health Check - 2 Issues Found", "high")
    assert "**Error: SEED**\n- Missing ai_mail.local directory" in notice.body
    assert "**Warning: FLOW**" in notice.body
    gone = "### No Longer\n\n- DRONE.local.json: 523 lines (approaching threshold)"
    assert gone in notice.body


def test_an_all_clear_is_sent_when_no_issue_is_left(sample: Sample) -> None:
    sample.notices(health, sample.run(health))
    lines(sample, "DRONE", "local.json", 10)
    lines(sample, "FLOW", "observations.json", 10)

    (notice,) = sample.notices(health, sample.run(health))

    assert (notice.subject, notice.priority) == ("[SCHEDULED] Health Check - All Clear", "normal")
    assert "No issues are left." in notice.body


def test_an_invalid_entry_of_the_registry_is_reported_too(sample: Sample) -> None:
    sample.register({"name": "LOST"})

    (notice,) = sample.notices(health, sample.run(health))

    assert "**Warning: registry**\n- LOST: has no valid path" in notice.body
    assert central(sample)["problems"] == ["LOST: has no valid path"]


def test_a_branch_name_in_a_notice_is_escaped_for_markdown(sample: Sample) -> None:
    sample.register({"name": "X** [a](b) <i>", "path": "x"})

    (notice,) = sample.notices(health, sample.run(health))

    assert "**Error: X\\*\\* \\[a\\](b) \\<i\\>**" in notice.body


def test_times_are_local_in_the_workspaces_zone(sample: Sample) -> None:
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))

    sample.run(health, now=berlin, zone=ZoneInfo("Europe/Berlin"))

    assert central(sample)["timestamp"] == "2026-02-03T15:00:00"


def test_every_run_publishes_an_event(sample: Sample) -> None:
    sample.run(health)

    expected = {"healthy": 17, "warnings": 2, "errors": 0, "branches": 19, "timestamp": "2026-02-03T14:00:00"}
    assert [("health_check_complete", expected)] == sample.report.events
    assert set(expected) == set(PUBLISHED["health_check_complete"])


def test_central_files_outside_the_workspace_are_not_written(sample: Sample, tmp_path: Path) -> None:
    shutil.move(sample.root / "aipass_os" / "AI_CENTRAL", tmp_path / "elsewhere")
    (sample.root / "aipass_os" / "AI_CENTRAL").symlink_to(tmp_path / "elsewhere")

    outcome = sample.run(health)

    assert (outcome.status, "is a link to outside" in outcome.reason) == ("failed", True)
    assert not (tmp_path / "elsewhere" / "HEALTH.central.json").exists()


def test_the_issues_of_a_file_stay_while_it_is_unreadable(sample: Sample) -> None:
    path = sample.path("FLOW") / "FLOW.observations.json"
    assert sample.notices(health, sample.run(health))
    path.rename(path.with_suffix(".kept"))
    path.symlink_to("/etc/hostname")
    assert not sample.notices(health, sample.run(health))
    path.unlink()
    path.with_suffix(".kept").rename(path)

    assert not sample.notices(health, sample.run(health))


def test_a_memory_file_with_another_name_is_noted(sample: Sample) -> None:
    home = sample.root / "whiskey-bar"
    (home / "ai_mail.local").mkdir(parents=True)
    (home / "WHISKEY_BAR.local.json").write_text("{}\n" * 700)
    sample.register({"name": "WHISKEY-BAR", "path": "whiskey-bar", "email": "@whiskey"})

    sample.run(health)

    found = detail(sample, "WHISKEY-BAR")
    note = "WHISKEY-BAR.local.json does not exist; WHISKEY_BAR.local.json is checked only by memory_rollover"
    assert (found["status"], note in found["notes"]) == ("healthy", True)


def test_a_second_memory_file_is_noted(sample: Sample) -> None:
    (sample.path("SEED") / "CLOSED_PLANS.local.json").write_text("{}\n" * 700)

    sample.run(health)

    found = detail(sample, "SEED")
    note = "CLOSED_PLANS.local.json is checked only by memory_rollover"
    assert (found["status"], note in found["notes"]) == ("healthy", True)


def test_the_notice_goes_to_the_assistant_and_names_the_command_of_the_workspace(sample: Sample) -> None:
    outcome = sample.run(health)
    (condition, *_) = sample.report.conditions
    change = Change(
        group="health",
        appeared=[condition],
        stayed=[],
        gone=[],
        facts=outcome.data,
        now=NOW,
        recipients=Recipients(assistant="@keeper"),
        footer_command="drone trigger scheduled status",
    )

    (notice,) = health.notices(change)

    assert (notice.recipient, notice.body.splitlines()[-1]) == ("@keeper", "drone trigger scheduled status")
