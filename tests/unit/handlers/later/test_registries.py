"""The registries of the later form: several files, lists and tables, projects, retired branches."""

from pathlib import Path

import pytest

from scheduled.handlers.formats.branches import WorkspaceError
from scheduled.handlers.workspace.workspace import Workspace
from tests.fixtures.later_workspace import BRANCHES, LaterSample


def names(sample: LaterSample) -> list[str]:
    return [branch.name for branch in Workspace.load(sample.root).branches]


def test_a_registry_can_be_a_table_by_name(later: LaterSample) -> None:
    later.registry("AIPASS_REGISTRY.json", {"SEED": {"path": "src/aipass/seed", "name": "other"}})

    (seed,) = Workspace.load(later.root).branches

    assert (seed.name, seed.address, seed.path) == ("SEED", "@seed", str(later.path("SEED")))


def test_every_registry_in_the_directory_counts(later: LaterSample) -> None:
    later.registry("SHOP_REGISTRY.json", [{"name": "CART", "path": "cart"}])
    later.registry("PRIVATE_BRANCH_REGISTRY.json", [{"name": "SECRET", "path": "secret"}])
    later.registry("fplan_registry.json", [{"name": "NONE", "path": "none"}])

    assert names(later) == [*BRANCHES, "CART"]


def test_paths_of_a_project_are_relative_to_its_own_directory(later: LaterSample) -> None:
    (later.root / "src/aipass/cart").mkdir()  # a directory of the same name in the workspace
    later.registry("SHOP_REGISTRY.json", [{"name": "SHOP", "path": "."}], "projects/shop")
    later.registry("TOY_REGISTRY.json", {"TOY": {"path": "src/aipass/cart"}}, "projects/toy")

    shop, toy = Workspace.load(later.root).branches[-2:]

    assert shop.path == str(later.root / "projects/shop")
    assert toy.path == str(later.root / "projects/toy/src/aipass/cart")
    assert (shop.hosted, Workspace.load(later.root).branches[0].hosted) == (True, False)


def test_copies_in_hidden_directories_and_retired_branches_are_none(later: LaterSample) -> None:
    later.registry("SHOP_REGISTRY.json", [{"name": "OLD", "path": "."}], "projects/.backup")
    later.register({"name": "GONE", "path": "src/aipass/gone", "status": "retired"})

    assert names(later) == list(BRANCHES)
    assert Workspace.load(later.root).problems == ()


def test_an_entry_that_repeats_another_may_be_that_of_a_missing_branch(later: LaterSample) -> None:
    later.register({"name": "SEED", "path": "src/aipass/seed"})

    assert not Workspace.load(later.root).is_complete


def test_a_bad_entry_and_a_bad_project_are_named_and_skipped(later: LaterSample) -> None:
    later.register({"name": "BAD"}, 7)
    later.registry("SHOP_REGISTRY.json", 3, "projects/shop")

    workspace = Workspace.load(later.root)

    assert [branch.name for branch in workspace.branches] == list(BRANCHES)
    assert workspace.problems == (
        "BAD: has no valid path",
        "entry 7: is not a JSON object",
        "projects/shop/SHOP_REGISTRY.json: `branches` is neither a list nor a table",
    )


def test_a_value_that_is_no_text_is_named_and_skipped(later: LaterSample) -> None:
    later.register({"name": "SUR", "path": "x\ud800"}, {"name": "MAIL", "path": "m", "email": "@\ud800"})
    later.registry("SHOP_REGISTRY.json", {"SHOP": {"path": "h\ud800"}, "ODD": 5}, "projects/shop")

    workspace = Workspace.load(later.root)

    assert [branch.name for branch in workspace.branches] == list(BRANCHES)
    assert workspace.problems == (
        "SUR: has no valid path",
        "MAIL: has no valid email",
        "projects/shop/SHOP_REGISTRY.json: SHOP: has no valid path",
        "projects/shop/SHOP_REGISTRY.json: ODD: is not a JSON object",
    )


@pytest.mark.parametrize("directory", ["", "projects/evil"])
def test_no_other_registry_takes_a_branch_or_an_address_of_the_main_one(
    later: LaterSample, directory: str
) -> None:
    evil = later.root / directory / "home"
    evil.mkdir(parents=True)
    entries = [{"name": "EVIL", "path": "home", "email": "@devpulse"}, {"name": "SEED", "path": "seed"}]
    later.registry("AAA_REGISTRY.json", entries, directory)

    workspace = Workspace.load(later.root)

    keeper = workspace.branch_at("@devpulse")
    assert keeper is not None
    assert keeper.path == str(later.path("DEVPULSE"))
    assert (
        "EVIL: has the mail address of DEVPULSE; mail to this address goes only to DEVPULSE"
        in workspace.problems
    )
    assert [b.path for b in workspace.branches if b.name == "SEED"] == [str(later.path("SEED"))]
    assert workspace.is_complete


def test_a_file_or_directory_that_is_no_registry_is_named_and_skipped(later: LaterSample) -> None:
    (later.root / "NOTES_REGISTRY.json").write_text('{"plans": {}}')
    (later.root / "OLD_REGISTRY.json").mkdir()

    workspace = Workspace.load(later.root)

    assert [branch.name for branch in workspace.branches] == list(BRANCHES)
    assert [problem.partition(": ")[0] for problem in workspace.problems] == [
        "NOTES_REGISTRY.json",
        "OLD_REGISTRY.json",
    ]
    (later.root / "AIPASS_REGISTRY.json").write_text("{}")
    with pytest.raises(WorkspaceError, match=r"AIPASS_REGISTRY\.json cannot be read: "):
        Workspace.load(later.root)


def test_the_registry_named_after_the_directory_is_the_main_one(tmp_path: Path) -> None:
    root = tmp_path / "my.app"
    (root / "shop").mkdir(parents=True)
    (root / "MY_APP_REGISTRY.json").write_text('{"branches": [{"name": "SHOP", "path": "shop"}]}')
    (root / "A_REGISTRY.json").write_text("damaged")

    workspace = Workspace.load(root)

    assert [(branch.name, branch.hosted) for branch in workspace.branches] == [("SHOP", False)]
    assert workspace.problems[0].startswith("A_REGISTRY.json: ")


def test_branches_of_projects_have_their_whole_name_as_address(later: LaterSample) -> None:
    later.registry("P_REGISTRY.json", [{"name": "news-desk", "path": "desk"}], "projects/p")

    assert Workspace.load(later.root).branches[-1].address == "@news-desk"


def test_branches_in_hidden_directories_are_none(later: LaterSample) -> None:
    later.register({"name": "TRASH", "path": ".trash/shop"})
    later.registry("SHOP_REGISTRY.json", [{"name": "SHOP", "path": "."}], "projects/shop")

    assert names(later) == [*BRANCHES, "SHOP"]


def test_without_a_registry_the_message_names_both_keys(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"BRANCH_REGISTRY\.json.*`workspace` and `workspace_layout`"):
        Workspace.load(tmp_path)
