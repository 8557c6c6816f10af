"""The metrics of the workspace: the current numbers, and a history of one week."""

import json
from datetime import timedelta
from typing import Any

import pytest

from scheduled.handlers import metrics
from tests.fixtures.sample_workspace import NOW, Sample, mail


def central(sample: Sample, name: str = "METRICS.central.json") -> Any:
    return json.loads((sample.root / "aipass_os/AI_CENTRAL" / name).read_text())


def history(sample: Sample) -> list[Any]:
    text = (sample.root / "aipass_os/AI_CENTRAL/METRICS.history.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_the_central_file_has_the_categories_of_the_design(sample: Sample) -> None:
    sample.run(metrics)

    found = central(sample)
    assert list(found) == ["timestamp", "logs", "memory", "mail", "branches"]
    assert tuple(found["logs"][key] for key in ("total_size_bytes", "total_size_mb", "file_count")) == (
        70139,
        0.07,
        14,
    )
    assert found["branches"]["total"] == 19


def test_memory_sizes_are_in_lines_and_bytes(sample: Sample) -> None:
    sample.run(metrics)

    memory = central(sample)["memory"]
    path = sample.path("FLOW") / "FLOW.observations.json"
    assert {"lines": 612, "bytes": path.stat().st_size} == memory["files"]["FLOW"]["FLOW.observations.json"]
    assert (memory["file_count"], memory["over_limit"]) == (38, 1)


def test_mails_are_counted_per_branch(sample: Sample) -> None:
    sample.put("FLOW", mail(), mail(status="opened"), mail(auto_execute=True), "text")

    sample.run(metrics)

    found = central(sample)["mail"]
    assert found["queues"]["FLOW"] == {"total": 4, "unread": 2, "opened": 1, "waiting_dispatches": 1}
    assert (found["total_messages"], found["total_unread"]) == (122 - 12 + 4, 72 - 8 + 2)


def test_an_unreadable_inbox_is_reported_and_not_counted_as_empty(sample: Sample) -> None:
    sample.inbox("FLOW").write_text("{")

    outcome = sample.run(metrics)

    assert "FLOW" not in central(sample)["mail"]["queues"]
    assert outcome.data["problems"][0].startswith("FLOW: ")


def test_the_history_keeps_a_week_of_totals(sample: Sample) -> None:
    for hours in range(0, 24 * 9, 12):
        sample.run(metrics, now=NOW + timedelta(hours=hours))

    found = history(sample)
    last = NOW + timedelta(hours=24 * 9 - 12)
    expected = [(last - timedelta(hours=12 * n)).isoformat() for n in range(14, -1, -1)]
    assert expected == [entry["timestamp"] for entry in found]
    assert {"timestamp", "logs", "memory", "mail", "branches"} == found[0].keys()
    assert found[0]["memory"]["total_lines"] > 612
    assert "files" not in found[0]["memory"]


@pytest.mark.parametrize("line", ["{", "7", '{"timestamp": 7}', "{}"])
def test_a_damaged_line_of_the_history_is_removed_and_reported(sample: Sample, line: str) -> None:
    sample.run(metrics)
    path = sample.root / "aipass_os/AI_CENTRAL/METRICS.history.jsonl"
    path.write_text(line + "\n" + path.read_text())

    outcome = sample.run(metrics, now=NOW + timedelta(hours=1))

    assert len(history(sample)) == 2
    assert outcome.data["problems"][0].startswith("METRICS.history.jsonl: line 1 is damaged and was removed")
