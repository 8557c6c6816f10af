"""The D-Bus interface com.aiworkflow.BotCron, compatible with its existing clients. Answers are JSON texts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from dbus_fast import DBusError
from dbus_fast.annotations import DBusBool, DBusDouble, DBusInt32, DBusSignature, DBusStr
from dbus_fast.service import ServiceInterface, dbus_method, dbus_signal

from scheduled import service
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.interfaces.dbus.caller import (
    Caller,
    Lifetime,
    bind,
    boolean,
    computed_property,
    text,
)
from scheduled.interfaces.permissions import Permissions
from scheduled.notify.session_bus import BOT_CRON

SUCCESS = {"success": True}
TwoTexts = Annotated[tuple[str, str], DBusSignature("ss")]
ThreeTexts = Annotated[tuple[str, str, str], DBusSignature("sss")]
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


def get_history(
    instance: Instance, limit: int = DEFAULT_LIMIT, job_name: str | None = None
) -> list[dict[str, Any]]:
    """Return the newest runs, newest first."""
    return service.history(instance, job_name, limit=limit)


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
    changes = _changes(instance, section, key, _value(value))
    permissions = Permissions(instance, "dbus", "add_commands")
    if section.startswith(JOB):
        permissions.need_harmless(changes)
        return {**SUCCESS, **service.edit(instance, section.removeprefix(JOB), changes)}
    permissions.need_harmless_settings(section, changes)
    return {**SUCCESS, **service.set_section(instance, section, changes)}


def _changes(instance: Instance, section: str, key: str, value: Any) -> dict[str, Any]:
    found = _section(instance, section)  # raises ConfigError if there is no such section
    if key:
        return service.nested(found, key, value)
    if section == "jobs" or not isinstance(value, dict):
        raise ConfigError(f"{section}: name the key to set, or the section of one job: jobs.NAME")
    return value


def _value(value: Any) -> Any:
    """Return a value that may be encoded as JSON text; a text that is not JSON is returned unchanged."""
    try:
        return msgspec.json.decode(value) if isinstance(value, str) else value
    except (msgspec.DecodeError, RecursionError):
        return value


def get_state(instance: Instance) -> dict[str, Any]:
    """Return the status of all jobs and of the ticks, whether the scheduler is enabled, and the newest runs."""
    found = service.status(instance)
    return {
        **found,
        "enabled": "*" not in found["paused"],
        "timezone": service.settings(instance)["timezone"],
        "history": service.history(instance, limit=DEFAULT_LIMIT),
        "updated_at": service.now(instance),
    }


def write_state(instance: Instance) -> dict[str, Any]:
    """Write the snapshot for other programs now, and return its path."""
    return {**SUCCESS, **service.write_state(instance)}


CALLS: dict[str, Callable[..., Any]] = {
    "run_job": run_job,
    "list_jobs": service.jobs,
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
        raise ConfigError(f"no such method: {name!r}; use one of {', '.join(CALLS)}")
    given = bind(instance, name, CALLS[name], arguments, strict=False)
    return CALLS[name](*given.args, **given.kwargs)


def parse_call(arguments: str) -> Mapping[str, Any] | Sequence[Any]:
    """Parse the arguments of a call as existing clients encode them: an array, an object, or one value.

    An empty text means no arguments. Raise ConfigError if it is not JSON.
    """
    try:
        found = msgspec.json.decode(arguments or "[]")
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f"arguments: not JSON: {error}") from None
    return found if isinstance(found, list | dict) else [found]


class BotCron(ServiceInterface):
    """The methods, properties and signals of com.aiworkflow.BotCron."""

    def __init__(self, instance: Instance, lifetime: Lifetime) -> None:
        super().__init__(BOT_CRON)
        self._caller = Caller(instance, lifetime)

    @dbus_method()
    async def run_job(self, job_name: DBusStr) -> DBusStr:
        """Start a run of a job."""
        return await self._caller.call(lambda instance: run_job(instance, job_name))

    @dbus_method()
    async def list_jobs(self) -> DBusStr:
        """List the jobs."""
        return await self._caller.call(service.jobs)

    @dbus_method()
    async def get_history(self, limit: DBusInt32) -> DBusStr:
        """Return the newest runs, newest first."""
        return await self._caller.call(lambda instance: get_history(instance, limit))

    @dbus_method()
    async def toggle_scheduler(self, enabled: DBusStr) -> DBusStr:
        """Resume or pause all jobs."""
        return await self._caller.call(lambda instance: toggle_scheduler(instance, enabled))

    @dbus_method()
    async def toggle_job(self, job_name: DBusStr, enabled: DBusStr) -> DBusStr:
        """Enable or disable a job."""
        return await self._caller.call(lambda instance: toggle_job(instance, job_name, enabled))

    @dbus_method()
    async def get_config(self, section: DBusStr, key: DBusStr) -> DBusStr:
        """Return a section or a key of the configuration."""
        return await self._caller.call(lambda instance: get_config(instance, section, key))

    @dbus_method()
    async def update_config(self, section: DBusStr, key: DBusStr, value: DBusStr) -> DBusStr:
        """Change a key of the configuration."""
        return await self._caller.call(lambda instance: update_config(instance, section, key, value))

    @dbus_method()
    async def get_state(self) -> DBusStr:
        """Return the status of all jobs and of the ticks, and the newest runs."""
        return await self._caller.call(get_state)

    @dbus_method()
    async def write_state(self) -> DBusStr:
        """Write the snapshot for other programs now."""
        return await self._caller.call(write_state)

    @dbus_method()
    async def CallMethod(self, name: DBusStr, args_json: DBusStr) -> DBusStr:
        """Call any of these methods by name. An error is returned as an answer, as existing clients expect."""
        try:
            answer = await self._caller.call(lambda instance: call(instance, name, parse_call(args_json)))
        except DBusError as error:
            return text({"success": False, "error": error.text})
        return text({"success": True, "result": msgspec.Raw(answer.encode())})

    @dbus_method()
    def Ping(self) -> DBusStr:
        """Return "pong"."""
        return "pong"

    @dbus_method()
    async def GetStatus(self) -> DBusStr:
        """Return the status of all jobs and of the ticks."""
        return await self._caller.call(service.status)

    @dbus_method()
    async def GetStats(self) -> DBusStr:
        """Return the totals of runs."""
        return await self._caller.call(lambda instance: service.status(instance)["stats"])

    @dbus_method()
    async def HealthCheck(self) -> DBusStr:
        """Return the status; `healthy` is its first field."""
        return await self._caller.call(service.status)

    @dbus_method()
    def Shutdown(self) -> DBusStr:
        """Exit the process; the bus starts a new one for the next call."""
        self._caller.lifetime.shut_down()
        return text(SUCCESS)

    @computed_property
    def Running(self) -> DBusBool:
        """Return whether ticks run on time."""
        return bool(self._caller.read(service.status)["ticks"]["running"])

    @computed_property
    def Uptime(self) -> DBusDouble:
        """Return for how many seconds ticks have run without a gap."""
        return float(self._caller.read(service.status)["uptime_seconds"])

    @computed_property
    def Stats(self) -> DBusStr:
        """Return the totals of runs, as JSON."""
        return text(self._caller.read(service.status)["stats"])

    # Ticks, and the processes that pause and resume, emit these signals over their own connections. They are declared
    # here for introspection.

    @dbus_signal()
    def JobStarted(self, job: str, run: str) -> TwoTexts:
        """Announce that a run has started."""
        return job, run

    @dbus_signal()
    def JobCompleted(self, job: str, run: str, result: str) -> ThreeTexts:
        """Announce that a run has succeeded."""
        return job, run, result

    @dbus_signal()
    def JobFailed(self, job: str, run: str, error: str) -> ThreeTexts:
        """Announce that a run has failed after its last attempt."""
        return job, run, error

    @dbus_signal()
    def SchedulerToggled(self, enabled: bool) -> DBusBool:
        """Announce that all jobs were paused (false) or resumed (true)."""
        return enabled

    @dbus_signal()
    def StatusChanged(self, status: str) -> DBusStr:
        """Announce that a job's run or the scheduler has another status: a JSON object."""
        return status

    @dbus_signal()
    def Event(self, name: str, payload: str) -> TwoTexts:
        """Announce an event by its name; *payload* is its data as JSON."""
        return name, payload
