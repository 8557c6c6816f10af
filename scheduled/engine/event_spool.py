"""Load events that other programs put as files into the spool, the directory `spool/` of the state.

The name of a file up to its first dot is the name of the event (`disk_full`, `disk_full.json`,
`disk_full.2.json`). Its content is empty or a JSON object, the payload. Write the file elsewhere on the same
file system and rename it into the spool: a file is read only once, and a partly written one is read as it is.
"""

import os
from collections import deque
from collections.abc import Iterable
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
# A transaction loads at most so many files, and no more once it has requested so many starts: other processes wait.
PORTION, MOST_REQUESTS = 500, 5_000
LOADED = "spooled"  # key in the ledger's meta: the loaded files that may still exist


class Spooled(msgspec.Struct, frozen=True):
    """What a portion has: the new *events*, and by their marks the *loaded* files and the *invalid* ones, with a reason."""

    events: list[Event] = []
    loaded: dict[str, Path] = {}
    invalid: dict[str, tuple[Path, str]] = {}


class Spool:
    """The files that are in the spool now, to load in portions.

    The ledger remembers the files of a portion that may still exist, so that a file which was not removed (after a
    crash, or because another tick is faster) is not loaded twice.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting = deque(_names(runtime.paths.spool))

    @property
    def has_portions(self) -> bool:
        """Whether more than one portion is left."""
        return len(self._waiting) > PORTION

    def load(self, ledger: Ledger, now: float) -> Spooled:
        """Request starts of the jobs that subscribe to the events of the next portion, in the caller's transaction.

        Call `clear` after the commit.
        """
        known = _loaded(ledger)
        found, requests = Spooled(loaded=_existing(self._runtime.paths.spool, known)), 0
        for _ in range(min(PORTION, len(self._waiting))):
            event = self._read(self._runtime.paths.spool / self._waiting.popleft(), found)
            if event is not None:
                requests += self._request(ledger, event, now)
            if requests >= MOST_REQUESTS:
                break
        if list(found.loaded) != known:
            ledger.remember(LOADED, msgspec.json.encode(list(found.loaded)).decode())
        return found

    def _request(self, ledger: Ledger, event: Event, now: float) -> int:
        """Request the starts of *event*; return how many."""
        newest = ledger.newest_start_request()
        start_requests.spread(ledger, self._runtime.config.jobs, [event], 0, now)
        return ledger.newest_start_request() - newest

    def _read(self, path: Path, found: Spooled) -> Event | None:
        """Add a file to *found*; return its event, None if it has no new one."""
        mark = ""
        try:
            mark = _mark(path)
            if mark in found.loaded:
                return None  # it is not read again
            event = _event(path)
        except RecursionError:
            found.invalid[mark] = (path, "nested too deeply")
        except (RefusedError, ValueError, ConfigError) as error:
            found.invalid[mark] = (path, str(error).removeprefix(f"{path}: "))
        except FileNotFoundError:
            pass  # another tick has loaded and removed it
        except OSError as error:
            self._runtime.cannot_record(f"{path}: can't be read: {error.strerror}")
        else:
            found.loaded[mark] = path
            found.events.append(event)
            return event
        return None


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


def has_files(paths: Paths) -> bool:
    """Return whether the spool has files, also some that a tick has loaded and could not remove."""
    return paths.spool.is_dir() and bool(_names(paths.spool))


def waiting(ledger: Ledger, paths: Paths) -> list[Event]:
    """Return the events that the next tick will load, without any change; invalid files are ignored."""
    before, events = set(_loaded(ledger)), []
    for path in map(paths.spool.joinpath, _names(paths.spool) if paths.spool.is_dir() else ()):
        with suppress(RecursionError, RefusedError, ValueError, ConfigError, OSError):
            if _mark(path) not in before:
                events.append(_event(path))
    return events


def _loaded(ledger: Meta) -> list[str]:
    return msgspec.json.decode(ledger.meta(LOADED) or "[]", type=list[str])


def _existing(spool: Path, marks: Iterable[str]) -> dict[str, Path]:
    """Return the files of *marks* that still exist, as far as this can be found out now."""
    found = {}
    for mark in marks:
        path = spool / _name_in(mark)
        try:
            exists = _mark(path) == mark
        except FileNotFoundError:
            exists = False
        except OSError:
            exists = True
        if exists:
            found[mark] = path
    return found


def _names(spool: Path) -> list[str]:
    with os.scandir(spool) as entries:
        return sorted(entry.name for entry in entries if not (entry.name.startswith(".") or entry.is_dir()))


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
    if not path.name.isprintable():
        raise ConfigError("its name has characters that cannot be printed")
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
        runtime.log_line("WARNING", f"{path}: {reason}")  # first, as a crash may follow
        bad.mkdir(mode=0o700, exist_ok=True)
        path.replace(bad / path.name)
    except FileNotFoundError:
        return  # another tick was faster
    except OSError as error:
        runtime.cannot_record(f"{path}: {reason}; can't be moved to {bad}: {error.strerror}")
        return
    runtime.add_problem("WARNING", f"{path}: {reason}; moved to {bad}")
