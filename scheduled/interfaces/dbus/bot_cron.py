"""The interface com.aiworkflow.BotCron, as the programs that know it call it: answers are JSON texts."""

from collections.abc import Callable, Mapping
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
    Presence,
    boolean,
    fitting,
    looked_up,
    read,
    text,
)
from scheduled.interfaces.permissions import Permissions
from scheduled.notify.session_bus import BOT_CRON

SUCCESS = {"success": True}
TwoTexts = Annotated[tuple[str, str], DBusSignature("ss")]
ThreeTexts = Annotated[tuple[str, str, str], DBusSignature("sss")]
NEWEST = 20


async def run_job(instance: Instance, job_name: str) -> dict[str, Any]:
    """Start a run, not waiting for its end: signals tell the rest. Raises BusyError if one of it is under way."""
    return {**SUCCESS, "job_name": job_name, **await service.start(instance, [job_name])}


def toggle_job(instance: Instance, job_name: str, enabled: str | bool) -> dict[str, Any]:
    """Enable or disable a job, whatever the configuration says."""
    switch = service.enable if boolean(str(enabled)) else service.disable
    return {**SUCCESS, **switch(instance, [job_name])[0]}


def toggle_scheduler(instance: Instance, enabled: str | bool) -> dict[str, Any]:
    """End, or begin, a pause of all jobs."""
    wanted = boolean(str(enabled))
    _ = service.resume(instance) if wanted else service.pause(instance)
    return {**SUCCESS, "enabled": wanted}


def get_history(instance: Instance, limit: int = NEWEST, job_name: str | None = None) -> list[dict[str, Any]]:
    """Return the newest runs."""
    return service.history(instance, job_name, limit=limit)


def get_config(instance: Instance, section: str, key: str = "") -> Any:
    """Return what the configuration says: of the scheduler (`schedules`), or of a job (`jobs.NAME`)."""
    found = _section(instance, section)
    if not key:
        return found
    if key not in found:
        raise ConfigError(f"{section}: says nothing of {key!r}; it has {', '.join(found) or 'no keys'}")
    return found[key]


def _section(instance: Instance, section: str) -> Mapping[str, Any]:
    if section == "schedules":
        found = service.status(instance)
        return {"enabled": "*" not in found["paused"], "timezone": service.settings(instance)["timezone"],
                "jobs": [job["name"] for job in service.jobs(instance)]}  # fmt: skip
    return service.written(instance, _job(section))


def _job(section: str) -> str:
    head, dot, name = section.partition(".")
    if head != "jobs" or not dot:
        raise ConfigError(f"no such section: {section!r}; there are schedules and jobs.NAME")
    return name


def update_config(instance: Instance, section: str, key: str, value: Any) -> dict[str, Any]:
    """Give a job's key a new value (`null` takes it out), or the scheduler's `enabled`."""
    if (section, key) == ("schedules", "enabled"):
        return toggle_scheduler(instance, value)
    changes = {key: _value(value)}
    name = _job(section)
    Permissions(instance, "dbus", "add_commands").need_harmless(changes)
    return {**SUCCESS, **service.edit(instance, name, changes)}


def _value(value: Any) -> Any:
    """Read a value that may have come as a text: JSON where it is that, else the text itself."""
    try:
        return msgspec.json.decode(value) if isinstance(value, str) else value
    except (msgspec.DecodeError, RecursionError):
        return value


def get_state(instance: Instance) -> dict[str, Any]:
    """Return how everything stands."""
    return service.status(instance)


CALLS: dict[str, Callable[..., Any]] = {
    "run_job": run_job,
    "list_jobs": service.jobs,
    "get_history": get_history,
    "toggle_scheduler": toggle_scheduler,
    "toggle_job": toggle_job,
    "get_config": get_config,
    "update_config": update_config,
    "get_state": get_state,
}


def call(instance: Instance, name: str, arguments: Mapping[str, Any]) -> Any:
    """Answer a call by name; raises ConfigError for one that there is not, or with other arguments."""
    if name not in CALLS:
        raise ConfigError(f"no such method: {name!r}; there are {', '.join(CALLS)}")
    given = fitting(instance, name, CALLS[name], arguments)
    return CALLS[name](*given.args, **given.kwargs)


class BotCron(ServiceInterface):
    """What is on the bus under that name."""

    def __init__(self, instance: Instance, presence: Presence) -> None:
        super().__init__(BOT_CRON)
        self._caller = Caller(instance, presence)

    @dbus_method()
    async def run_job(self, job_name: DBusStr) -> DBusStr:
        """Start a run."""
        return await self._caller.ask(lambda instance: run_job(instance, job_name))

    @dbus_method()
    async def list_jobs(self) -> DBusStr:
        """List the jobs."""
        return await self._caller.ask(service.jobs)

    @dbus_method()
    async def get_history(self, limit: DBusInt32) -> DBusStr:
        """Return the newest runs."""
        return await self._caller.ask(lambda instance: get_history(instance, limit))

    @dbus_method()
    async def toggle_scheduler(self, enabled: DBusStr) -> DBusStr:
        """End, or begin, a pause of all jobs."""
        return await self._caller.ask(lambda instance: toggle_scheduler(instance, enabled))

    @dbus_method()
    async def toggle_job(self, job_name: DBusStr, enabled: DBusStr) -> DBusStr:
        """Enable or disable a job."""
        return await self._caller.ask(lambda instance: toggle_job(instance, job_name, enabled))

    @dbus_method()
    async def get_config(self, section: DBusStr, key: DBusStr) -> DBusStr:
        """Return what the configuration says."""
        return await self._caller.ask(lambda instance: get_config(instance, section, key))

    @dbus_method()
    async def update_config(self, section: DBusStr, key: DBusStr, value: DBusStr) -> DBusStr:
        """Change what the configuration says."""
        return await self._caller.ask(lambda instance: update_config(instance, section, key, value))

    @dbus_method()
    async def CallMethod(self, name: DBusStr, args_json: DBusStr) -> DBusStr:
        """Answer any of these by name; an error is an answer too, as those who call it so expect."""
        try:
            answer = await self._caller.ask(lambda instance: call(instance, name, read(args_json)))
        except DBusError as error:
            return text({"success": False, "error": error.text})
        return text({"success": True, "result": msgspec.Raw(answer.encode())})

    @dbus_method()
    def Ping(self) -> DBusStr:
        """Say that we are here."""
        return "pong"

    @dbus_method()
    async def GetStatus(self) -> DBusStr:
        """Say how everything stands."""
        return await self._caller.ask(service.status)

    @dbus_method()
    async def GetStats(self) -> DBusStr:
        """Return the totals."""
        return await self._caller.ask(lambda instance: service.status(instance)["stats"])

    @dbus_method()
    async def HealthCheck(self) -> DBusStr:
        """Say how everything stands, `healthy` first."""
        return await self._caller.ask(service.status)

    @dbus_method()
    def Shutdown(self) -> DBusStr:
        """Leave; the next call starts another one."""
        self._caller.presence.shut_down()
        return text(SUCCESS)

    @looked_up
    def Running(self) -> DBusBool:
        """Say whether ticks come in time."""
        return bool(self._caller.look(service.status)["ticks"]["running"])

    @looked_up
    def Uptime(self) -> DBusDouble:
        """Say for how many seconds ticks have come without a gap."""
        return float(self._caller.look(service.status)["uptime_seconds"])

    @looked_up
    def Stats(self) -> DBusStr:
        """Return the totals, as JSON."""
        return text(self._caller.look(service.status)["stats"])

    # Sent by ticks, and by whoever pauses and resumes, from where they are; here so that introspection tells of them.

    @dbus_signal()
    def JobStarted(self, job: str, run: str) -> TwoTexts:
        """Say that a job's run has begun."""
        return job, run

    @dbus_signal()
    def JobCompleted(self, job: str, run: str, result: str) -> ThreeTexts:
        """Say that a run has succeeded."""
        return job, run, result

    @dbus_signal()
    def JobFailed(self, job: str, run: str, error: str) -> ThreeTexts:
        """Say that a run has failed for good."""
        return job, run, error

    @dbus_signal()
    def SchedulerToggled(self, enabled: bool) -> DBusBool:
        """Say that all jobs are paused, or that this is over."""
        return enabled

    @dbus_signal()
    def Event(self, name: str, payload: str) -> TwoTexts:
        """Say what has happened: its stable name, and what it is about as JSON."""
        return name, payload
