"""Starting, signalling and looking at processes: everything that is done to one job's process group."""

import os
import resource
from collections.abc import Callable

from scheduled.core.jobs import Limits
from scheduled.execution.protocol import Spec

KILL_GRACE = 10.0  # between TERM and KILL: what init systems allow, and enough to remove a temporary file
_LIMITS = {
    "memory": resource.RLIMIT_AS,
    "cpu": resource.RLIMIT_CPU,
    "file_size": resource.RLIMIT_FSIZE,
    "open_files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
}


def open_output(path: str) -> int:
    """Create an attempt's output file, 0600, appended to by all who hold it; return its descriptor."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(path, flags, 0o600)


def make_ready() -> None:
    """Import what starting processes takes: a supervisor has the time for it while its runner plans."""
    import subprocess  # noqa: F401


def spawn(spec: Spec, output: int) -> int:
    """Execute *spec.argv* in a process group of its own, its output and the run's lock in *output*.

    Returns the pid; raises OSError (naming the program or directory) if it can't be started, ValueError (a setting
    that the kernel refuses).
    """
    import subprocess

    try:
        process = subprocess.Popen(
            spec.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(output,),  # holds the lock even where the job redirects its own output
            cwd=spec.cwd,
            env=spec.env,
            umask=-1 if spec.umask is None else spec.umask,
            start_new_session=True,
            preexec_fn=restrictions(spec),  # noqa: PLW1509 - the supervisor has no threads
        )
    except subprocess.SubprocessError as error:
        raise ValueError(str(error)) from error
    # We reap with waitpid for all children at once; Popen must not complain that nobody waited.
    process.returncode = 0
    return process.pid


def restrictions(spec: Spec) -> Callable[[], None] | None:
    """Return what must be done in the child before it executes, or None so that vfork can be used."""
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


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the process group that *pid* leads; one that is gone needs none."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:  # a set-user-id program: nothing we may do
        return


def born(pid: int) -> int:
    """Return the kernel's start time of *pid* in clock ticks since boot, or 0 if there is no such process."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        stat = os.read(fd, 4096)  # one read: the kernel gathers it all anew for each
    except ProcessLookupError:
        return 0
    finally:
        os.close(fd)
    fields = stat.rpartition(b")")[2].split()  # the command's name may hold spaces and parentheses
    return 0 if fields[0] == b"Z" else int(fields[19])


def lives(pid: int, birth: int) -> bool:
    """Return whether the process that was born as *pid* at *birth* is still there (and not a zombie)."""
    return birth != 0 and born(pid) == birth
