"""Read the lists of targets that change by themselves: the branches of the workspace, and what commands print.

A tick reads a list when a slot of its job has come due, so that new targets take part in it. Everything else uses the last
known targets, see `config.last_targets`. A list that can't be read changes nothing.
"""

import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from scheduled import clock
from scheduled.config.config import Config
from scheduled.config.last_targets import LISTS, recall, recorded
from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Job
from scheduled.core.manual import ManualRequest
from scheduled.core.targets import MOST_TARGETS, LastTargets, fault_of, is_due, source_of, unknown_after
from scheduled.engine import gaps
from scheduled.engine.runtime import Runtime
from scheduled.errors import ConfigError, ScheduledError
from scheduled.execution.gate_commands import GateCommands
from scheduled.execution.prepare import directory_of, environment_of
from scheduled.handlers.workspace.workspace import Workspace, WorkspaceError
from scheduled.printable import printable
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger, Meta

if TYPE_CHECKING:
    from scheduled.core.runs import JobState

TIME = 30.0  # seconds for all lists of a tick
SIZE = 1 << 20  # bytes that a command may print
AT_ONCE = 16  # commands
STAY = "its last known targets stay"
NONE = "no target is known, so nothing runs"


class Found(msgspec.Struct, frozen=True):
    """What reading a list gave: its *targets*, None if it can't be read, and what is wrong.

    *complete* is false if targets may be missing: then known ones stay, which *problem* need not mention.
    """

    targets: tuple[str, ...] | None
    problem: str = ""
    complete: bool = True


def read_due(
    runtime: Runtime,
    ledger: Ledger,
    now: float,
    requests: Sequence[ManualRequest],
    only: Collection[str] | None,
) -> dict[str, LastTargets]:
    """Read the lists that the tick which began at *now* needs; return what is known of them now, by job.

    The jobs of the configuration get their targets. With *requests*, these are the lists of the requested jobs and of what
    follows from them; with *only*, those of these jobs. It may take seconds: call it while no transaction is open. Raise
    ConfigError if a requested job has no known target.
    """
    config = runtime.config
    recall(config, ledger)
    due = list(_due(ledger, config, int(now), requests, only))
    at = clock.now()
    found = _read(runtime, due) if due else {}
    before = recorded(ledger) if due else {}
    known = {
        name: _merged(config.jobs[name], one, at, config.jobs[name].targets, before.get(name))
        for name, one in found.items()
    }
    config.give_targets({name: one.targets for name, one in known.items()})
    for name in (request.job for request in requests if not request.target and not request.run_id):
        if name in known and not known[name].targets:
            raise ConfigError(f"{name}: no target is known: {found[name].problem}")
    return known


def _merged(
    job: Job, found: Found, at: float, known: Sequence[str], before: LastTargets | None = None
) -> LastTargets:
    """Return what is known after reading a list at the instant *at*; *known* are the targets until then."""
    targets = [*found.targets] if found.targets is not None else [*known]
    problem = found.problem
    if found.targets is None or (known and not found.complete):
        problem += f"; {STAY if known else NONE}"
    if not found.complete:
        targets += [target for target in known if target not in targets]
    unknown = unknown_after(before, targets, at, found.problem)
    return LastTargets(source_of(job), at, tuple(targets), problem, unknown)


def settle(ledger: Ledger, config: Config, found: Mapping[str, LastTargets]) -> list[str]:
    """Record the lists that this tick has read, in the caller's transaction; return a warning for each problem.

    A list that another tick has read later stays.
    """
    before, now = recorded(ledger), clock.now()
    newer = {
        name: one
        for name, one in found.items()
        if name not in before or not _is_newer(before[name], one, now)
    }
    kept = {name: one for name, one in before.items() if name in config.jobs or config.problems}
    if newer or kept != before:
        ledger.remember(LISTS, msgspec.json.encode(kept | newer).decode())
    recall(config, ledger)
    return [_text(name, one.problem) for name, one in newer.items() if one.problem]


def _is_newer(known: LastTargets, found: LastTargets, now: float) -> bool:
    """Return whether another tick has read the same list after *found*, and not before the clock was set back."""
    return known.source == found.source and found.at < known.at <= now


def problems(ledger: Meta, jobs: Jobs) -> dict[str, str]:
    """Return a text for each enabled job of which the list could not be read completely, by its key."""
    return {
        f"targets:{name}": _text(name, one.problem)
        for name, one in recorded(ledger).items()
        if one.problem and name in jobs and jobs[name].enabled and source_of(jobs[name]) == one.source
    }


def _text(name: str, problem: str) -> str:
    return printable(f"{name}: for_each: {problem} (scheduled show {name})")


def _due(
    ledger: Ledger,
    config: Config,
    now: Instant,
    requests: Sequence[ManualRequest],
    only: Collection[str] | None,
) -> Iterator[Job]:
    """Yield the jobs of which the list has to be read: something may start that it decides about."""
    known, planned = recorded(ledger), gaps.last_planned(ledger, now)
    requested = _following(config.jobs, [request.job for request in requests if not request.target])
    states: dict[str, list[JobState]] = {}
    for key, state in ledger.job_states().items():
        states.setdefault(key.job, []).append(state)
    for name, job in config.jobs.items():
        if not job.has_changing_targets or not (name in requested if requests else job.enabled):
            continue
        new = name not in known or known[name].source != source_of(job) or not job.targets
        needed = new or not job.is_by_time or is_due(job, states.get(name, ()), planned, now)
        if name in requested or (needed and (only is None or name in only)):
            yield job


def _following(jobs: Jobs, names: Sequence[str]) -> set[str]:
    """Return *names*, the steps of those that are chains, and the jobs that come after them, and so on."""
    found, waiting = set[str](), [*names]
    while waiting:
        name = waiting.pop()
        if name in jobs and name not in found:
            found.add(name)
            waiting += [step for steps in jobs[name].action.steps for step in steps]
            waiting += jobs.coming_after.get(name, ())
    return found


def _read(runtime: Runtime, due: Sequence[Job]) -> dict[str, Found]:
    """Read the lists of the jobs *due*: the workspace once, and the commands side by side."""
    commands = [job for job in due if job.for_each is not None and job.for_each.command]
    branches = [job.name for job in due if job not in commands]
    found = dict.fromkeys(branches, _branches(runtime.config)) if branches else {}
    return found | (_printed(runtime, commands) if commands else {})


def _branches(config: Config) -> Found:
    try:
        workspace = Workspace.load(config.workspace, layout=config.workspace_layout)
    except (WorkspaceError, OSError) as error:
        return Found(None, str(error))
    names = [branch.name for branch in workspace.branches]
    found = _checked(names, f"the workspace {config.workspace} has")
    if workspace.is_complete or found.targets is None:
        return found
    entries = "; ".join(workspace.problems[:3])
    return Found(found.targets, f"the registry of {config.workspace}: {entries}", complete=False)


def _printed(runtime: Runtime, jobs: Sequence[Job]) -> dict[str, Found]:
    environment, until = runtime.environment, time.monotonic() + TIME
    running = GateCommands()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(lambda job: _lines(running, job, environment, until), jobs)
            return {job.name: one for job, one in zip(jobs, found, strict=True)}
    finally:
        running.close()


def _lines(running: GateCommands, job: Job, environment: Mapping[str, str], until: float) -> Found:
    """Return the targets that the command of *job* prints, one on each line."""
    assert job.for_each is not None
    try:
        given = {**environment_of(job, environment)[1], "SCHEDULED_JOB": job.name}
        directory = directory_of(job, environment)
        if not os.path.isdir(directory):
            return Found(None, f"the directory {directory} of its command does not exist")
        fault, output = running.printed(job.for_each.command, given, directory, until, SIZE)
    except (ScheduledError, OSError, ValueError) as error:
        return Found(None, f"its command can't be started: {error}")
    if fault:
        in_time = f" ({TIME:.0f} s)" if "in time" in fault else ""
        return Found(None, f"its command {fault}{in_time}")
    lines = output.decode(errors="surrogateescape").split("\n")
    names = [line.rstrip("\r") for line in lines if line.strip()]
    return _checked(names, "its command printed") if names else Found(None, "its command printed no target")


def _checked(names: Sequence[str], where: str) -> Found:
    """Return the valid targets among *names*, each once, and what is wrong with the others; *where* they come from."""
    faults = [fault for fault in map(fault_of, names) if fault]
    targets = tuple(dict.fromkeys(name for name in names if not fault_of(name)))
    if len(targets) > MOST_TARGETS:
        return Found(None, f"{where} {len(targets):,} targets, and at most {MOST_TARGETS:,} are allowed")
    if not targets:
        return Found(None, f"{where} no valid target: {faults[0]}")
    more = f", and {len(faults) - 1:,} more" if len(faults) > 1 else ""
    return Found(targets, f"{where} a name that can't be a target: {faults[0]}{more}" if faults else "")
