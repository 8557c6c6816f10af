"""Step 0 of a tick: is there anything to do? Answered from one small read and one stat per file.

Only built-in modules are imported here, and no type is checked at run time: on most ticks this file is
all that runs. The snapshot's first line carries the answer (`Header`); whoever publishes a snapshot
writes that line with `header`, so that both sides of the format stand on this page.
"""

import posix
import sys
import time

# What the first line of scheduled_state.json looks like: a JSON key whose value has a fixed width, so
# that the document can be measured before it is written.
SIZE = 256
PREFIX = b'{\n"_idle":"'
SUFFIX = b'",\n'
NEVER = 253402300799  # 9999-12-31T23:59:59Z
FIELDS = 7


def header(
    next_due: int, edited: int, ledger: int, written: int, size: int, inode: int, digest: int
) -> bytes:
    """Given the numbers of the idle question, return the snapshot's first 256 bytes.

    *next_due* and *written* are UTC seconds; *edited* and *ledger* are fingerprints; *size* and *inode* are
    those of the snapshot itself; *digest*, of what follows, is for the next full tick: it tells a hand edit.
    """
    seal = sealed(edited, next_due, ledger, written, size, inode)
    text = b"%d %d %d %d %d %d %d" % (next_due, seal, ledger, written, size, inode, digest)
    return PREFIX + text.ljust(SIZE - len(PREFIX) - len(SUFFIX)) + SUFFIX


def sealed(edited: int, next_due: int, ledger: int, written: int, size: int, inode: int) -> int:
    """Return what the header holds of *edited*: a digit damaged anywhere in it must not put jobs to sleep."""
    return hash((edited, next_due, ledger, written, size, inode))


def parse(head: bytes) -> list[int] | None:
    """Given a snapshot's first bytes, return the header's numbers in their order, or None if it has none."""
    if not (len(head) == SIZE and head.startswith(PREFIX) and head.endswith(SUFFIX)):
        return None
    try:
        numbers = [int(part) for part in head[len(PREFIX) : -len(SUFFIX)].split()]
    except ValueError:
        return None
    return numbers if len(numbers) == FIELDS else None


def _look(path: bytes | str) -> int:
    """Return a number that changes when the file at *path* is edited, replaced, made, removed or given other rights."""
    try:
        seen = posix.stat(path)
    except OSError:
        return 0
    # Tuples of integers hash alike in every process; strings do not.
    return hash((seen.st_mtime_ns, seen.st_size, seen.st_ino, seen.st_mode, seen.st_uid, seen.st_gid))


def _rights(path: bytes) -> int:
    """Return a number that changes when the mode or owner of the directory at *path* changes, and not when files are made in it."""
    try:
        seen = posix.stat(path)
    except OSError:
        return 0
    return hash((seen.st_mode, seen.st_uid, seen.st_gid))


def _number(text: bytes) -> int:
    return int.from_bytes(text, "big")


def _names(directory: bytes) -> list[bytes]:
    try:
        return sorted(posix.listdir(directory))
    except OSError:
        return []


def _boot() -> int:
    try:
        fd = posix.open("/proc/sys/kernel/random/boot_id", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return _number(posix.read(fd, 64))
    finally:
        posix.close(fd)


def edited(config: bytes, state: bytes) -> int:
    """Return a fingerprint of all that can make something due before the planned instant.

    *config* is scheduled.toml, *state* the state directory. Covers both, jobs.d and its files, the
    spool, the zone, the program itself and the boot.
    """
    jobs_d = config.rpartition(b"/")[0] + b"/jobs.d"
    zone = posix.environ.get(b"TZ", b"")
    seen = [_number(config), _look(config), _look(jobs_d), _look(state + b"/spool")]
    seen += [_rights(config.rpartition(b"/")[0]), _rights(state)]
    seen += [_number(zone), _look(b"/etc/localtime"), _look(__file__), _boot()]
    seen += [_look(jobs_d + b"/" + name) for name in _names(jobs_d)]
    return hash(tuple(seen))


def ledger(state: bytes) -> int:
    """Return a fingerprint of the ledger's files: another writer since the snapshot changes it."""
    return hash((_look(state + b"/ledger.db"), _log(state + b"/ledger.db-wal")))


def _log(path: bytes) -> int:
    """Look at the write-ahead log; an empty one, which a reader may leave behind, is no news."""
    try:
        return _look(path) if posix.stat(path).st_size else 0
    except OSError:
        return 0


def _home(variable: bytes, default: bytes) -> bytes | None:
    chosen = posix.environ.get(variable, b"")
    if chosen.startswith(b"/"):  # the XDG specification: a relative path is to be ignored
        return chosen
    home = posix.environ.get(b"HOME", b"")
    return home + default if home.startswith(b"/") else None


def paths(argv: list[str]) -> tuple[bytes, bytes] | None:
    """Given the words of a plain `run`, return (scheduled.toml, state directory); None for all else."""
    config = posix.environ.get(b"SCHEDULED_CONFIG") or None
    state = posix.environ.get(b"SCHEDULED_STATE") or None
    words = iter(argv)
    verbs = []
    for word in words:
        if word in ("--config", "--state"):
            path = next(words, "").encode(sys.getfilesystemencoding(), "surrogateescape")
            if not path:
                return None
            config, state = (path, state) if word == "--config" else (config, path)
        else:
            verbs.append(word)
    config_home, state_home = (
        _home(b"XDG_CONFIG_HOME", b"/.config"),
        _home(b"XDG_STATE_HOME", b"/.local/state"),
    )
    config = config or (config_home and config_home + b"/scheduled/scheduled.toml")
    state = state or (state_home and state_home + b"/scheduled")
    if verbs != ["run"] or not (config and state and config.startswith(b"/") and state.startswith(b"/")):
        return None
    return config, state


def _nothing_due(snapshot: bytes, config: bytes, state: bytes, now_ns: int) -> bool:
    fd = posix.open(snapshot, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK)
    try:
        numbers = parse(posix.read(fd, SIZE))
        seen = posix.fstat(fd)
        if numbers is None:
            return False
        due, seal, generation, written, size, inode, _ = numbers
        return (
            written * 10**9 <= now_ns < due * 10**9
            and seen.st_mtime_ns <= now_ns  # the heartbeat of the last tick: the clock went back
            and (size, inode) == (seen.st_size, seen.st_ino)
            and seen.st_uid == posix.geteuid()
            and seal == sealed(edited(config, state), due, generation, written, size, inode)
            and generation == ledger(state)
        )
    finally:
        posix.close(fd)


def is_idle(argv: list[str]) -> bool:
    """Given a command line, return True if it is a tick with nothing to do, after touching the heartbeat."""
    where = paths(argv)
    if where is None or posix.isatty(1):
        return False
    now_ns = time.time_ns()
    snapshot = where[1] + b"/scheduled_state.json"
    try:
        if not _nothing_due(snapshot, *where, now_ns):
            return False
        posix.utime(snapshot, ns=(now_ns, now_ns))
    except OSError:
        return False
    return True
