"""The registry: an invalid entry is reported and skipped; without a valid one the workspace cannot be loaded."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduled.handlers import daily_report, health, mail_cleanup, memory_rollover, metrics
from scheduled.handlers.workspace.workspace import Workspace, WorkspaceError
from tests.fixtures.sample_workspace import NOW, Sample, mail, state_of

ALL = (health, memory_rollover, mail_cleanup, metrics, daily_report)


def registry(root: Path, *entries: Any, name: str = "BRANCH_REGISTRY.json") -> Path:
    (root / name).write_text(json.dumps({"branches": entries}))
    return root


def entry(name: str, path: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "path": path, **fields}


def test_paths_are_absolute_or_relative_to_the_workspace(tmp_path: Path) -> None:
    root = registry(tmp_path, entry("A", f"{tmp_path}/a"), entry("B", "core/b"), entry("C", "./core/../c"))

    assert [f"{root}/a", f"{root}/core/b", f"{root}/c"] == [b.path for b in Workspace.load(root).branches]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (None, "entry 1: is not a JSON object"),
        ("FLOW", "entry 1: is not a JSON object"),
        ({"path": "x"}, "entry 1: has no valid name"),
        ({"name": 7, "path": "x"}, "entry 1: has no valid name"),
        ({"name": "X"}, "X: has no valid path"),
        ({"name": "X", "path": ["x"]}, "X: has no valid path"),
        ({"name": "X", "path": "a\0b"}, "X: has no valid path"),
        ({"name": "../X", "path": "x"}, "../X: has a name that is not allowed in a file name"),
        ({"name": "X\nY", "path": "x"}, "X\nY: has a name that is not allowed in a file name"),
        ({"name": "X", "path": "/etc"}, "X: its path /etc is outside the workspace"),
        ({"name": "X", "path": "../.."}, "is outside the workspace"),
        ({"name": "good", "path": "x"}, "another entry has the same name or path"),
        ({"name": "X", "path": "good/"}, "another entry has the same name or path"),
    ],
)
def test_a_bad_entry_is_reported_and_the_others_are_used(tmp_path: Path, bad: Any, problem: str) -> None:
    order = (bad, entry("GOOD", "good")) if "another" not in problem else (entry("GOOD", "good"), bad)

    workspace = Workspace.load(registry(tmp_path, *order))

    assert [branch.name for branch in workspace.branches] == ["GOOD"]
    assert problem in workspace.problems[0]


def test_a_branch_that_is_a_symlink_to_outside_the_workspace_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "x").symlink_to("../elsewhere")

    workspace = Workspace.load(registry(tmp_path / "root", entry("GOOD", "good"), entry("X", "x")))

    assert tuple(problem[:11] for problem in workspace.problems) == ("X: its path",)


@pytest.mark.parametrize("known_by", ["root", "alias"])
def test_branches_behind_links_that_lead_into_the_workspace_are_used(tmp_path: Path, known_by: str) -> None:
    """Also if the workspace is known by a link, and if a link outside it leads to a branch."""
    (tmp_path / "root/x").mkdir(parents=True)
    (tmp_path / "alias").symlink_to("root")
    (tmp_path / "root/near").symlink_to("x")
    (tmp_path / "shortcut").symlink_to("root/z")
    for name in ("x", "y", "z"):
        (tmp_path / "root" / name).mkdir(exist_ok=True)
        (tmp_path / "root" / name / f"{name}.local.json").write_text("{}\n")
    entries = (
        entry("X", "near"),
        entry("Y", str(tmp_path / "alias/y")),
        entry("Z", str(tmp_path / "shortcut")),
    )
    registry(tmp_path / "root", *entries)

    workspace = Workspace.load(tmp_path / known_by)

    names = [workspace.cache.memory_names(branch, workspace.inside) for branch in workspace.branches]
    assert (names, workspace.problems) == ([[f"{name}.local.json"] for name in "xyz"], ())


def test_the_stored_address_is_preferred_to_the_derived_one(tmp_path: Path) -> None:
    names = ["WHISKEY-BAR", "AIPASS-HELP", "AIPASS.admin", "Input X", "FLOW"]
    entries = [entry(name, name.lower()) for name in names]
    root = registry(tmp_path, *entries, entry("OWN-NAME", "own", email="@custom_one"))

    addresses = [branch.address for branch in Workspace.load(root).branches]

    expected = ["@whiskey", "@help", "@admin", "@input", "@flow", "@custom_one"]
    assert expected == addresses


def test_of_two_branches_with_one_address_the_last_gets_the_mail_and_it_is_reported(tmp_path: Path) -> None:
    root = registry(tmp_path, entry("A", "a", email="@x"), entry("B", "b", email="@X"))

    workspace = Workspace.load(root)

    branch = workspace.branch_at("x")
    assert branch is not None
    assert (branch.name, workspace.problems) == (
        "B",
        ("B: has the mail address of A; mail to this address goes only to B",),
    )


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"branches": null}', '{"branches": {}}', '{"branches": []}']
)
def test_a_registry_without_a_valid_branch_fails_every_handler(sample: Sample, text: str) -> None:
    (sample.root / "BRANCH_REGISTRY.json").write_text(text)
    before = state_of(sample.root)

    for handler in ALL:
        outcome = sample.run(handler)
        assert outcome.status == "failed"
        assert "registry" in outcome.reason.lower()

    assert before == state_of(sample.root)


def test_of_a_registry_without_a_valid_entry_the_first_problems_are_listed(tmp_path: Path) -> None:
    registry(tmp_path, *(entry(f"B{number}", f"/gone/b{number}") for number in range(5)))

    with pytest.raises(WorkspaceError) as raised:
        Workspace.load(tmp_path)

    message = str(raised.value)
    assert [f"B{number}: " in message for number in range(5)] == [True, True, True, False, False]
    assert message.endswith("; and 2 more")


@pytest.mark.parametrize("handler", ALL, ids=lambda handler: handler.__name__.rpartition(".")[2])
def test_without_a_workspace_the_reason_names_the_key(sample: Sample, tmp_path: Path, handler: Any) -> None:
    for given in (None, tmp_path / "missing", tmp_path / "home"):
        outcome = sample.run(handler, workspace=given)

        assert outcome.status == "failed"
        assert "`workspace" in outcome.reason
        assert "scheduled.toml" in outcome.reason


@pytest.mark.timeout(20)
def test_a_registry_that_is_a_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "BRANCH_REGISTRY.json")

    with pytest.raises(WorkspaceError, match="not a regular file"):
        Workspace.load(tmp_path)


def test_the_later_layout_is_read_with_its_projects(tmp_path: Path) -> None:
    project = tmp_path / "projects" / "shop"
    (project / "src" / "cart").mkdir(parents=True)
    registry(tmp_path, entry("FLOW", "src/flow", email="@flow"), name="AIPASS_REGISTRY.json")
    registry(project, entry("CART", "src/cart"), name="SHOP_REGISTRY.json")

    flow, cart = Workspace.load(tmp_path).branches

    assert f"{tmp_path}/src/flow/.ai_mail.local/inbox.json" == flow.inbox
    assert f"{tmp_path}/src/flow/.trinity/local.json" == flow.memory_file("local.json")
    assert f"{project}/src/cart" == cart.path


def test_a_report_has_what_a_sweep_in_the_same_process_left(sample: Sample) -> None:
    old, note = f"{NOW - timedelta(days=3):%Y-%m-%d %H:%M:%S}", "1 new mail older than 48 h"
    sample.put("FLOW", mail(timestamp=old))
    sample.put("DRONE", mail(timestamp=old, auto_execute=True))  # waits for dispatch, so the sweep keeps it
    kept: dict[str, Any] = {}
    sample.run(health, kept=kept)
    details = json.loads((sample.root / "aipass_os/AI_CENTRAL/HEALTH.central.json").read_text())["details"]

    sample.run(mail_cleanup, kept=kept)
    outcome = sample.run(daily_report, kept=kept)

    lines = Path(outcome.data["report"]).read_text().splitlines()
    after = {
        name for name in ("FLOW", "DRONE") for line in lines if line.startswith(f"- {name}:") and note in line
    }
    assert {"FLOW", "DRONE"} <= {entry["branch"] for entry in details if note in entry["notes"]}
    assert after == {"DRONE"}
