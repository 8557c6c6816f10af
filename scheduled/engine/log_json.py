"""The lines of `scheduled.log` as JSON objects (`[log] format = "json"`), one on each line."""

from collections.abc import Iterator, Mapping

import msgspec

from scheduled.clock import local
from scheduled.core.events import Event
from scheduled.engine.log import MAX_NAMES
from scheduled.printable import printable_json

OWN = frozenset({"time", "level", "message", "event"})


def line(instant: float, zone: str, level: str, message: str, event: Event | None) -> bytes:
    """Return one line about *instant* (UTC seconds), with the offset of *zone*, and the payload of *event*."""
    document: dict[str, object] = {
        "time": local(instant, zone).isoformat(timespec="milliseconds"),
        "level": level,
        "message": message,
    }
    if event is not None:
        document |= {"event": event.name, **fields(event.payload)}
    plain = {encodable(key): _encodable_in(value) for key, value in document.items()}
    return printable_json(msgspec.json.encode(plain).decode()).encode() + b"\n"


def fields(payload: Mapping[str, object]) -> dict[str, object]:
    """Return what a line has of the *payload* of an event: plain values, and the beginning of lists of names."""
    return {key: value for name in payload for key, value in _field(name, payload[name]) if key not in OWN}


def _field(name: str, value: object) -> Iterator[tuple[str, object]]:
    if value is None or isinstance(value, str | int | float):
        yield name, value
    elif isinstance(value, list):
        names = [one for one in value if isinstance(one, str)]
        yield name, names[:MAX_NAMES]
        if len(names) > MAX_NAMES:
            yield f"{name}_more", len(names) - MAX_NAMES


def encodable(text: str) -> str:
    """Return *text* without characters that UTF-8 lacks: names of files may have them."""
    return text.encode(errors="backslashreplace").decode()


def _encodable_in(value: object) -> object:
    if isinstance(value, list):
        return [encodable(one) for one in value]
    return encodable(value) if isinstance(value, str) else value
