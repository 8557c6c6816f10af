"""What a user names: a job, `JOB`, or one target of it, `JOB@TARGET`."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from urllib.parse import unquote

from scheduled.config.config import Config, unknown_hint
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey, read_label
from scheduled.errors import ConfigError, UnknownError

LISTED = 10  # targets that a message lists


def known_key(found: Config, text: str) -> JobKey:
    """Return the key that *text* names: a job, which has no target then, or a target of a job.

    The name of a job comes first, because it may contain an `@`. The target may be as it is written in `for_each`, or as
    in a label. Raise UnknownError if there is no such job or target, with the nearest names or the targets.
    """
    if text in found.jobs:
        return JobKey(text)
    candidates = list(_candidates(text))
    for key in candidates:
        if key.job in found.jobs and key.target in found.jobs[key.job].targets:
            return key
    job = next((found.jobs[key.job] for key in candidates if key.job in found.jobs), None)
    if job is None:
        raise UnknownError(f"no such job: {text}; {unknown_hint(found, text)}")
    raise UnknownError(_no_target(job, text))


def _candidates(text: str) -> Iterator[JobKey]:
    """Yield the keys that *text* can mean: as a label, or split at one of its `@`, with the longest name of a job first."""
    with suppress(ValueError):
        yield read_label(text)
    for place in (place for place in reversed(range(len(text))) if text[place] == "@"):
        job, target = text[:place], text[place + 1 :]
        for name in dict.fromkeys((job, job.replace("@@", "@"))):
            yield from (JobKey(name, one) for one in dict.fromkeys((target, unquote(target))) if one)


def known_or_former(found: Config, text: str, former: Collection[JobKey]) -> JobKey:
    """Return what `known_key` returns, or the key among *former* that *text* names: a target that its job no longer has."""
    try:
        return known_key(found, text)
    except UnknownError:
        for key in named_keys(text):
            if key in former and key.job in found.jobs:
                return key
        raise


def refuse_target(found: Config, text: str) -> None:
    """Raise UnknownError if *text* names a target of a job: only the job has a definition. The target need not be known."""
    if text in found.jobs:
        return
    job = next((key.job for key in _candidates(text) if key.job in found.jobs), None)
    if job is not None and found.jobs[job].for_each is not None:
        raise UnknownError(f"{text}: is a target of the job {job}, not a job; only {job} has a definition")


def named_keys(text: str) -> list[JobKey]:
    """Return the targets that *text* can mean, also of jobs that are not configured."""
    return [key for key in dict.fromkeys(_candidates(text)) if key.target]


def _no_target(job: Job, text: str) -> str:
    if job.for_each is None:
        return f"no such job: {text}; {job.name} has no targets, because it has no `for_each`"
    from difflib import get_close_matches  # only for this message

    target = text[len(job.name) + 1 :]
    near = get_close_matches(unquote(target), job.targets, n=3)
    if near:
        return f"no such target: {text}; did you mean {' or '.join(labels(job, near))}?"
    again = f"; `scheduled run {job.name}` reads the list again" if job.has_changing_targets else ""
    return f"no such target: {text}; {targets_in_words(job)}{again}"


def labels(job: Job, targets: Iterable[str]) -> list[str]:
    """Return the labels of *targets* of *job*."""
    return [str(JobKey(job.name, target)) for target in targets]


def targets_in_words(job: Job) -> str:
    """Return the targets of *job* as labels; of many, only the first ones."""
    if not job.targets:
        return f"{job.name} has no targets yet"
    more = len(job.targets) - LISTED
    rest = f" and {more} more (`scheduled show {job.name}` lists them)" if more > 0 else ""
    return f"the targets of {job.name} are {', '.join(labels(job, job.targets[:LISTED]))}{rest}"


def known_keys(found: Config, texts: Sequence[str]) -> list[JobKey]:
    """Return what `known_key` returns for each text, without duplicates."""
    return list(dict.fromkeys(known_key(found, text) for text in texts))


def each_target(found: Config, key: JobKey) -> tuple[JobKey, ...]:
    """Return *key*, or the keys of all targets if it is a job with `for_each`."""
    return (key,) if key.target else keys_of(found.jobs[key.job])


def target_keys(found: Config, texts: Sequence[str]) -> list[JobKey]:
    """Return the keys under which what *texts* name has slots and runs: of a job with `for_each`, those of all its targets.

    Raise UnknownError as `known_key` does, ConfigError for a job of which no target is known yet.
    """
    keys = known_keys(found, texts)
    for key in keys:
        if not each_target(found, key):
            raise ConfigError(f"{key.job}: {targets_in_words(found.jobs[key.job])}")
    return list(dict.fromkeys(one for key in keys for one in each_target(found, key)))


def one_target(found: Config, text: str) -> JobKey:
    """Return the only key that *text* names. Raise ConfigError, with the targets, if it is a job with several."""
    keys = target_keys(found, [text])
    if len(keys) > 1:
        job = found.jobs[keys[0].job]
        raise ConfigError(f"{job.name}: name one of its {len(keys)} targets; {targets_in_words(job)}")
    return keys[0]


def completions(found: Config, incomplete: str) -> list[str]:
    """Return the names of jobs that begin with *incomplete*, and labels of targets if it begins with a job that has them."""
    jobs = [name for name in found.jobs if name.startswith(incomplete)]
    begun = [
        job for job in found.jobs.values() if incomplete == job.name or incomplete.startswith(f"{job.name}@")
    ]
    targets = [label for job in begun for label in labels(job, job.targets)]
    return jobs + [label for label in targets if label.startswith(incomplete)]
