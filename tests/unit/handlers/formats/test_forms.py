"""The form of a workspace is found by looking at its directory, or is configured."""

from pathlib import Path

import pytest

from scheduled.handlers.formats.forms import FORMS, default_form, form_of


def a_root(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True) if name.endswith("/") else (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("names", "form"),
    [
        (["BRANCH_REGISTRY.json"], "first"),
        (["AIPASS_REGISTRY.json"], "later"),
        (["SHOP_REGISTRY.json"], "later"),
        (["PRIVATE_BRANCH_REGISTRY.json", "BRANCH_REGISTRY.json"], "first"),
        (["PRIVATE_BRANCH_REGISTRY.json"], "first"),
        (["shop_registry.json"], "first"),
        ([], "first"),
        (["BRANCH_REGISTRY.json", "AIPASS_REGISTRY.json", ".ai_central/"], "later"),
        (["BRANCH_REGISTRY.json", "AIPASS_REGISTRY.json", "aipass_os/AI_CENTRAL/"], "first"),
    ],
)
def test_the_registry_decides_the_form(tmp_path: Path, names: list[str], form: str) -> None:
    found, doubt = form_of(a_root(tmp_path, *names))

    assert (found.name, doubt) == (form, "")


def test_two_registries_leave_a_doubt_that_names_the_key(tmp_path: Path) -> None:
    a_root(tmp_path, "BRANCH_REGISTRY.json", "AIPASS_REGISTRY.json")

    found, doubt = form_of(tmp_path)

    assert (found.name, "workspace_layout" in doubt) == ("first", True)
    assert form_of(tmp_path, "later") == (FORMS["later"], "")


def test_a_directory_that_is_missing_has_the_first_form(tmp_path: Path) -> None:
    assert default_form(tmp_path / "gone").name == default_form(None).name == "first"
    assert default_form(tmp_path / "gone", "later").name == "later"
