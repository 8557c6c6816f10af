"""The questions that screens ask beside the others: what to draw, what to show while somebody types or waits."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scheduled.instance import Where

if TYPE_CHECKING:
    from scheduled.config.files import InterfacesTable


def interfaces(where: Where) -> "InterfacesTable":
    """Return what the configuration lets doors do."""
    from scheduled.config import files as config

    return config.load(where.config_file).interfaces


def settings(where: Where) -> dict[str, Any]:
    """Return what scheduled.toml says beside its jobs, defaults included."""
    import msgspec

    from scheduled.config import files as config

    found = config.load(where.config_file)
    fields = (
        "timezone",
        "workspace",
        "max_parallel",
        "max_runs",
        "max_minutes",
        "keep_days",
        "keep_runs",
        "sender",
    )
    return {
        "path": str(found.path),
        **{name: msgspec.to_builtins(getattr(found, name), enc_hook=str) for name in fields},
    }


def executable_keys(definition: Mapping[str, Any]) -> list[str]:
    """Return the keys of a job's definition that say, or change, what is executed."""
    from scheduled.config import aliases as wording
    from scheduled.config import edit as editing

    taken_out = {key: None for key, value in definition.items() if value is None}
    return editing.executable_keys({**taken_out, **wording.from_words(definition)})


def together(*said: Mapping[str, Any]) -> dict[str, Any]:
    """Put together what is said of a job in several places; raises ConfigError where they differ."""
    from scheduled.config import aliases as wording

    return wording.together(*said)


def handler_names() -> list[str]:
    """List the handlers there are."""
    from scheduled.handlers import registry

    return sorted(registry.names())


def now(where: Where) -> str:
    """Say what time it is, in the zone of the configuration."""
    from scheduled import clock
    from scheduled.clock import stamp
    from scheduled.config import files as config

    return stamp(int(clock.now()), config.load(where.config_file).timezone) or ""


def preview(where: Where, schedule: Mapping[str, Any], job: str = "") -> dict[str, Any]:
    """Say a schedule in words, and its next ten slots, before anybody writes it down."""
    from scheduled.queries import preview as schedules

    return schedules.preview(where.config_file, schedule, job)


def strips(where: Where, job: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the newest verdicts of a job, or of every job, oldest first."""
    from scheduled.queries import verdicts
    from scheduled.queries.view import looked_at

    with looked_at(where.config_file, where.paths) as (view, ledger):
        if job is None:
            return verdicts.strips(view, ledger)
        return {job: verdicts.strip(view, ledger, view.job(job).name)}


def chains(where: Where) -> list[dict[str, Any]]:
    """List the chains and their steps."""
    from scheduled.queries import jobs as listing
    from scheduled.queries.view import look

    return listing.chains(look(where.config_file, where.paths))


def chain(where: Where, name: str) -> dict[str, Any]:
    """Return one chain; raises UnknownError for a job that is none."""
    from scheduled.queries import jobs as listing
    from scheduled.queries.view import look

    return listing.chain(look(where.config_file, where.paths), name)


def one_run(where: Where, run_id: str) -> dict[str, Any]:
    """Return one run as `history` has it."""
    from scheduled.config import files as config
    from scheduled.queries import records

    return records.one_run(where.paths, config.load(where.config_file).timezone, run_id)


def printed(where: Where, run_id: str, start: int = 0) -> dict[str, Any]:
    """Return what a run printed after *start*, how far that was read, and whether the run is under way."""
    from scheduled.config import files as config
    from scheduled.queries import logs as output

    return output.printed(where.paths, run_id, start, jobs=config.load(where.config_file).jobs)


async def start(where: Where, jobs: Sequence[str], *, wait: float = 0) -> dict[str, Any]:
    """Run jobs now in a process of its own, which outlives whoever asks; wait for its end for *wait* seconds.

    It has claimed them before this returns. Raises BusyError if all of them are under way already.
    """
    from asyncio import to_thread

    from scheduled.commands import background as starting
    from scheduled.config import files as config
    from scheduled.config.files import known_jobs

    wanted = await to_thread(lambda: known_jobs(config.load(where.config_file), jobs))
    words = ["run", *wanted]
    return await starting.start(where.config_file, where.paths, words, wishes=len(wanted), wait=wait)


async def start_again(where: Where, run_id: str, *, wait: float = 0) -> dict[str, Any]:
    """Run a run again in a process of its own, as `start` does."""
    from asyncio import to_thread

    from scheduled.commands import background as starting
    from scheduled.commands import changes as asking

    await to_thread(lambda: asking.wish_again(where.house(), run_id))
    words = ["rerun", run_id]
    return await starting.start(where.config_file, where.paths, words, wishes=1, wait=wait)
