"""Signed addresses with which the recipient of a notice answers a run that waits for a person, without a sign-in.

An address names the run, its attempt and an expiry, with a digest of them that only the owner of the state directory can
compute. It works as long as this attempt waits, so it is used up by the first answer, also by one that comes from elsewhere.
"""

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import msgspec

from scheduled import clock
from scheduled.core.approvals import deadline
from scheduled.core.configured_jobs import Jobs
from scheduled.core.runs import OpenRun
from scheduled.core.troubles import Trouble
from scheduled.errors import ConfigError, StateError
from scheduled.paths import Paths
from scheduled.schedules.zones import DAY, Instant
from scheduled.state.files import read_regular, write_atomically
from scheduled.state.ledger import Ledger

PATH = "/answer/"
FILE = "approval-key"
PRIVATE = 0o600
LENGTH = 32  # bytes of the key
MAX_FILE_SIZE = 4096  # bytes
LIFETIME = 7 * DAY  # of an address to a run without a deadline; in that time a notice is read or repeated
ASKS = ("approval", "ask")  # the kinds of trouble that an answer ends


def with_links(
    ledger: Ledger, paths: Paths, base: str, jobs: Jobs, found: Mapping[str, Trouble]
) -> dict[str, Trouble]:
    """Return *found* with the address to answer in each trouble about a run that waits for a person; it begins with *base*.

    Raise ConfigError if others may read the key, StateError if it cannot be written.
    """
    linked = dict(found)
    for name, trouble in found.items():
        run = ledger.open_run(trouble.run_id) if trouble.kind in ASKS else None
        if run is not None:
            link = base + path_of(_key(paths.root), run, expiry(run, jobs, clock.now()))
            linked[name] = msgspec.structs.replace(trouble, link=link)
    return linked


def expiry(run: OpenRun, jobs: Jobs, now: float) -> Instant:
    """Return the instant until which an address that is sent *now* answers *run*: its deadline, if it has one."""
    job = jobs.get(run.job)
    ends = None if job is None else deadline(job, run)
    return int(now // DAY) * DAY + DAY + LIFETIME if ends is None else ends


def path_of(key: bytes, run: OpenRun, until: Instant) -> str:
    """Return the path of the address, with its query."""
    query = urlencode({"until": until, "key": _digest(key, run.run_id, run.attempt, until)})
    return f"{PATH}{quote(run.run_id, safe='')}?{query}"


def is_valid(root: Path, run: OpenRun, until: str, digest: str, now: float) -> bool:
    """Return whether an address with this expiry and digest may answer *run*, of the state directory *root*, *now*."""
    if not (until.isascii() and until.isdecimal() and len(until) < LENGTH):
        return False
    right = _digest(_key(root), run.run_id, run.attempt, int(until))
    return hmac.compare_digest(digest.encode(), right.encode()) and now < int(until)


def _digest(key: bytes, run_id: str, attempt: int, until: Instant) -> str:
    words = msgspec.json.encode(["scheduled answer", run_id, attempt, until])
    return hmac.new(key, words, hashlib.sha256).hexdigest()


def _key(root: Path) -> bytes:
    """Return the key of the state directory *root*; create it if there is none."""
    path = root / FILE
    try:
        return _read(path)
    except FileNotFoundError:
        return _make(path)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error


def _read(path: Path) -> bytes:
    found = path.stat()
    if found.st_uid not in (0, os.geteuid()) or stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigError(
            f"{path}: other users may read or write the key; remove the file, and a new one is made"
        )
    key = read_regular(path, limit=MAX_FILE_SIZE).strip()
    if len(key) < LENGTH:
        raise ConfigError(
            f"{path}: the key has fewer than {LENGTH} characters; remove the file, and a new one is made"
        )
    return key


def _make(path: Path) -> bytes:
    key = secrets.token_hex(LENGTH).encode()
    try:
        write_atomically(path, key + b"\n", mode=PRIVATE)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error
    return key
