"""Messages of a command as lines of JSON, in the form of the log (`--log-json`)."""

from collections.abc import Mapping
from typing import Any

from scheduled import clock
from scheduled.advice import complete
from scheduled.core.events import Event
from scheduled.engine import log_json


def of_message(level: str, text: str) -> bytes:
    """Return the line of a message to the user."""
    return log_json.line(clock.now(), clock.local_zone(), level, text, None)


def of_output(output: Mapping[str, Any]) -> bytes:
    """Return the line of the last lines of a run, an entry of `outputs` in the document of a tick."""
    payload = {name: output[name] for name in ("job", "target", "run_id", "output") if output[name]}
    event = Event(name="job_output", payload=payload)
    return log_json.line(clock.now(), clock.local_zone(), "INFO", complete(output["text"]), event)
