"""The built-in handlers find in the sample workspace what its EXPECTED.json lists, at the time that it states."""

import json
from zoneinfo import ZoneInfo

from scheduled.handlers import daily_report, health, mail_cleanup, memory_rollover, metrics
from scheduled.handlers.workspace.delivery import deliver
from scheduled.handlers.workspace.mail_counts import recount_central
from scheduled.state.opened_record import RECORDED
from tests.fixtures.sample_workspace import NOW, Sample, state_of

HOURLY = (health, memory_rollover, mail_cleanup, metrics)


def sweep(sample: Sample) -> None:
    """Run the hourly handlers and deliver their notices, as one tick does."""
    delivered = 0
    for handler in HOURLY:
        outcome = sample.run(handler)
        assert (outcome.status, outcome.reason) == ("success", "")
        for notice in [*sample.report.notices, *sample.notices(handler, outcome)]:
            delivered += 1
            deliver(
                sample.root,
                notice,
                notice_id=f"{delivered:08x}{handler.__name__}",
                sender="@trigger",
                now=NOW,
                zone=ZoneInfo("UTC"),
            )
    if delivered:
        recount_central(sample.root, now=NOW)


def test_17_branches_are_healthy_and_2_have_warnings(sample: Sample) -> None:
    outcome = sample.run(health)

    expected = {"healthy": 17, "warnings": 2, "errors": 0, "branches": 19, "problems": []}
    assert expected == outcome.data


def test_every_branch_has_the_expected_status_and_issues(sample: Sample) -> None:
    sample.run(health)

    details = json.loads((sample.root / "aipass_os/AI_CENTRAL/HEALTH.central.json").read_text())["details"]
    found = {(entry["branch"], entry["status"], tuple(entry["issues"])) for entry in details}
    assert {(b["name"], b["status"], tuple(b["issues"])) for b in sample.expected["branches"]} == found


def test_notes_count_stale_mail_by_the_limits_of_the_health_check(sample: Sample) -> None:
    sample.run(health)

    details = json.loads((sample.root / "aipass_os/AI_CENTRAL/HEALTH.central.json").read_text())["details"]
    notes = {entry["branch"]: entry["notes"] for entry in details}
    for branch in sample.expected["branches"]:
        stale = branch["mail"]["stale_detection"]
        new, opened = stale["new_over_48h"], stale["opened_over_24h"]
        expected = [
            f"{number} {status} mail{'s' if number > 1 else ''} older than {hours} h"
            for number, status, hours in ((new, "new", 48), (opened, "opened", 24))
            if number
        ]
        assert expected == [note for note in notes[branch["name"]] if "older than" in note]


def test_old_readmes_are_only_notes(sample: Sample) -> None:
    sample.run(health)

    details = json.loads((sample.root / "aipass_os/AI_CENTRAL/HEALTH.central.json").read_text())["details"]
    old = {d["branch"] for d in details if any(note.startswith("README.md") for note in d["notes"])}
    assert {b["name"] for b in sample.expected["branches"] if b["readme_rule"] == "stale"} == old


def test_one_memory_file_is_over_its_limit(sample: Sample) -> None:
    outcome = sample.run(memory_rollover)

    assert outcome.data["notified_files"] == ["FLOW:FLOW.observations.json"]


def test_57_mails_are_opened_and_26_closed(sample: Sample) -> None:
    outcome = sample.run(mail_cleanup)

    found = {key: outcome.data[key] for key in ("auto_opened", "auto_closed", "errors", "waiting_dispatches")}
    assert found == {"auto_opened": 57, "auto_closed": 26, "errors": 0, "waiting_dispatches": 6}
    assert sample.report.counts == {"auto_opened": 57, "auto_closed": 26, RECORDED: 1}


def test_63_mails_are_opened_if_waiting_dispatches_are_opened_too(sample: Sample) -> None:
    outcome = sample.run(mail_cleanup, mail_cleanup.Options(open_waiting_dispatches=True))

    assert outcome.data["auto_opened"] == 63


def test_each_branch_has_the_expected_mails_opened_and_closed(sample: Sample) -> None:
    before = {b["name"]: sample.mails(b["name"]) for b in sample.expected["branches"]}

    sample.run(mail_cleanup)

    for branch in sample.expected["branches"]:
        name, rules = branch["name"], branch["mail"]["robust"]
        waiting = {m["id"] for m in before[name] if m["auto_execute"] and m["status"] == "new"}
        opened = {mail["id"] for mail in sample.mails(name) if mail.get("auto_opened")}
        gone = {mail["id"] for mail in before[name]} - {mail["id"] for mail in sample.mails(name)}
        assert set(rules["auto_open_ids"]) - waiting == opened
        assert set(rules["auto_close_ids"]) == gone
        archived = {path.stem.rpartition("_")[2] for path in sample.inbox(name).parent.glob("deleted/*.json")}
        assert gone <= archived


def test_the_last_hour_has_5_errors_1_critical_and_3_warnings(sample: Sample) -> None:
    sample.run(metrics)

    logs = json.loads((sample.root / "aipass_os/AI_CENTRAL/METRICS.central.json").read_text())["logs"]
    assert (logs["recent_errors"], logs["recent_critical"], logs["recent_warnings"]) == (6, 1, 3)
    assert logs["errors_by_branch"] == {"AI_MAIL": 1, "API": 2, "DRONE": 2, "TRIGGER": 1}
    expected = sample.expected["totals"]["logs"]
    found = (logs["file_count"], logs["total_size_bytes"])
    assert (expected["files_matching_*.log"], expected["total_size_bytes"]) == found


def test_a_sweep_changes_only_inboxes_and_their_central_file(sample: Sample) -> None:
    before = state_of(sample.root)

    sweep(sample)

    after = state_of(sample.root)
    changed = {name for name in before if before[name] != after.get(name)}
    inboxes = {f"{sample.inbox(b['name']).relative_to(sample.root)}" for b in sample.expected["branches"]}
    assert inboxes | {"aipass_os/AI_CENTRAL/AI_MAIL.central.json"} == changed
    new = {name.rpartition("/")[2] for name in after.keys() - before.keys() if "/deleted/" not in name}
    assert {".inbox.lock", "HEALTH.central.json", "METRICS.central.json", "METRICS.history.jsonl"} == {
        name for name in new if not name.startswith("20260203_140000_")
    }


def test_a_second_sweep_changes_only_health_metrics_and_their_history(sample: Sample) -> None:
    sweep(sample)
    before = state_of(sample.root)

    sweep(sample)

    after = state_of(sample.root)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    centrals = ("HEALTH.central.json", "METRICS.central.json", "METRICS.history.jsonl")
    assert {f"aipass_os/AI_CENTRAL/{name}" for name in centrals} == changed


def test_the_daily_report_changes_nothing_in_the_workspace(sample: Sample) -> None:
    before = state_of(sample.root)

    sample.run(daily_report)

    assert before == state_of(sample.root)


def test_the_notices_of_a_sweep_have_the_recipients_of_the_design(sample: Sample) -> None:
    found = []
    for handler in HOURLY:
        outcome = sample.run(handler)
        found += sample.notices(handler, outcome)

    routes = {(notice.subject.partition("]")[0], notice.recipient, notice.priority) for notice in found}
    assert ("[SCHEDULED", "@assistant", "normal") in routes
    assert ("[MEMORY", "@flow", "normal") in routes
    assert {"low"} == {n.priority for n in found if n.subject.endswith("opened")}
    assert sum(notice.subject.endswith("opened") for notice in found) == 18
