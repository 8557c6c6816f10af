"""A memory file over its limit causes one event and one notice to its branch, until it is back within the limit."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduled.core.events import PUBLISHED
from scheduled.handlers import memory_rollover, metrics
from scheduled.state.files import SIZE_LIMIT
from tests.fixtures.sample_workspace import NOW, Sample


def test_the_event_has_the_payload_that_the_workspaces_programs_expect(sample: Sample) -> None:
    sample.run(memory_rollover)

    (condition,) = sample.report.conditions
    path = sample.path("FLOW")
    payload = {
        "branch": "FLOW",
        "file_name": "FLOW.observations.json",
        "line_count": 612,
        "branch_path": str(path),
        "file_path": f"{path}/FLOW.observations.json",
        "threshold": 600,
        "timestamp": "2026-02-03T14:00:00",
    }
    assert ("memory_threshold_exceeded", payload) == (condition.event, condition.payload)
    # The others are published for files that are not limited in lines.
    assert {*payload, "unit", "count", "excess"} == set(PUBLISHED["memory_threshold_exceeded"])
    assert "memory:FLOW:FLOW.observations.json" == condition.key == condition.group


def test_the_notice_goes_to_the_registered_address_of_the_branch(sample: Sample) -> None:
    """An address derived from the name can be wrong, and the mail would be lost without an error."""
    home = sample.root / "whiskey-bar"
    home.mkdir()
    (home / "WHISKEY-BAR.local.json").write_text("\n" * 601)
    sample.register({"name": "WHISKEY-BAR", "path": "whiskey-bar", "email": "@the_bar"})

    found = sample.notices(memory_rollover, sample.run(memory_rollover))

    notices = [(notice.recipient, notice.subject, notice.priority) for notice in found]
    issue = "exceeded 600 lines - compress needed"
    expected = [
        ("@flow", f"[MEMORY] FLOW.observations.json {issue}", "normal"),
        ("@the_bar", f"[MEMORY] WHISKEY-BAR.local.json {issue}", "normal"),
    ]
    assert expected == notices


def test_handlers_of_one_process_share_the_memory_files_only_with_the_same_limits(sample: Sample) -> None:
    kept: dict[str, Any] = {}
    counts = []
    for limit in (600, 611, 600, 612):
        counts.append(
            len(
                sample.run(memory_rollover, memory_rollover.Options(limit=limit), kept=kept).data[
                    "notified_files"
                ]
            )
        )
        sample.run(metrics, metrics.Options(limit=limit), kept=kept)
        counts.append(
            json.loads((sample.root / "aipass_os/AI_CENTRAL/METRICS.central.json").read_text())["memory"][
                "over_limit"
            ]
        )

    assert counts == [1, 1, 1, 1, 1, 1, 0, 0]


def test_a_second_notice_is_sent_only_after_the_file_was_back_within_the_limit(sample: Sample) -> None:
    path = sample.path("FLOW") / "FLOW.observations.json"
    sent = []
    for hour, number in enumerate((612, 700, 600, 599, 601, 601)):
        path.write_text("\n" * number)
        outcome = sample.run(memory_rollover, now=NOW + timedelta(hours=hour))
        sent.append(len(sample.notices(memory_rollover, outcome)))

    assert sent == [1, 0, 0, 0, 1, 0]


def test_files_are_found_by_their_endings_without_dashboards(sample: Sample) -> None:
    home = sample.path("SEED")
    for name in (
        "DASHBOARD.local.json",
        "MY_DASHBOARD.local.json",
        "SEED.id.json",
        "local.json",
        "x.local.json.bak",
    ):
        (home / name).write_text("\n" * 700)
    (home / "CLOSED_PLANS.local.json").write_text("\n" * 700)

    outcome = sample.run(memory_rollover)

    expected = ["FLOW:FLOW.observations.json", "SEED:CLOSED_PLANS.local.json"]
    assert expected == outcome.data["notified_files"]


@pytest.mark.timeout(20)
def test_unreadable_files_are_reported_and_the_others_are_checked(sample: Sample, tmp_path: Path) -> None:
    home = sample.path("SEED")
    (tmp_path / "outside").write_text("\n" * 700)
    os.mkfifo(home / "A.local.json")
    (home / "B.local.json").symlink_to(tmp_path / "outside")
    (home / "C.local.json").mkdir()
    (home / "D.local.json").symlink_to("nowhere")
    (home / "E.local.json").touch()
    os.truncate(home / "E.local.json", SIZE_LIMIT + 1)

    outcome = sample.run(memory_rollover)

    assert outcome.data["notified_files"] == ["FLOW:FLOW.observations.json"]
    labels = [problem.partition(": ")[0] for problem in outcome.data["problems"]]
    assert [f"SEED:{letter}.local.json" for letter in "ABCDE"] == labels


def test_the_later_layout_has_its_memory_files_in_trinity(sample: Sample) -> None:
    home = sample.root / "src"
    (home / ".trinity").mkdir(parents=True)
    (home / ".trinity" / "local.json").write_text("\n" * 25_001)
    (sample.root / "BRANCH_REGISTRY.json").unlink()
    (sample.root / "AIPASS_REGISTRY.json").write_text('{"branches": [{"name": "SRC", "path": "src"}]}')

    outcome = sample.run(memory_rollover)

    assert outcome.data["notified_files"] == ["SRC:local.json"]


def test_the_condition_of_a_file_stays_while_it_is_unreadable(sample: Sample) -> None:
    path = sample.path("FLOW") / "FLOW.observations.json"
    assert sample.notices(memory_rollover, sample.run(memory_rollover))
    path.rename(path.with_suffix(".kept"))
    path.symlink_to("/etc/hostname")
    unreadable = [sample.notices(memory_rollover, sample.run(memory_rollover)) for _ in range(2)]
    path.unlink()
    path.with_suffix(".kept").rename(path)
    readable = [sample.notices(memory_rollover, sample.run(memory_rollover)) for _ in range(2)]

    sent = [[(notice.recipient, notice.subject) for notice in found] for found in (*unreadable, *readable)]
    maintainer = "@dev_central"
    assert sent == [
        [(maintainer, "[SCHEDULED] 1 memory file unreadable")],
        [],
        [(maintainer, "[SCHEDULED] All memory files are readable again")],
        [],
    ]


def test_many_unreadable_files_cause_one_notice(sample: Sample) -> None:
    home = sample.path("SEED")
    for number in range(25):
        (home / f"{number}.local.json").mkdir()

    found = sample.notices(memory_rollover, sample.run(memory_rollover))

    (alarm,) = [notice for notice in found if notice.recipient == "@dev_central"]
    assert ("[SCHEDULED] 25 memory files unreadable", "high") == (alarm.subject, alarm.priority)
    assert (alarm.body.count("- SEED/"), "- and 5 more" in alarm.body) == (20, True)
