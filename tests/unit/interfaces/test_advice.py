"""The commands in the answers of every interface reach the instance that the interface serves."""

import json
from pathlib import Path

import pytest
from starlette.requests import Request

from scheduled import advice
from scheduled.core.events import Event
from scheduled.errors import ConfigError
from scheduled.interfaces.dbus import caller
from scheduled.interfaces.mcp import server
from scheduled.interfaces.web import app, responses
from scheduled.interfaces.web.pages import templating
from scheduled.notify.session_bus import signals

SHORT, FULL = "`scheduled status`", "`scheduled --config /demo/scheduled.toml --state /demo/state status`"


@pytest.fixture(autouse=True)
def other(monkeypatch):
    """Serve an instance that is not the default one."""
    monkeypatch.setattr(advice, "_program", lambda: "scheduled")
    advice.use(Path("/demo/scheduled.toml"), Path("/demo/state"))
    yield
    advice.use(advice.config_path(None), advice.state_path(None))


def a_request(path):
    return Request({"type": "http", "method": "GET", "path": path, "headers": [], "state": {}})


def test_an_answer_of_rest_or_of_the_bus():
    document = {"problems": [SHORT], "command": SHORT}

    for text in (responses.Json(document).body, caller.text(document)):
        assert json.loads(text) == {"problems": [FULL], "command": SHORT}


@pytest.mark.parametrize("path", ["/api/jobs", "/jobs/a"])
def test_an_error_of_rest_and_of_a_page(path):
    body = app._error(a_request(path), ConfigError(f"a: {SHORT}")).body.decode()

    assert FULL.strip("`") in body


def test_the_refusal_of_a_request_without_token_names_no_path():
    refusal = responses.RefusedError(421, f"use the address that {SHORT} printed")

    assert "/demo" not in responses.refused(a_request("/"), refusal).body.decode()


def test_a_page():
    incident = {"text": SHORT, "job": None, "since": None, "notified_at": None, "history": "", "flapping": False,
                "acknowledged_at": None, "muted": False, "output": [], "to_do": []}  # fmt: skip
    page = templating.page(
        a_request("/incidents"), "incidents.html", incidents=[incident], notices=[], names=[]
    )

    assert FULL in page.body.decode()
    assert templating.command("scheduled status") == FULL.strip("`")


def test_an_error_of_mcp_and_of_the_bus():
    error = ConfigError(f"a: {SHORT}")

    assert server._error_result(error).structured_content["message"] == f"a: {FULL}"
    assert caller.dbus_error(error).text == f"a: {FULL}"


@pytest.mark.parametrize(
    ("name", "expected"), [("job_failed", FULL), ("event_refused", FULL), ("coffee_ready", SHORT)]
)
def test_a_signal_of_the_program_but_not_what_the_user_wrote(name, expected):
    event = Event(name=name, payload={"job": "a", "run_id": "a-1", "reason": SHORT, "command": SHORT})

    sent = {member: body for _, member, _, body in signals(event, "UTC")}

    document = json.loads(sent["Event"][1])
    assert (document["reason"], document["command"]) == (expected, SHORT)
    assert "JobFailed" not in sent or sent["JobFailed"][2] == expected
