"""The questions that screens ask beside the others: what to draw, what to show while somebody types or waits."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scheduled.instance import Instance

if TYPE_CHECKING:
    from scheduled.config.tables import InterfacesTable


def interfaces(instance: Instance) -> "InterfacesTable":
    """Return what the configuration lets doors do."""
    from scheduled.config.files import load_config

    return load_config(instance.config_file).interfaces


def settings(instance: Instance) -> dict[str, Any]:
    """Return what scheduled.toml says beside its jobs, defaults included."""
    import msgspec

    from scheduled.config.files import load_config

    found = load_config(instance.config_file)
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
    from scheduled.config import action_keys
    from scheduled.config import aliases as wording

    taken_out = {key: None for key, value in definition.items() if value is None}
    return action_keys.executable_keys({**taken_out, **wording.from_words(definition)})


def together(*said: Mapping[str, Any]) -> dict[str, Any]:
    """Put together what is said of a job in several places; raises ConfigError where they differ."""
    from scheduled.config import aliases as wording

    return wording.together(*said)


def handler_names() -> list[str]:
    """List the handlers there are."""
    from scheduled.handlers import registry

    return sorted(registry.names())


def now(instance: Instance) -> str:
    """Say what time it is, in the zone of the configuration."""
    from scheduled import clock
    from scheduled.clock import stamp
    from scheduled.config.files import load_config

    return stamp(int(clock.now()), load_config(instance.config_file).timezone) or ""


def preview(instance: Instance, schedule: Mapping[str, Any], job: str = "") -> dict[str, Any]:
    """Say a schedule in words, and its next ten slots, before anybody writes it down."""
    from scheduled.queries import preview as schedules

    return schedules.preview(instance.config_file, schedule, job)


def strips(instance: Instance, job: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the newest verdicts of a job, or of every job, oldest first."""
    from scheduled.queries import verdicts
    from scheduled.queries.view import looked_at

    with looked_at(instance.config_file, instance.paths) as (view, ledger):
        if job is None:
            return verdicts.strips(view, ledger)
        return {job: verdicts.strip(view, ledger, view.job(job).name)}


def chains(instance: Instance) -> list[dict[str, Any]]:
    """List the chains and their steps."""
    from scheduled.queries import jobs as listing
    from scheduled.queries.view import look

    return listing.chains(look(instance.config_file, instance.paths))


def chain(instance: Instance, name: str) -> dict[str, Any]:
    """Return one chain; raises UnknownError for a job that is none."""
    from scheduled.queries import jobs as listing
    from scheduled.queries.view import look

    return listing.chain(look(instance.config_file, instance.paths), name)


def one_run(instance: Instance, run_id: str) -> dict[str, Any]:
    """Return one run as `history` has it."""
    from scheduled.config.files import load_config
    from scheduled.queries import records

    return records.one_run(instance.paths, load_config(instance.config_file).timezone, run_id)


def printed(instance: Instance, run_id: str, start: int = 0) -> dict[str, Any]:
    """Return what a run printed after *start*, how far that was read, and whether the run is under way."""
    from scheduled.config.files import load_config
    from scheduled.queries import logs as output

    return output.printed(instance.paths, run_id, start, jobs=load_config(instance.config_file).jobs)


async def start(instance: Instance, jobs: Sequence[str], *, wait: float = 0) -> dict[str, Any]:
    """Run jobs now in a process of its own, which outlives whoever asks; wait for its end for *wait* seconds.

    It has claimed them before this returns. Raises BusyError if all of them are under way already.
    """
    from asyncio import to_thread

    from scheduled.commands import background as starting
    from scheduled.config.files import known_jobs, load_config

    wanted = await to_thread(lambda: known_jobs(load_config(instance.config_file), jobs))
    words = ["run", *wanted]
    return await starting.start(instance.config_file, instance.paths, words, requests=len(wanted), wait=wait)


async def start_again(instance: Instance, run_id: str, *, wait: float = 0) -> dict[str, Any]:
    """Run a run again in a process of its own, as `start` does."""
    from asyncio import to_thread

    from scheduled.commands import background as starting
    from scheduled.commands import changes as asking
    from scheduled.engine.runtime import open_runtime

    await to_thread(lambda: asking.request_again(open_runtime(instance), run_id))
    words = ["rerun", run_id]
    return await starting.start(instance.config_file, instance.paths, words, requests=1, wait=wait)
