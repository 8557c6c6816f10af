"""Documents are printed with their commands completed and control characters escaped."""

import json
from pathlib import Path

import pytest

from scheduled import advice
from scheduled.advice import complete_in
from scheduled.cli import reply
from scheduled.printable import printable_in

TEXTS = [
    "plain",
    "f\u00fcr \u4e2d",
    'sh -c "true"',
    "a \\ backslash",
    "ends with \\",
    'both \\"',
    "two\nlines",
    "\x1b[31m",
    "\x7f",
    "\x9b31m",
    "\u202e",
    "\ud800",
    "run `scheduled status`",
]


@pytest.fixture
def another_instance(monkeypatch):
    monkeypatch.setattr(advice, "_instance", [Path("/c/scheduled.toml"), Path("/s")])


@pytest.mark.usefixtures("another_instance")
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("place", ["value", "key", "list"])
def test_a_document_that_is_taken_as_plain_has_nothing_to_change(text, place):
    document = {"value": {"problem": text}, "key": {text: 1}, "list": [{"problems": [text]}]}[place]

    changed = printable_in(complete_in(document), reply.BLOCKS) != document

    assert not (changed and reply._is_plain(document))


@pytest.mark.parametrize("text", TEXTS[:3])
def test_a_text_without_anything_to_escape_is_plain(text):
    assert reply._is_plain([{"text": text}])


@pytest.mark.usefixtures("another_instance")
def test_a_shown_document_has_its_commands_completed(capsys):
    reply.show({"problem": "run `scheduled status`"}, "check", as_json=True)

    assert "--state /s status" in json.loads(capsys.readouterr().out)["problem"]
