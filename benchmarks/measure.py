"""Two works side by side: the processes of one, then of the other, A B A B ..., until there are enough to compare."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

# Of the environment that we are measured in: a system's own may import whatever its packages put into site.
BARE = [sys.executable, "-c", "pass"]
GNU_TIME = "/usr/bin/time"
PR_SET_CHILD_SUBREAPER = 36


class NotDoneError(AssertionError):
    """A side did not do the work that is being compared."""


def nothing(*_: object) -> None:
    """Prepare, or check, nothing."""


@dataclass(frozen=True)
class Work:
    """What one side does: *commands* one after the other, each of which has to end with exit code 0.

    *prepare* comes before every run and is not measured. *check*, given what was printed, raises NotDoneError
    unless the work was done. *prints_seconds*: the program times itself, its own start and imports left out.
    """

    label: str
    commands: Sequence[Sequence[str]]
    prepare: Callable[[], None] = nothing
    check: Callable[[str], None] = nothing
    env: Mapping[str, str] = field(default_factory=dict)
    prints_seconds: bool = False


@dataclass(frozen=True)
class Run:
    """One run of a work: seconds on the clock, seconds of CPU (children included)."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Figure:
    """*ours* against *theirs*, run by run; *limit* is the ratio that is aimed at, *gate* the one that CI refuses.

    The gate looks at the CPU used, where that is known: others' load, and slow disks, are no regression of ours.
    """

    row: str
    work: str
    against: str
    ours: Sequence[float]
    theirs: Sequence[float]
    limit: float
    gate: float
    unit: str = "s"
    cpu_ratio: float | None = None

    @property
    def sign(self) -> str:
        """What stands before the ratio: memory is told as what is used beyond the other."""
        return "+" if self.unit == "MiB" else ""

    @property
    def ratio(self) -> float:
        """The ratio of the medians; of memory the difference, in MiB."""
        if self.unit == "MiB":
            return median(self.ours) - median(self.theirs)
        return median(self.ours) / median(self.theirs)

    @property
    def gated(self) -> float:
        """What the gate looks at."""
        return self.ratio if self.cpu_ratio is None else self.cpu_ratio

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the greatest of the pairs' own ratios (of memory: differences)."""
        pairs = list(zip(self.ours, self.theirs, strict=True))
        found = [a - b if self.unit == "MiB" else a / b for a, b in pairs]
        return min(found), max(found)


def compare(
    row: str, ours: Work, theirs: Work, *, limit: float, gate: float, runs: int, warm: int = 1
) -> Figure:
    """Run both works *runs* times in turn, after *warm* pairs that don't count."""
    pairs = [(run(ours), run(theirs)) for _ in range(warm + runs)][warm:]
    return Figure(
        row=row,
        work=ours.label,
        against=theirs.label,
        ours=[a.wall for a, _ in pairs],
        theirs=[b.wall for _, b in pairs],
        limit=limit,
        gate=gate,
        cpu_ratio=_cpu_ratio(pairs, ours, theirs),
    )


def _cpu_ratio(pairs: Sequence[tuple[Run, Run]], ours: Work, theirs: Work) -> float | None:
    if ours.prints_seconds or theirs.prints_seconds:
        return None
    used = median(a.cpu for a, _ in pairs), median(b.cpu for _, b in pairs)
    return used[0] / used[1] if used[1] else None


def run(work: Work) -> Run:
    """Do *work* once; raises NotDoneError if it was not done."""
    work.prepare()
    printed, wall, cpu = [], 0.0, 0.0
    for command in work.commands:
        text, took = _process(command, work.env)
        printed.append(text)
        wall, cpu = wall + took.wall, cpu + took.cpu
    text = "".join(printed)
    work.check(text)
    return Run(float(text.split()[-1]), cpu) if work.prints_seconds else Run(wall, cpu)


def _process(command: Sequence[str], env: Mapping[str, str]) -> tuple[str, Run]:
    with tempfile.TemporaryFile() as out:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, out.fileno(), 2),
        ]
        began = time.perf_counter()
        pid = os.posix_spawnp(command[0], list(command), context(env), file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - began
        cpu = usage.ru_utime + usage.ru_stime + _left_behind()[0]
        out.seek(0)
        text = out.read().decode(errors="replace")
    if code := os.waitstatus_to_exitcode(status):
        raise NotDoneError(f"exit code {code}: {' '.join(command)[:500]}\n{text[-2000:]}")
    return text, Run(wall, cpu)


def adopt() -> None:
    """Become the parent of whatever the measured processes leave behind, so that it is counted too."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _left_behind() -> tuple[float, int]:
    """Wait for it to end; return the seconds of CPU it used, and the peak of its largest process in KiB."""
    used, largest = 0.0, 0
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return used, largest
        used += usage.ru_utime + usage.ru_stime
        largest = max(largest, usage.ru_maxrss)


def peak(work: Work) -> float:
    """Return the peak memory of *work*'s largest process in MiB.

    GNU time starts it: the kernel counts the memory of whoever starts a process into the peak of that process,
    and this program is larger than what it measures.
    """
    work.prepare()
    peaks = []
    for command in work.commands:
        done = subprocess.run(
            [GNU_TIME, "-q", "-f", "%M", *command],
            env=context(work.env),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotDoneError(f"exit code {done.returncode}: {done.stderr[-2000:]}")
        peaks.append(max(int(done.stderr.split()[-1]), _left_behind()[1]) / 1024)
        work.check(done.stdout)
    return max(peaks)


def compare_peaks(row: str, ours: Work, theirs: Work, *, limit: float, gate: float, runs: int) -> Figure:
    """As `compare`, of peak memory; the limit is what ours may take more, in MiB."""
    pairs = [(peak(ours), peak(theirs)) for _ in range(runs)]
    return Figure(
        row=row,
        work=ours.label,
        against=theirs.label,
        ours=[a for a, _ in pairs],
        theirs=[b for _, b in pairs],
        limit=limit,
        gate=gate,
        unit="MiB",
    )


def context(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of every measured process: what cron would give it, and *more*."""
    return {"PATH": os.defpath + ":/usr/sbin", "HOME": "/", "LANG": "C.UTF-8", "TZ": "UTC", **more}


def scratch() -> Path:
    """Return a new empty directory, which whoever asked removes."""
    return Path(tempfile.mkdtemp(prefix="scheduled-bench-", dir=os.environ.get("BENCH_DIR")))


def fresh(source: Path, target: Path) -> None:
    """Make *target* a copy of the tree *source*."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
