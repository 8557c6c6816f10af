"""Measure two works in turn (A B A B ...) and compare their times or their peak memory."""

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

# The interpreter of the benchmarks' environment: the packages of a system can add imports to the start of its own interpreter.
BARE_PYTHON = [sys.executable, "-c", "pass"]
GNU_TIME = "/usr/bin/time"
STRACE = "/usr/bin/strace"
PR_SET_CHILD_SUBREAPER = 36


class NotDoneError(AssertionError):
    """A command failed, or did not do the work that is compared."""


def nothing(*_: object) -> None:
    """Do nothing: the default of `Work.prepare` and `Work.check`."""


@dataclass(frozen=True)
class Work:
    """The *commands* of one side, which run one after the other and must exit with 0.

    *prepare* is called before every run and is not measured. *check* is called with the output and raises NotDoneError
    if the work was not done. With *prints_seconds* the command prints its own time, without its start and imports.
    """

    label: str
    commands: Sequence[Sequence[str]]
    prepare: Callable[[], None] = nothing
    check: Callable[[str], None] = nothing
    env: Mapping[str, str] = field(default_factory=dict)
    prints_seconds: bool = False


@dataclass(frozen=True)
class Run:
    """One run of a work: elapsed seconds and CPU seconds, children included."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Figure:
    """The *results* of a work and those of its reference, run by run.

    *limit* is the target of the ratio; CI fails above *gate*. The gate uses the CPU time if it is known, because load on the
    machine and slow disks are not regressions.
    """

    row: str
    work: str
    against: str
    results: Sequence[float]
    references: Sequence[float]
    limit: float
    gate: float
    unit: str = "s"
    cpu_ratio: float | None = None

    @property
    def prefix(self) -> str:
        """The prefix of the ratio: `+` for memory, which is compared as a difference."""
        return "+" if self.unit == "MiB" else ""

    @property
    def ratio(self) -> float:
        """The ratio of the medians; for memory their difference in MiB."""
        if self.unit == "MiB":
            return median(self.results) - median(self.references)
        return median(self.results) / median(self.references)

    @property
    def gate_value(self) -> float:
        """The ratio that the gate checks: of the CPU times if they are known."""
        return self.ratio if self.cpu_ratio is None else self.cpu_ratio

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest ratio of a single pair; for memory differences in MiB."""
        pairs = list(zip(self.results, self.references, strict=True))
        found = [a - b if self.unit == "MiB" else a / b for a, b in pairs]
        return min(found), max(found)


def compare(
    row: str, work: Work, reference: Work, *, limit: float, gate: float, runs: int, warm: int = 1
) -> Figure:
    """Run both works *runs* times in turn, after *warm* pairs that are not counted."""
    pairs = [(run(work), run(reference)) for _ in range(warm + runs)][warm:]
    return Figure(
        row=row,
        work=work.label,
        against=reference.label,
        results=[a.wall for a, _ in pairs],
        references=[b.wall for _, b in pairs],
        limit=limit,
        gate=gate,
        cpu_ratio=_cpu_ratio(pairs, work, reference),
    )


def _cpu_ratio(pairs: Sequence[tuple[Run, Run]], work: Work, reference: Work) -> float | None:
    if work.prints_seconds or reference.prints_seconds:
        return None
    used = median(a.cpu for a, _ in pairs), median(b.cpu for _, b in pairs)
    return used[0] / used[1] if used[1] else None


def run(work: Work) -> Run:
    """Do *work* once. Raise NotDoneError if it was not done."""
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
        pid = os.posix_spawnp(command[0], list(command), environment(env), file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - began
        cpu = usage.ru_utime + usage.ru_stime + _left_behind()[0]
        out.seek(0)
        text = out.read().decode(errors="replace")
    if code := os.waitstatus_to_exitcode(status):
        raise NotDoneError(f"exit code {code}: {' '.join(command)[:500]}\n{text[-2000:]}")
    return text, Run(wall, cpu)


def become_subreaper() -> None:
    """Become the parent of processes that outlive the measured commands, so that they are measured too."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _left_behind() -> tuple[float, int]:
    """Wait for such processes to end. Return their CPU seconds and the peak memory of the largest one in KiB."""
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

    GNU time starts the process: the kernel includes the memory of the parent in the peak of a new process, and this
    program is larger than the measured ones.
    """
    work.prepare()
    peaks = []
    for command in work.commands:
        done = subprocess.run(
            [GNU_TIME, "-q", "-f", "%M", *command],
            env=environment(work.env),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotDoneError(f"exit code {done.returncode}: {done.stderr[-2000:]}")
        peaks.append(max(int(done.stderr.split()[-1]), _left_behind()[1]) / 1024)
        work.check(done.stdout)
    return max(peaks)


def compare_peaks(row: str, work: Work, reference: Work, *, limit: float, gate: float, runs: int) -> Figure:
    """Compare the peak memory of both works; *limit* and *gate* are differences in MiB."""
    pairs = [(peak(work), peak(reference)) for _ in range(runs)]
    return Figure(
        row=row,
        work=work.label,
        against=reference.label,
        results=[a for a, _ in pairs],
        references=[b for _, b in pairs],
        limit=limit,
        gate=gate,
        unit="MiB",
    )


def syncs(work: Work) -> float:
    """Return how many times *work*'s processes call fsync or fdatasync."""
    work.prepare()
    count = 0
    for command in work.commands:
        with tempfile.NamedTemporaryFile() as trace:
            watching = [
                STRACE,
                "-f",
                "--seccomp-bpf",
                "-qq",
                "-e",
                "trace=fsync,fdatasync",
                "-e",
                "signal=none",
                "-o",
                trace.name,
            ]
            done = subprocess.run(
                [*watching, *command], env=environment(work.env), capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise NotDoneError(f"exit code {done.returncode}: {done.stderr[-2000:]}")
            count += sum("sync(" in line for line in Path(trace.name).read_text().splitlines())
        work.check(done.stdout)
    return count


def compare_syncs(row: str, work: Work, reference: Work, *, limit: float, gate: float, runs: int) -> Figure:
    """Compare how often both works call fsync or fdatasync."""
    pairs = [(syncs(work), syncs(reference)) for _ in range(runs)]
    return Figure(
        row=row,
        work=work.label,
        against=reference.label,
        results=[a for a, _ in pairs],
        references=[b for _, b in pairs],
        limit=limit,
        gate=gate,
        unit="fsyncs",
    )


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a measured process: variables as cron sets them, and *more*."""
    return {"PATH": os.defpath + ":/usr/sbin", "HOME": "/", "LANG": "C.UTF-8", "TZ": "UTC", **more}


def make_scratch() -> Path:
    """Return a new empty directory. The caller removes it."""
    return Path(tempfile.mkdtemp(prefix="scheduled-bench-", dir=os.environ.get("BENCH_DIR")))


def copy_tree(source: Path, target: Path) -> None:
    """Replace *target* by a copy of the directory *source*."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
