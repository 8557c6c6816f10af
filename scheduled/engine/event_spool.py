"""Load events that other programs put as files into the spool, the directory `spool/` of the state.

The name of a file up to its first dot is the name of the event (`disk_full`, `disk_full.json`,
`disk_full.2.json`). Its content is empty or a JSON object, the payload. Write the file elsewhere on the same
file system and rename it into the spool: a file is read only once, and a partly written one is read as it is.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from scheduled.config.values import EVENT
from scheduled.core.events import Event
from scheduled.engine import start_requests
from scheduled.engine.runtime import Runtime
from scheduled.errors import ConfigError
from scheduled.paths import Paths
from scheduled.state.files import RefusedError, read_regular
from scheduled.state.ledger import Ledger, Meta

LIMIT = 1 << 16  # bytes; the payload is passed in one environment variable, which Linux limits to 128 KiB
LOADED = "spooled"  # key in the ledger's meta: the files that are loaded already


class Spooled(msgspec.Struct, frozen=True):
    """What the spool has: the new *events*, and by their marks the *loaded* files and the *invalid* ones, with a reason."""

    events: list[Event] = []
    loaded: dict[str, Path] = {}
    invalid: dict[str, tuple[Path, str]] = {}


def collect(ledger: Ledger, runtime: Runtime, now: float) -> Spooled:
    """Request starts of the jobs that subscribe to the events in the spool, inside the caller's transaction.

    Call `clear` after the commit. The ledger remembers the loaded files, so that a file which was not removed (after a
    crash, or because another tick is faster) is not loaded twice.
    """
    before, found, kept = _loaded(ledger), Spooled(), []
    for path in _files(runtime.paths.spool):
        try:
            mark = _mark(path)
            event = None if mark in before else _event(path)  # one that is loaded is not read again
        except RecursionError:
            found.invalid[mark] = (path, "nested too deeply")
            continue
        except (RefusedError, ValueError, ConfigError) as error:
            found.invalid[mark] = (path, str(error).removeprefix(f"{path}: "))
            continue
        except FileNotFoundError:
            continue  # another tick has loaded and removed it
        except OSError as error:
            runtime.cannot_record(f"{path}: can't be read: {error.strerror}")
            kept += [mark for mark in before if _name_in(mark) == path.name]
            continue
        if event is not None:
            start_requests.spread(ledger, runtime.config.jobs, [event], 0, now)
            found.events.append(event)
        found.loaded[mark] = path
    marks = [*found.loaded, *kept]
    if marks != before:
        ledger.remember(LOADED, msgspec.json.encode(marks).decode())
    return found


def clear(runtime: Runtime, spooled: Spooled) -> None:
    """Remove the files that are loaded, and move those that are no valid event to `spool/bad/`, with a warning.

    Call it after the commit: until then the files are the only evidence of their events.
    """
    for mark, path in spooled.loaded.items():
        try:
            if _mark(path) == mark:  # and not a newer file of the same name
                path.unlink()
        except FileNotFoundError:
            continue  # another tick was faster
        except OSError as error:
            runtime.cannot_record(
                f"{path}: the event is recorded, but its file can't be removed: {error.strerror}"
            )
    for mark, (path, reason) in spooled.invalid.items():
        _move_aside(runtime, mark, path, reason)


def waiting(ledger: Ledger, paths: Paths) -> list[Event]:
    """Return the events that the next tick will load, without any change; invalid files are ignored."""
    before, events = _loaded(ledger), []
    for path in _files(paths.spool) if paths.spool.is_dir() else []:
        with suppress(RecursionError, RefusedError, ValueError, ConfigError, OSError):
            if _mark(path) not in before:
                events.append(_event(path))
    return events


def _loaded(ledger: Meta) -> list[str]:
    return msgspec.json.decode(ledger.meta(LOADED) or "[]", type=list[str])


def _files(spool: Path) -> list[Path]:
    return [path for path in sorted(spool.iterdir()) if not (path.name.startswith(".") or path.is_dir())]


def _event(path: Path) -> Event:
    return Event(name=_name(path), payload=_payload(path))


def _mark(path: Path) -> str:
    """Return an identifier of this file. A later file of the same name has a different one."""
    status = path.stat()
    return f"{path.name}:{status.st_ino}:{status.st_mtime_ns}"


def _name_in(mark: str) -> str:
    """Return the name of the file that has *mark*."""
    return mark.rsplit(":", 2)[0]


def _name(path: Path) -> str:
    name = path.name.partition(".")[0]
    return event_name(name)


def event_name(name: str) -> str:
    """Return *name* if it is a valid name of an event. Raise ConfigError if not."""
    if not EVENT.fullmatch(name):
        raise ConfigError(
            f"not a valid event name: {name!r}; use letters, digits and _, for example disk_full"
        )
    return name


def _payload(path: Path) -> dict[str, Any]:
    data = read_regular(path, limit=LIMIT)
    document = msgspec.json.decode(data) if data.strip() else {}
    if not isinstance(document, dict):
        raise ConfigError("its content is not a JSON object")
    return document


def _move_aside(runtime: Runtime, mark: str, path: Path, reason: str) -> None:
    bad = runtime.paths.spool / "bad"
    try:
        if _mark(path) != mark:
            return  # a newer file of the same name
        runtime.add_problem("WARNING", f"{path}: {reason}; moved to {bad}")  # first, as a crash may follow
        bad.mkdir(mode=0o700, exist_ok=True)
        path.replace(bad / path.name)
    except FileNotFoundError:
        return  # another tick was faster
    except OSError as error:
        runtime.cannot_record(f"{path}: can't be moved to {bad}: {error.strerror}")
