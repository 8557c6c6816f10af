"""Jobs that name other jobs, in `chain` or `after`: the names must exist and not form a circle."""

from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Job


def drop_unresolvable(jobs: Jobs, problems: list[str]) -> None:
    """Turn each job with a chain or `after` that is circular, or names a job that is not loaded, into a problem."""
    while (cycle := _cycle(jobs)) is not None:
        for name in dict.fromkeys(cycle):
            _drop(
                jobs,
                problems,
                name,
                f"circular reference: {' -> '.join(cycle)}; remove one of these references",
            )
    while missing := {
        name: gone
        for name, job in jobs.items()
        if (job.after or job.action.steps) and (gone := _missing(jobs, job))
    }:
        for name, gone in missing.items():
            _drop(
                jobs,
                problems,
                name,
                f"no such job: {', '.join(gone)}; correct the name, or define or repair the job",
            )


def _drop(jobs: Jobs, problems: list[str], name: str, problem: str) -> None:
    job = jobs.pop(name)
    key = job.action.kind if job.action.steps else "after"
    problems.append(f"{job.source}: jobs.{name}: {key}: {problem}")


def _missing(jobs: Jobs, job: Job) -> list[str]:
    return [name for name in _references(job) if name not in jobs]


def _references(job: Job) -> list[str]:
    return [*job.after, *(name for step in job.action.steps for name in step)]


def _cycle(jobs: Jobs) -> list[str] | None:
    graph = {name: _references(job) for name, job in jobs.items() if job.after or job.action.steps}
    if not graph:
        return None
    from graphlib import CycleError, TopologicalSorter

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return None
