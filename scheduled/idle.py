"""The idle check, step 0 of a tick: decide with one small read and one stat per file whether there is anything to do.

Most ticks run only this file, so it imports only built-in modules. The decision is made from the first line of the
snapshot. `header` writes that line and `parse` reads it.
"""

import posix
import sys
import time

TYPE_CHECKING = False  # for type checkers it is true, without the import of `typing`
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
else:
    import _signal as signal  # built in

# The start of scheduled_state.json: a JSON key with a value of fixed width, so that the size of the whole document is
# known before the header, which contains it, is written.
SIZE = 256
PREFIX = b'{\n"_idle":"'
SUFFIX = b'",\n'
NEVER = 253402300799  # 9999-12-31T23:59:59Z
FIELDS = 7
# An idle tick must not write, so the last digits of the heartbeat's nanoseconds hold the rhythm of the ticks: four
# digits for the distance in minutes, one for the number of ticks at this distance, two to recognize the others.
RHYTHM = 10**7
ENOUGH = 3  # ticks at one distance: from then on more are expected
DEADMAN = b"deadman"  # in the state directory: a link to the file that shows a monitor that ticks come
HANGS = 2  # seconds after which a child that touches this file is killed: its file system does not answer
LATE = 15 * 10**9  # nanoseconds; how much later than its minute a tick of cron begins on a busy machine


def header(
    next_due: int, edited: int, ledger: int, written: int, size: int, inode: int, digest: int
) -> bytes:
    """Return the first 256 bytes of a snapshot.

    *next_due* and *written* are UTC seconds, *edited* and *ledger* are the fingerprints of the functions of that name,
    *size* and *inode* are those of the snapshot itself. *digest* is that of the rest of the snapshot: with it the next
    full tick detects manual edits.
    """
    seal = sealed(edited, next_due, ledger, written, size, inode)
    text = b"%d %d %d %d %d %d %d" % (next_due, seal, ledger, written, size, inode, digest)
    return PREFIX + text.ljust(SIZE - len(PREFIX) - len(SUFFIX)) + SUFFIX


def sealed(edited: int, next_due: int, ledger: int, written: int, size: int, inode: int) -> int:
    """Return a hash of *edited* and the other numbers of the header, which contains it instead of *edited*.

    With it a damaged digit anywhere in the header is detected. Otherwise the damage could delay all jobs.
    """
    return hash((edited, next_due, ledger, written, size, inode))


def parse(head: bytes) -> list[int] | None:
    """Given the first bytes of a snapshot, return the numbers of its header in order; None if it has no header."""
    if not (len(head) == SIZE and head.startswith(PREFIX) and head.endswith(SUFFIX)):
        return None
    try:
        numbers = [int(part) for part in head[len(PREFIX) : -len(SUFFIX)].split()]
    except ValueError:
        return None
    return numbers if len(numbers) == FIELDS else None


def fingerprint(path: bytes | str) -> int:
    """Return a number that changes if the content, owner or mode of a file changes, or if it is created or removed."""
    try:
        return _of_file(posix.stat(path))
    except OSError:
        return 0


def _of_file(found: posix.stat_result) -> int:
    # The hash of a tuple of integers is the same in every process; that of a string is not.
    return hash(
        (
            found.st_mtime_ns,
            found.st_ctime_ns,
            found.st_size,
            found.st_ino,
            found.st_mode,
            found.st_uid,
            found.st_gid,
        )
    )


def _fingerprint_of_files(directory: bytes) -> int:
    """Return a number that changes if the content, owner or mode of a file in *directory* changes.

    The names and the order are left out: the modification time of the directory changes with each name. Nearly all of the
    time is taken by the system calls, so a file is looked up in the open directory: a path of one name is the shortest.
    """
    try:
        fd = posix.open(directory, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_DIRECTORY)
        try:
            return _sum_of_files(fd)
        finally:
            posix.close(fd)
    except OSError:
        return 0


def _sum_of_files(fd: int) -> int:
    total = 0
    for entry in posix.scandir(fd):
        try:  # noqa: SIM105 - `contextlib` is not built in
            total += _of_file(entry.stat())
        except OSError:
            pass  # removed meanwhile, or a symbolic link without its file
    return total


def rights(path: bytes) -> int:
    """Return a number that changes if the mode or owner of a directory changes, but not if files are created in it."""
    try:
        found = posix.stat(path)
    except OSError:
        return 0
    return hash((found.st_mode, found.st_uid, found.st_gid))


def _number(text: bytes) -> int:
    return int.from_bytes(text, "big")


def _boot() -> int:
    try:
        fd = posix.open("/proc/sys/kernel/random/boot_id", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return _number(posix.read(fd, 64))
    finally:
        posix.close(fd)


def configured(config: bytes) -> int:
    """Return a fingerprint of scheduled.toml, which has the path *config*, and of jobs.d and its files."""
    jobs_d = config.rpartition(b"/")[0] + b"/jobs.d"
    return hash((_number(config), fingerprint(config), fingerprint(jobs_d), _fingerprint_of_files(jobs_d)))


def edited(config: bytes, state: bytes, configuration: int) -> int:
    """Return a fingerprint of everything that can make a job due before the instant in the header.

    *config* is the path of scheduled.toml, *state* that of the state directory, *configuration* the fingerprint of the
    configuration. The fingerprint covers also the spool, the time zone, this file, the boot, and mode and owner of the
    directories of scheduled.toml and of the state.
    """
    zone = posix.environ.get(b"TZ", b"")
    found = [configuration, fingerprint(state + b"/spool")]
    found += [rights(config.rpartition(b"/")[0]), rights(state)]
    found += [_number(zone), fingerprint(b"/etc/localtime"), fingerprint(__file__), _boot()]
    return hash(tuple(found))


def ledger(state: bytes) -> int:
    """Return a fingerprint of the files of the ledger. It changes with every write after the snapshot."""
    return hash((fingerprint(state + b"/ledger.db"), _write_ahead_log(state + b"/ledger.db-wal")))


def _write_ahead_log(path: bytes) -> int:
    """Return a fingerprint of a write-ahead log. An empty one, which a reader may create, is the same as none."""
    try:
        return fingerprint(path) if posix.stat(path).st_size else 0
    except OSError:
        return 0


def _home(variable: bytes, default: bytes) -> bytes | None:
    chosen = posix.environ.get(variable, b"")
    if chosen.startswith(b"/"):  # the XDG specification requires that relative paths are ignored
        return chosen
    home = posix.environ.get(b"HOME", b"")
    return home + default if home.startswith(b"/") else None


def paths(argv: list[str], plain: list[str] | None = None) -> tuple[bytes, bytes] | None:
    """Return the paths (scheduled.toml, state directory) if the arguments are *plain* (`run`); None for other arguments."""
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
    if verbs != (plain or ["run"]) or not (
        config and state and config.startswith(b"/") and state.startswith(b"/")
    ):
        return None
    return config, state


def beat(last_ns: int, now_ns: int) -> int:
    """Return the modification time for a heartbeat at *now_ns* after the one at *last_ns* (0: there was none).

    It is at most 20 ms earlier than *now_ns*, and contains the rhythm that `rhythm` returns.
    """
    minutes, ticks = rhythm(last_ns)
    passed = round((now_ns - last_ns) / (60 * 10**9))
    if last_ns == 0 or now_ns < last_ns:
        minutes, ticks = 0, 1
    elif now_ns - last_ns >= 60 * 10**9 - LATE:  # else it is another tick of the same minute
        ticks = min(9, ticks + 1) if passed == minutes else 2
        minutes = min(9999, passed)
    return now_ns - now_ns % RHYTHM - RHYTHM + _code(minutes, ticks)


def rhythm(beat_ns: int) -> tuple[int, int]:
    """Return how many minutes apart the heartbeats up to the one at *beat_ns* came, and how many of them did.

    The result is (0, 1) if nothing is known about the heartbeats before it.
    """
    minutes, ticks = divmod(beat_ns % RHYTHM // 100, 10)
    return (minutes, ticks) if beat_ns % RHYTHM == _code(minutes, ticks) and ticks > 1 else (0, 1)


def is_beat(modified_ns: int) -> bool:
    """Return whether a snapshot's modification time can be a heartbeat: the time at which another program wrote cannot.

    A file system with coarse times does not keep the rhythm, so a time without the last digits can be one.
    """
    return modified_ns % 100 == 0 or modified_ns % RHYTHM == _code(*divmod(modified_ns % RHYTHM // 100, 10))


def _code(minutes: int, ticks: int) -> int:
    number = minutes * 10 + ticks
    return number * 100 + (number * 31 + 47) % 97


def on_terminal() -> bool:
    """Return whether the output goes to a terminal: a person typed the command, and cron did not start it."""
    return posix.isatty(1) or posix.isatty(2)


def _nothing_due(snapshot: bytes, config: bytes, state: bytes, now_ns: int) -> bool:
    fd = posix.open(snapshot, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK)
    try:
        numbers = parse(posix.read(fd, SIZE))
        found = posix.fstat(fd)
        if numbers is None:
            return False
        due, seal, generation, written, size, inode, _ = numbers
        return (
            written * 10**9 <= now_ns < due * 10**9
            and found.st_mtime_ns
            <= now_ns  # else the clock was set back since the heartbeat of the last tick
            and (size, inode) == (found.st_size, found.st_ino)
            and found.st_uid == posix.geteuid()
            and seal
            == sealed(edited(config, state, configured(config)), due, generation, written, size, inode)
            and generation == ledger(state)
        )
    finally:
        posix.close(fd)


def is_idle(argv: list[str]) -> bool:
    """Return whether *argv* is a tick with nothing to do. If it is, set the heartbeat, the snapshot's mtime, to now."""
    found = paths(argv)
    if found is None or on_terminal():
        return False
    now_ns = time.time_ns()
    snapshot = found[1] + b"/scheduled_state.json"
    try:
        if not _nothing_due(snapshot, *found, now_ns):
            return False
        posix.utime(snapshot, ns=(now_ns, beat(posix.stat(snapshot).st_mtime_ns, now_ns)))
    except OSError:
        return False
    return _touched(found[1] + b"/" + DEADMAN, now_ns)


def in_child(work: "Callable[[], None]") -> int:
    """Do *work* in a forked child, which dies after HANGS seconds; return its pid. Its exit code is 0 if it was done."""
    pid = posix.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGALRM,))
            signal.alarm(HANGS)
            work()
            code = 0
        finally:
            posix._exit(code)  # noqa: SLF001 - its public name is in `os`
    return pid


def _touched(link: bytes, now_ns: int) -> bool:
    """Set the time of the file to which *link* points, if there is such a link; return False if a full tick has to repair it."""
    try:
        posix.lstat(link)
    except OSError:
        return True  # no file is configured
    try:
        pid = in_child(lambda: posix.utime(link, ns=(now_ns, now_ns)))
        return posix.waitpid(pid, 0)[1] == 0
    except OSError:  # it can't be forked, or SIGCHLD is ignored, so that nothing is known of it
        return False
