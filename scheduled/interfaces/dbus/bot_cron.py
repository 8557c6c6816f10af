"""The D-Bus interface com.aiworkflow.BotCron, compatible with its existing clients. Answers are JSON texts."""

from typing import Annotated

import msgspec
from dbus_fast import DBusError
from dbus_fast.annotations import DBusBool, DBusDouble, DBusInt32, DBusSignature, DBusStr
from dbus_fast.service import ServiceInterface, dbus_method, dbus_signal

from scheduled import service
from scheduled.instance import Instance
from scheduled.interfaces.dbus import bot_cron_calls as calls
from scheduled.interfaces.dbus.caller import Caller, Lifetime, computed_property, text
from scheduled.notify.session_bus import BOT_CRON

TwoTexts = Annotated[tuple[str, str], DBusSignature("ss")]
ThreeTexts = Annotated[tuple[str, str, str], DBusSignature("sss")]


class BotCron(ServiceInterface):
    """The methods, properties and signals of com.aiworkflow.BotCron."""

    def __init__(self, instance: Instance, lifetime: Lifetime) -> None:
        super().__init__(BOT_CRON)
        self._caller = Caller(instance, lifetime)

    @dbus_method()
    async def run_job(self, job_name: DBusStr) -> DBusStr:
        """Start a run of a job."""
        return await self._caller.call(lambda instance: calls.run_job(instance, job_name))

    @dbus_method()
    async def list_jobs(self) -> DBusStr:
        """List the jobs."""
        return await self._caller.call(calls.list_jobs)

    @dbus_method()
    async def get_history(self, limit: DBusInt32) -> DBusStr:
        """Return the newest runs, newest first."""
        return await self._caller.call(lambda instance: calls.get_history(instance, limit))

    @dbus_method()
    async def toggle_scheduler(self, enabled: DBusStr) -> DBusStr:
        """Resume or pause all jobs."""
        return await self._caller.call(lambda instance: calls.toggle_scheduler(instance, enabled))

    @dbus_method()
    async def toggle_job(self, job_name: DBusStr, enabled: DBusStr) -> DBusStr:
        """Enable or disable a job."""
        return await self._caller.call(lambda instance: calls.toggle_job(instance, job_name, enabled))

    @dbus_method()
    async def get_config(self, section: DBusStr, key: DBusStr) -> DBusStr:
        """Return a section or a key of the configuration."""
        return await self._caller.call(lambda instance: calls.get_config(instance, section, key))

    @dbus_method()
    async def update_config(self, section: DBusStr, key: DBusStr, value: DBusStr) -> DBusStr:
        """Change a key of the configuration."""
        return await self._caller.call(lambda instance: calls.update_config(instance, section, key, value))

    @dbus_method()
    async def get_state(self) -> DBusStr:
        """Return the status of all jobs and of the ticks, and the newest runs."""
        return await self._caller.call(calls.get_state)

    @dbus_method()
    async def write_state(self) -> DBusStr:
        """Write the snapshot for other programs now."""
        return await self._caller.call(calls.write_state)

    @dbus_method()
    async def CallMethod(self, name: DBusStr, args_json: DBusStr) -> DBusStr:
        """Call any of these methods by name. An error is returned as an answer, as existing clients expect."""
        try:
            answer = await self._caller.call(
                lambda instance: calls.call(instance, name, calls.parse_call(args_json))
            )
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
        return await self._caller.call(calls.get_status)

    @dbus_method()
    async def GetStats(self) -> DBusStr:
        """Return the totals of runs."""
        return await self._caller.call(lambda instance: calls.get_status(instance)["stats"])

    @dbus_method()
    async def HealthCheck(self) -> DBusStr:
        """Return the status; `healthy` is its first field."""
        return await self._caller.call(calls.get_status)

    @dbus_method()
    def Shutdown(self) -> DBusStr:
        """Exit the process; the bus starts a new one for the next call."""
        self._caller.lifetime.shut_down()
        return text(calls.SUCCESS)

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
