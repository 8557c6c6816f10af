"""`check` doubts addresses that no branch has, and a workspace that cannot be read."""

from pathlib import Path

import pytest

from scheduled.config.check import check, with_lines
from scheduled.config.files import load_config
from scheduled.config.recipients import recipients
from tests.fixtures.later_workspace import LaterSample
from tests.fixtures.sample_workspace import Sample

JOBS = """
[jobs.health]
cron = "@hourly"
handler = "health"
[jobs.report]
cron = "@daily"
handler = "daily_report"
"""


def write(directory: Path, root: Path, text: str = "", jobs: str = JOBS) -> Path:
    path = directory / "scheduled.toml"
    path.write_text(f'workspace = "{root}"\ntimezone = "UTC"\n{text}\n{jobs}')
    return path


def warnings(path: Path) -> list[str]:
    found: list[str] = with_lines(check(path))["warnings"]
    return found


def test_the_default_addresses_are_those_of_the_form(
    later: LaterSample, sample: Sample, tmp_path: Path
) -> None:
    found = recipients(load_config(write(tmp_path, later.root)))
    assert set(found.__struct_fields__) == {"assistant", "reports_to", "critical_to"}
    assert (found.assistant, found.reports_to, found.critical_to) == ("@devpulse",) * 3

    found = recipients(load_config(write(tmp_path, sample.root, '[notify]\ncritical_to = "@flow"')))
    assert (found.assistant, found.reports_to, found.critical_to) == ("@assistant", "@dev_central", "@flow")


def test_addresses_of_branches_are_no_doubt(later: LaterSample, tmp_path: Path) -> None:
    assert warnings(write(tmp_path, later.root)) == []


def test_an_address_that_no_branch_has_is_named_with_its_line(later: LaterSample, tmp_path: Path) -> None:
    path = write(tmp_path, later.root, '[notify]\nassistant = "@nowhere"\ncritical_to = "@nowhere"')

    (warning,) = warnings(path)

    assert warning.startswith(
        f"{path}:4: notify.assistant: no branch has the address @nowhere, so the notices of "
    )
    assert check(path)["ok"]


def test_a_default_that_no_branch_has_is_named_as_default(later: LaterSample, tmp_path: Path) -> None:
    later.registry("AIPASS_REGISTRY.json", [{"name": "SEED", "path": "src/aipass/seed"}])

    found = warnings(write(tmp_path, later.root))

    assert len(found) == 2
    assert all("@devpulse, the default," in warning for warning in found)


def test_a_recipient_without_a_mailbox_is_named(later: LaterSample, sample: Sample, tmp_path: Path) -> None:
    later.path("DEVPULSE").rmdir()
    sample.inbox("DEV_CENTRAL").unlink()

    found = warnings(write(tmp_path, later.root))
    assert len(found) == 2
    assert all("the branch of @devpulse has no mailbox" in warning for warning in found)
    (first,) = warnings(write(tmp_path, sample.root))
    assert "notify.reports_to: the branch of @dev_central has no mailbox" in first


def test_a_workspace_that_cannot_be_read_is_a_doubt(tmp_path: Path) -> None:
    path = write(tmp_path, tmp_path / "gone")

    assert warnings(path) == [
        f"{path}:1: workspace: {tmp_path}/gone is not a directory: correct `workspace` in scheduled.toml"
    ]


def test_without_a_handler_the_workspace_is_not_read(tmp_path: Path) -> None:
    assert warnings(write(tmp_path, tmp_path / "gone", jobs="")) == []


def test_the_layout_is_one_of_the_forms(later: LaterSample, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="workspace_layout"):
        load_config(write(tmp_path, later.root, 'workspace_layout = "newest"'))
