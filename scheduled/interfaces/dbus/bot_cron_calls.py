"""What the methods of com.aiworkflow.BotCron do. Each returns a document; values may be sent as texts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from scheduled import question, service
from scheduled.config.json_values import TOO_DEEP_WHY, decoded, refuse_deep, refuse_repeated
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.interfaces.dbus.caller import bind, boolean, nearest, readable
from scheduled.interfaces.permissions import Permissions

SUCCESS = {"success": True}
DEFAULT_LIMIT = 20
SCHEDULES = "schedules"  # the section of the scheduler itself
JOB = "jobs."  # before the name of a job: its section


async def run_job(instance: Instance, job_name: str) -> dict[str, Any]:
    """Start a run and return without waiting for its end. Raise BusyError if the job is already running."""
    return {**SUCCESS, "job_name": job_name, **await service.start(instance, [job_name])}


def toggle_job(instance: Instance, job_name: str, enabled: str | bool) -> dict[str, Any]:
    """Enable or disable a job; this overrides the configuration."""
    override = service.enable if boolean(str(enabled)) else service.disable
    return {**SUCCESS, **override(instance, [job_name])[0]}


def toggle_scheduler(instance: Instance, enabled: str | bool) -> dict[str, Any]:
    """Resume all jobs if *enabled*, otherwise pause them."""
    wanted = boolean(str(enabled))
    _ = service.resume(instance) if wanted else service.pause(instance)
    return {**SUCCESS, "enabled": wanted}


@question.limited()
def list_jobs(instance: Instance) -> list[dict[str, Any]]:
    """Return the jobs; those that the ledger knows if the configuration cannot be read."""
    return service.jobs(readable(instance))


@question.limited()
def get_history(
    instance: Instance, limit: int = DEFAULT_LIMIT, job_name: str | None = None
) -> list[dict[str, Any]]:
    """Return the newest runs, newest first."""
    return service.history(readable(instance), job_name, limit=limit)


@question.limited()
def get_config(instance: Instance, section: str, key: str = "") -> Any:
    """Return a section of the configuration, or one key of it; a key with dots names a value in inner tables.

    The sections are `schedules` (the scheduler), `jobs`, `jobs.NAME`, the tables of scheduled.toml, and "" for its top
    level.
    """
    found = _section(instance, section)
    for part in key.split(".") if key else ():
        if not isinstance(found, Mapping) or part not in found:
            keys = ", ".join(found) if isinstance(found, Mapping) else ""
            raise ConfigError(f"{section}: no key {key!r}; its keys are {keys or 'none'}")
        found = found[part]
    return found


def _section(instance: Instance, section: str) -> Any:
    if section == SCHEDULES:
        status = service.status(instance)
        return {"enabled": "*" not in status["paused"], "timezone": service.settings(instance)["timezone"],
                "jobs": [job["name"] for job in service.jobs(instance)]}  # fmt: skip
    if section == "jobs":
        return {job["name"]: service.written(instance, job["name"]) for job in service.jobs(instance)}
    if section.startswith(JOB):
        return service.written(instance, section.removeprefix(JOB))
    return service.section(instance, section)


def update_config(instance: Instance, section: str, key: str, value: Any) -> dict[str, Any]:
    """Set a key of a section (`null` removes it), or with an empty key several keys at once.

    `enabled` of `schedules` begins or ends a pause of all jobs.
    """
    if (section, key) == (SCHEDULES, "enabled"):
        return toggle_scheduler(instance, value)
    section = "" if section == SCHEDULES else section
    changes = _changes(instance, section, key, _value(key or section, value))
    permissions = Permissions(instance, "dbus", "add_commands")
    if section.startswith(JOB):
        permissions.need_change("edit", section.removeprefix(JOB), changes)
        return {**SUCCESS, **service.edit(instance, section.removeprefix(JOB), changes)}
    permissions.need_change("set_section", section, changes)
    return {**SUCCESS, **service.set_section(instance, section, changes)}


def _changes(instance: Instance, section: str, key: str, value: Any) -> dict[str, Any]:
    found = _section(instance, section)  # raises ConfigError if there is no such section
    if key:
        return service.nested(found, key, value)
    if section == "jobs" or not isinstance(value, dict):
        raise ConfigError(f"{section}: name the key to set, or the section of one job: jobs.NAME")
    return value


def _value(key: str, value: Any) -> Any:
    """Return a value that may be encoded as JSON text; a text that is not JSON is returned unchanged.

    "True" and "False" are booleans too: some clients write them so. Raise ConfigError, which names *key*, if the value is
    nested too deeply.
    """
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return boolean(value)
    if not isinstance(value, str):
        return value
    refuse_deep(key, value)
    try:
        found = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
    except RecursionError:
        raise ConfigError(f"{key}: {TOO_DEEP_WHY}") from None
    refuse_repeated(value)
    return found


@question.limited()
def get_state(instance: Instance) -> dict[str, Any]:
    """Return the status of all jobs and of the ticks, whether the scheduler is enabled, and the newest runs.

    `timezone` is null if the configuration cannot be read.
    """
    found = service.status(readable(instance))
    return {
        **found,
        "enabled": "*" not in found["paused"],
        "timezone": None if instance.config_error else service.settings(instance)["timezone"],
        "history": service.history(instance, limit=DEFAULT_LIMIT),
        "updated_at": service.now(instance),
    }


@question.limited()
def get_status(instance: Instance) -> dict[str, Any]:
    """Return the status of all jobs and of the ticks."""
    return service.status(readable(instance))


def write_state(instance: Instance) -> dict[str, Any]:
    """Write the snapshot for other programs now, and return its path."""
    return {**SUCCESS, **service.write_state(instance)}


CALLS: dict[str, Callable[..., Any]] = {
    "run_job": run_job,
    "list_jobs": list_jobs,
    "get_history": get_history,
    "toggle_scheduler": toggle_scheduler,
    "toggle_job": toggle_job,
    "get_config": get_config,
    "update_config": update_config,
    "get_state": get_state,
    "write_state": write_state,
}


def call(instance: Instance, name: str, arguments: Mapping[str, Any] | Sequence[Any]) -> Any:
    """Call a method by name. Raise ConfigError if there is no such method or it has other arguments."""
    if name not in CALLS:
        raise ConfigError(f"no such method: {name!r}; {nearest(name, list(CALLS))}")
    given = bind(instance, name, CALLS[name], arguments, strict=False)
    return CALLS[name](*given.args, **given.kwargs)


def parse_call(arguments: str) -> Mapping[str, Any] | Sequence[Any]:
    """Parse the arguments of a call as existing clients encode them: an array, an object, or one value.

    An empty text means no arguments. Raise ConfigError if it is not JSON.
    """
    try:
        found = decoded(arguments or "[]")
    except ConfigError as error:
        raise ConfigError(f"arguments: not JSON: {error}") from None
    return found if isinstance(found, list | dict) else [found]
