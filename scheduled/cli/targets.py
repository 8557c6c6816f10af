"""Output on a terminal: the targets of jobs, also of jobs with many."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from scheduled.advice import complete
from scheduled.cli.terminal import counted
from scheduled.core.keys import JobKey
from scheduled.queries.of_targets import failed, in_numbers

MOST_NAMED = 5  # targets in a line


def named(entry: Mapping[str, Any]) -> str:
    """Return the job and the target of a document, as in messages: `JOB` or `JOB@TARGET`, with the number of several targets."""
    if targets := entry.get("targets"):
        return f"{entry['job']} ({counted(len(targets), 'target')})"
    return JobKey(entry.get("job") or "", entry.get("target") or "").display_name


def of_targets(targets: Sequence[Mapping[str, Any]]) -> Text:
    """Return how many targets of a job have which last status: `48 ok, 2 failed`."""
    return Text(in_numbers(targets), style="bold red" if failed(targets) else "")


def failed_targets(name: str, targets: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Yield a line that names the targets of the job *name* of which the last run did not end well, if there are any."""
    if names := [str(JobKey(name, target)) for target in failed(targets)]:
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        shown = ", ".join(names[:MOST_NAMED])
        yield f"failed: {shown}{more}; `scheduled show {name}` lists all targets"


def shortened(problems: Iterable[str], jobs: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Yield *problems*, of each job only those of the first targets, and then how many more of its targets have some.

    *jobs* are the entries of `status`, one for each target.
    """
    failing = [(job["name"], job["target"]) for job in jobs if job["failing"] and job["target"] is not None]
    owners = {f"{JobKey(name, target)}: ": name for name, target in failing}
    seen: Counter[str] = Counter()
    for problem in problems:
        owner = owners.get(problem[: problem.find(": ") + 2], "")
        seen[owner] += 1
        if not owner or seen[owner] <= MOST_NAMED:
            yield problem
    for name, count in seen.items():
        if name and count > MOST_NAMED:
            yield complete(
                f"{name}: {count - MOST_NAMED} more targets are failing; `scheduled show {name}` lists all targets"
            )
