"""Events from outside: files dropped into the state's `spool/`, taken up by the next tick.

A file is named after its event (`disk_full`, `disk_full.json`, `disk_full.whatever.json`) and may hold a JSON
object, the payload. Write it elsewhere on the same disk and move it in: a file is read once.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from scheduled.config.values import EVENT
from scheduled.core.events import Event
from scheduled.engine import chains
from scheduled.engine.runtime import Runtime
from scheduled.errors import ConfigError
from scheduled.paths import Paths
from scheduled.state.files import RefusedError, read_regular
from scheduled.state.ledger import Ledger, Meta

LIMIT = 1 << 16  # a job is handed its payload in one variable, for which Linux has room up to 128 KiB
TAKEN = "spooled"  # where the ledger keeps which files were taken in already


def take_in(ledger: Ledger, runtime: Runtime, now: float) -> tuple[list[Event], list[Path]]:
    """Have the jobs started that listen to the spool's events, inside the caller's transaction.

    Returns the events and the files to remove once that is committed. Those that still lie there then, after a crash
    or before another tick, are known again. A file that is no event is set aside in `spool/bad/` and said.
    """
    before = _taken(ledger)
    events, done = [], {}
    for path in _files(runtime.paths.spool):
        try:
            mark, event = _mark(path), _event(path)
        except RecursionError:
            _set_aside(runtime, path, "nested too deeply")
            continue
        except (RefusedError, ValueError, ConfigError) as error:
            _set_aside(runtime, path, str(error).removeprefix(f"{path}: "))
            continue
        except FileNotFoundError:
            continue  # another tick has taken it
        except OSError as error:
            runtime.cannot_record(f"{path}: can't be read: {error.strerror}")
            continue
        if mark not in before:
            chains.spread(ledger, runtime.config.jobs, [event], 0, now)
            events.append(event)
        done[mark] = path
    if list(done) != before:
        ledger.remember(TAKEN, msgspec.json.encode(list(done)).decode())
    return events, list(done.values())


def waiting(ledger: Ledger, paths: Paths) -> list[Event]:
    """Return the events that the next tick takes in, and leave their files alone; what is no event is left out."""
    before, events = _taken(ledger), []
    for path in _files(paths.spool) if paths.spool.is_dir() else []:
        with suppress(RecursionError, RefusedError, ValueError, ConfigError, OSError):
            if _mark(path) not in before:
                events.append(_event(path))
    return events


def _taken(ledger: Meta) -> list[str]:
    return msgspec.json.decode(ledger.meta(TAKEN) or "[]", type=list[str])


def _files(spool: Path) -> list[Path]:
    return [path for path in sorted(spool.iterdir()) if not (path.name.startswith(".") or path.is_dir())]


def _event(path: Path) -> Event:
    return Event(name=_name(path), payload=_payload(path))


def _mark(path: Path) -> str:
    """Return what no other file that ever lies here has in common with this one."""
    seen = path.stat()
    return f"{path.name}:{seen.st_ino}:{seen.st_mtime_ns}"


def _name(path: Path) -> str:
    name = path.name.partition(".")[0]
    return event_name(name)


def event_name(name: str) -> str:
    """Return *name* if an event can be called so; raises ConfigError."""
    if not EVENT.fullmatch(name):
        raise ConfigError(f"not an event's name: {name!r} (letters, digits and _, such as disk_full)")
    return name


def _payload(path: Path) -> dict[str, Any]:
    data = read_regular(path, limit=LIMIT)
    document = msgspec.json.decode(data) if data.strip() else {}
    if not isinstance(document, dict):
        raise ConfigError("its content is no JSON object")
    return document


def _set_aside(runtime: Runtime, path: Path, reason: str) -> None:
    bad = runtime.paths.spool / "bad"
    try:
        bad.mkdir(mode=0o700, exist_ok=True)
        path.replace(bad / path.name)
    except FileNotFoundError:
        return  # another tick has taken it meanwhile
    except OSError as error:
        runtime.cannot_record(f"{path}: {reason}; can't be set aside in {bad}: {error.strerror}")
        return
    runtime.say("WARNING", f"{path}: {reason}; set aside in {bad}")
