from pathlib import Path

import pytest

from scheduled import advice

CONFIG, STATE = Path("/demo/scheduled.toml"), Path("/demo/my state")
OPTIONS = "--config /demo/scheduled.toml --state '/demo/my state'"


@pytest.fixture
def other(monkeypatch):
    """Use an instance that is not the default one, with a program that is on the PATH."""
    monkeypatch.setattr(advice, "_program", lambda: "scheduled")
    advice.use(CONFIG, STATE)
    yield
    advice.use(advice.config_path(None), advice.state_path(None))


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("use `scheduled rerun a`, or `scheduled skip a`", f"use `scheduled {OPTIONS} rerun a`, or `scheduled {OPTIONS} skip a`"),
        ("a: failed (scheduled logs a)", f"a: failed (scheduled {OPTIONS} logs a)"),
        ("a: waits (not now; scheduled history a)", f"a: waits (not now; scheduled {OPTIONS} history a)"),
        ("it was skipped; scheduled runs jobs", "it was skipped; scheduled runs jobs"),
        ("scheduled runs jobs; not scheduled yet", "scheduled runs jobs; not scheduled yet"),
    ],
)  # fmt: skip
def test_a_command_in_a_message_names_the_instance(message, expected):
    assert advice.complete(message) == expected


@pytest.mark.usefixtures("other")
def test_only_the_path_that_is_not_the_default_is_named(monkeypatch):
    monkeypatch.setenv("SCHEDULED_CONFIG", str(CONFIG))

    assert advice.complete("`scheduled run`") == "`scheduled --state '/demo/my state' run`"


def test_the_default_instance_needs_no_options():
    advice.use(advice.config_path(None), advice.state_path(None))

    assert advice.complete("`scheduled run`") == "`scheduled run`"


@pytest.mark.usefixtures("other")
def test_only_the_messages_of_a_document_are_completed():
    entry = {"reason": "`scheduled rerun`", "command": "echo `scheduled run`", "problems": 2}
    document = {"problems": ["`scheduled run`"], "jobs": [entry], "other": None}

    found = advice.complete_in(document)

    assert found["problems"] == [f"`scheduled {OPTIONS} run`"]
    assert found["jobs"][0] == {**entry, "reason": f"`scheduled {OPTIONS} rerun`"}


@pytest.mark.parametrize(
    ("linked", "expected"), [(True, "scheduled"), (False, "{own}")], ids=["on PATH", "not"]
)
def test_a_program_that_is_not_on_the_path_is_named_by_its_path(tmp_path, monkeypatch, linked, expected):
    own = tmp_path / "venv/bin/scheduled"
    own.parent.mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    if linked:
        (tmp_path / "bin/scheduled").symlink_to(own)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    monkeypatch.setattr("sys.executable", str(own.with_name("python")))

    assert advice._program() == expected.format(own=own)
