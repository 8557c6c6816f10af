"""Start, signal and inspect the processes of jobs."""

import os
import resource
import signal
import stat
import time
from collections.abc import Callable
from contextlib import suppress

from scheduled.core.jobs import Limits
from scheduled.execution.protocol import Spec

EARLIER = ".earlier-"  # in the name of the output of a run that another ledger had; its last change follows
MAX_FDS = 1 << 16
TRIES = 5  # to create a file in a directory that a tick removes at the same moment, because it was empty
_LIMITS = {
    "memory": resource.RLIMIT_AS,
    "cpu": resource.RLIMIT_CPU,
    "file_size": resource.RLIMIT_FSIZE,
    "open_files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
}


def file_size_limit(limits: Limits) -> int | None:
    """Return the bytes that a file of a job with these *limits* may have, or by the limit of this process; None for any number."""
    inherited = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    given = None if inherited == resource.RLIM_INFINITY else inherited
    return given if limits.file_size is None else limits.file_size


def open_output(path: str) -> int:
    """Create an attempt's output file with mode 0600, open for appending; return its descriptor.

    Its directory is created if it is missing. A file with output is of a run that the ledger does not know, because an
    older ledger was put back: it is renamed.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = _created(path, flags)
    found = os.fstat(fd)
    if not (found.st_size and stat.S_ISREG(found.st_mode)):
        return fd
    os.close(fd)
    os.replace(path, f"{path}{EARLIER}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(found.st_mtime))}")
    return os.open(path, flags | os.O_EXCL, 0o600)


def _created(path: str, flags: int) -> int:
    for _ in range(TRIES):
        with suppress(FileNotFoundError):
            return os.open(path, flags, 0o600)
        with suppress(FileExistsError):
            os.mkdir(os.path.dirname(path), 0o700)
    return os.open(path, flags, 0o600)


def make_ready() -> None:
    """Import the modules that `spawn` needs; the supervisor calls this while the tick is planning."""
    from scheduled.execution import spawning  # noqa: F401


def spawn(spec: Spec, output: int, stderr: int | None = None) -> int:
    """Execute *spec.argv* in a session of its own, with *output* as its output; return the pid. *stderr* is *output* by default.

    The process inherits the descriptor *output*, and with it the run's lock. Raise OSError, with the name of
    the program or directory, if it can't be started; raise ValueError if the kernel refuses a limit or the
    priority.
    """
    from scheduled.execution import spawning

    stdin, errors = None if spec.stdin is None else open_input(spec), output if stderr is None else stderr
    try:
        if restrictions(spec) is None:
            with suppress(NotImplementedError):  # as in a Python that was built for an old C library
                return spawning.start(spec, stdin, output, errors)
        return _spawn_restricted(spec, stdin, output, errors)
    finally:
        if stdin is not None:
            os.close(stdin)


def _spawn_restricted(spec: Spec, stdin: int | None, output: int, stderr: int) -> int:
    """Do the same for a program with a priority or limits, which have to be set between fork and exec."""
    import subprocess

    try:
        process = subprocess.Popen(
            spec.argv,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=output,
            stderr=stderr,
            pass_fds=(output,),  # holds the lock even if the job redirects its output
            cwd=spec.cwd,
            env=spec.env,
            umask=-1 if spec.umask is None else spec.umask,
            start_new_session=True,
            preexec_fn=restrictions(spec),  # noqa: PLW1509 - the supervisor has no threads
        )
    except subprocess.SubprocessError as error:
        raise ValueError(str(error)) from error
    # The supervisor reaps its children with waitpid. Without a return code, Popen would warn that it still
    # runs.
    process.returncode = 0
    return process.pid


def open_input(spec: Spec) -> int:
    """Open what the job reads from its standard input, from its start on; return the descriptor.

    A text is in a file in memory, so that no process has to feed a pipe: the job outlives this process. Raise OSError, with the
    name of the file, or ValueError if it is not a regular one.
    """
    assert spec.stdin is not None
    if not spec.stdin.file:
        from scheduled.state.files import write_all

        fd = os.memfd_create("stdin")
        write_all(fd, spec.stdin.text.encode())
        os.lseek(fd, 0, os.SEEK_SET)
        return fd
    name = os.path.join(spec.cwd, spec.stdin.file)
    try:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO would wait for a writer
    except OSError as error:
        raise ValueError(f"stdin: {name}: {error.strerror}; create it, or correct the path") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ValueError(f"stdin: {name} is not a regular file; write the path of one")
    os.set_blocking(fd, True)
    return fd


def second_output(output: int) -> int:
    """Open the file of *output* once more, for standard error; return the descriptor. Raise OSError.

    Its position shows whether something was written to it, and all lines stay in their order.
    """
    return os.open(f"/proc/self/fd/{output}", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)


def restrictions(spec: Spec) -> Callable[[], None] | None:
    """Return a function that sets priority and limits in the child, or None, so that vfork can be used."""
    if spec.nice is None and spec.limits == Limits():
        return None

    def restrict() -> None:
        if spec.nice is not None:
            os.setpriority(os.PRIO_PROCESS, 0, spec.nice)
        for name, kind in _LIMITS.items():
            value = getattr(spec.limits, name)
            if value is not None:
                hard = resource.getrlimit(kind)[1]
                value = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.setrlimit(kind, (value, value))

    return restrict


def detach(keep: int) -> None:
    """Detach a forked child from the supervisor: new session, default signals, only the descriptor *keep* open."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    os.closerange(3, keep)
    os.closerange(keep + 1, MAX_FDS)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the process group that *pid* leads. Do nothing if it no longer exists."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:  # a set-user-id program, which may not be signalled
        return


def born(pid: int) -> int:
    """Return the kernel's start time of *pid* in clock ticks since boot, or 0 if there is no such process."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        stat = os.read(fd, 4096)  # a single read, since the kernel builds the text again for each one
    except ProcessLookupError:
        return 0
    finally:
        os.close(fd)
    fields = stat.rpartition(b")")[2].split()  # the name of the command may contain spaces and parentheses
    return 0 if fields[0] == b"Z" else int(fields[19])


def lives(pid: int, birth: int) -> bool:
    """Return whether process *pid* exists, is no zombie and has the start time *birth*, as from `born`."""
    return birth != 0 and born(pid) == birth
