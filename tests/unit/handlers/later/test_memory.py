"""Memory files of the later form are limited in characters and entries."""

import json
from typing import Any

import pytest

from scheduled.handlers import daily_report, health, memory_rollover, metrics
from tests.fixtures.later_workspace import LaterSample


def entries(number: int, text: str = "x", **fields: Any) -> list[dict[str, Any]]:
    return [{"number": n, "summary": text, **fields} for n in range(number)]


def over(sample: LaterSample, handler: Any = memory_rollover, options: Any = None) -> list[str]:
    found: list[str] = sample.run(handler, options).data["notified_files"]
    return found


def issues(sample: LaterSample, branch: str) -> list[str]:
    sample.run(health)
    document = json.loads((sample.central / "HEALTH.central.json").read_text())
    found: list[str] = next(e["issues"] for e in document["details"] if e["branch"] == branch)
    return found


def test_a_file_of_few_long_lines_is_over(later: LaterSample) -> None:
    path = later.remember("SEED", sessions=entries(15, "y" * 3_200))
    length = len(path.read_text())

    outcome = later.run(memory_rollover)
    (notice,) = later.notices(memory_rollover, outcome)

    assert outcome.data["notified_files"] == ["SEED:local.json"]
    assert notice.recipient == "@seed"
    assert notice.subject == "[MEMORY] local.json exceeded 25,000 characters - compress needed"
    assert f"Size: {length:,} characters (threshold: 25,000)" in notice.body
    assert issues(later, "SEED") == [f"local.json: {length:,} characters (threshold: 25,000)"]


def test_characters_are_counted_and_not_bytes(later: LaterSample) -> None:
    path = later.remember("SEED", sessions=entries(10, "ä" * 2_050))
    assert len(path.read_bytes()) > 25_000

    assert over(later) == []
    assert issues(later, "SEED") == [
        f"local.json: {len(path.read_text()):,} characters (approaching threshold)"
    ]


@pytest.mark.parametrize(("number", "found"), [(15, []), (16, ["SEED:local.json"])])
def test_entries_are_limited_by_list(later: LaterSample, number: int, found: list[str]) -> None:
    later.remember("SEED", sessions=entries(number), todos=[])

    assert over(later) == found
    assert issues(later, "SEED") == (["local.json: 16 sessions (threshold: 15)"] if found else [])


def test_sessions_of_the_memory_program_have_a_limit_of_their_own(later: LaterSample) -> None:
    later.remember("SEED", sessions=[*entries(15), *entries(3, status="auto-compact")])
    assert over(later) == []

    later.remember("SEED", sessions=[*entries(15), *entries(4, status="auto-compact")])
    assert over(later) == ["SEED:local.json"]


def test_the_configuration_of_the_memory_program_decides(later: LaterSample) -> None:
    later.limit(
        {
            "entry_limits": {"file_budgets": {"local.json": {"max_chars": 9_000}}},
            "rollover": {
                "defaults": {"local": {"sessions": {"count": 5}}},
                "per_branch": {"flow": {"local": {"sessions": {"count": 30}}}},
            },
        }
    )
    later.remember("SEED", sessions=entries(6))
    later.remember("TRIGGER", sessions=entries(2, "x" * 5_000))
    # The defaults of the memory program apply where its configuration has no defaults, but not to a branch of its own.
    later.remember("DEVPULSE", key_learnings=entries(16))
    later.remember("FLOW", sessions=entries(30), key_learnings=entries(20), todos=[])

    assert over(later) == ["DEVPULSE:local.json", "SEED:local.json", "TRIGGER:local.json"]


def test_a_branch_of_its_own_has_the_common_limit_of_todos(later: LaterSample) -> None:
    later.limit(
        {
            "rollover": {
                "defaults": {"local": {"todos": {"count": 20}}},
                "per_branch": {"seed": {"local": {"sessions": {"count": 30}, "todos": {}}}},
            },
        }
    )
    later.remember("SEED", todos=entries(20), key_learnings=entries(99))
    assert over(later) == []

    later.remember("SEED", todos=entries(21))
    assert over(later) == ["SEED:local.json"]


def test_a_damaged_configuration_is_named_and_the_defaults_apply(later: LaterSample) -> None:
    later.limit({}).write_text("{")
    later.remember("SEED", sessions=entries(16))
    kept: dict[str, Any] = {}  # of one process: its handlers share the limits

    outcome = later.run(memory_rollover, kept=kept)

    assert outcome.data["notified_files"] == ["SEED:local.json"]
    (problem,) = outcome.data["problems"]
    assert "memory.config.json was skipped, so that the default limits apply" in problem
    for handler in (health, metrics):
        assert problem in later.run(handler).data["problems"]
        assert problem in later.run(handler, kept=kept).data["problems"]


def test_with_a_damaged_configuration_the_options_do_not_apply(later: LaterSample) -> None:
    later.limit({}).write_text("{")
    later.remember("SEED", sessions=entries(10))

    assert over(later, options=memory_rollover.Options(max_entries=3, max_chars=9)) == []


def test_a_project_called_memory_has_no_limits_for_others(later: LaterSample) -> None:
    later.registry(
        "AIPASS_REGISTRY.json",
        [{"name": b, "path": f"src/aipass/{b.lower()}"} for b in ("DEVPULSE", "SEED")],
    )
    (later.root / "projects/memory").mkdir(parents=True)
    later.registry("MEMORY_REGISTRY.json", [{"name": "MEMORY", "path": "."}], "projects/memory")
    later.limit({"rollover": {"defaults": {"local": {"sessions": {"count": 60}}}}})
    later.remember("SEED", sessions=entries(41))

    assert over(later) == []


def test_entries_in_a_table_count(later: LaterSample) -> None:
    later.remember("SEED", key_learnings={f"k{number}": "x" for number in range(16)})

    assert over(later) == ["SEED:local.json"]
    assert over(later, options=memory_rollover.Options(max_entries=20)) == []


@pytest.mark.parametrize("text", ["", '{"sessions": [', "[]"])
def test_a_damaged_file_is_reported(later: LaterSample, text: str) -> None:
    later.remember("SEED").write_text(text)

    (notice,) = later.notices(memory_rollover, later.run(memory_rollover))

    assert "SEED/local.json: it is not a valid JSON object" in notice.body
    assert issues(later, "SEED") == ["local.json: is not a valid JSON object"]


def test_options_replace_the_defaults_where_there_is_no_configuration(later: LaterSample) -> None:
    later.remember("SEED", sessions=entries(6))
    options = memory_rollover.Options(max_entries=5)

    assert over(later, options=options) == ["SEED:local.json"]
    later.limit({})
    assert over(later, options=options) == []


def test_in_the_first_form_lines_count_and_options_add_to_them(sample: Any) -> None:
    assert over(sample) == ["FLOW:FLOW.observations.json"]
    found = over(sample, options=memory_rollover.Options(max_chars=10))
    assert len(found) > 10


def test_the_metrics_have_characters_and_entries(later: LaterSample) -> None:
    path = later.remember("SEED", sessions=entries(16))

    later.run(metrics)

    memory = json.loads((later.central / "METRICS.central.json").read_text())["memory"]
    found = memory["files"]["SEED"]["local.json"]
    assert (memory["over_limit"], found["characters"], found["entries"]) == (
        1,
        len(path.read_text()),
        {"sessions": 16},
    )


def test_the_daily_report_names_what_is_over(later: LaterSample) -> None:
    later.remember("SEED", sessions=entries(16))

    later.run(daily_report)

    (notice,) = later.report.notices
    assert "  - SEED/local.json: 16 sessions" in notice.body.splitlines()


def test_only_the_files_of_the_memory_program_count(later: LaterSample) -> None:
    later.remember("SEED", "old.local.json", sessions=entries(99))
    later.remember("SEED", "DASHBOARD.local.json", sessions=entries(99))

    assert over(later) == []
