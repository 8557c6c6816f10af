"""Plans of the later form: one registry for each type of plan."""

import json

from scheduled.handlers.workspace.plans import active_plans
from scheduled.handlers.workspace.workspace import Workspace
from tests.fixtures.later_workspace import LaterSample


def plans(sample: LaterSample) -> tuple[list[tuple[str, str]], list[str]]:
    problems: list[str] = []
    found = active_plans(Workspace.load(sample.root), problems)
    return [(plan.plan_id, plan.title) for plan in found], problems


def write(sample: LaterSample, name: str, **listed: object) -> None:
    directory = sample.path("FLOW") / "flow_json"
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(json.dumps({"plans": listed, "next_number": 9}))


def plan(subject: str, created: str, status: str = "open") -> dict[str, str]:
    return {"subject": subject, "created": created, "status": status}


def test_the_registries_of_all_types_are_read_newest_first(later: LaterSample) -> None:
    write(
        later, "fplan_registry.json", **{"0001": plan("old", "2026-01-01"), "0002": plan("new", "2026-03-01")}
    )
    write(
        later,
        "dplan_registry.json",
        **{"0001": plan("design", "2026-02-01"), "0002": plan("x", "2026-02-02", "closed")},
    )
    write(later, "template_registry.json", **{"0001": plan("no plan", "2026-02-01")})

    assert plans(later) == ([("FPLAN-0002", "new"), ("DPLAN-0001", "design"), ("FPLAN-0001", "old")], [])


def test_a_key_that_is_a_complete_id_stays(later: LaterSample) -> None:
    write(later, "fplan_registry.json", **{"FPLAN-0013": plan("one", "2026-01-01")})

    assert plans(later) == ([("FPLAN-0013", "one")], [])


def test_a_damaged_registry_is_named_and_the_others_are_read(later: LaterSample) -> None:
    write(later, "dplan_registry.json", **{"0001": plan("design", "2026-02-01")})
    (later.path("FLOW") / "flow_json" / "fplan_registry.json").write_text("{")

    found, problems = plans(later)

    assert found == [("DPLAN-0001", "design")]
    assert "fplan_registry.json was skipped" in problems[0]


def test_the_central_file_comes_first(later: LaterSample) -> None:
    write(later, "fplan_registry.json", **{"0001": plan("old", "2026-01-01")})
    later.central.mkdir()
    listed = [{"plan_id": "DPLAN-0007", "subject": "central", "status": "open"}]
    (later.central / "PLANS.central.json").write_text(json.dumps({"active_plans": listed}))

    assert plans(later) == ([("DPLAN-0007", "central")], [])
