"""The tools named `cron_...`, compatible with other cron schedulers for agents."""

from typing import ClassVar

from scheduled import service
from scheduled.instance import Instance
from scheduled.interfaces.mcp import schema
from scheduled.interfaces.mcp.with_error import from_ledger
from scheduled.interfaces.permissions import Permission, Permissions

WAIT = 30.0


class CronTools:
    """The tools to list, add, remove, enable and run jobs."""

    NAMES: ClassVar[dict[str, Permission | None]] = {
        **dict.fromkeys(("cron_list", "cron_status", "cron_notifications")),
        **dict.fromkeys(("cron_add", "cron_remove"), "add"),
        "cron_enable": "override",
        "cron_run_now": "run",
    }

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions

    def cron_list(self) -> schema.Documents:
        """List the jobs with their schedule, action, next run and last status."""
        return from_ledger(self._permissions, service.jobs)

    def cron_status(self) -> schema.Document:
        """Return the status of all jobs and of the ticks, problems first."""
        return from_ledger(self._permissions, service.status)

    def cron_notifications(self) -> schema.Document:
        """List the current incidents, and the notices that are not delivered yet."""
        return from_ledger(self._permissions, _notifications)

    def cron_add(  # noqa: PLR0917 - arguments of a tool have names
        self,
        name: schema.Name,
        cron: schema.Cron = None,
        every: schema.Every = None,
        at: schema.At = None,
        on: schema.On = None,
        command: schema.Command = None,
        description: schema.Description = None,
        options: schema.Options = {},  # noqa: B006 - the default in the tool's schema; never changed
    ) -> schema.Document:
        """Add a job. A chain of jobs also needs "run"; a command or program needs add_commands = true."""
        given = {
            "cron": cron,
            "every": every,
            "at": at,
            "on": on,
            "command": command,
            "description": description,
        }
        definition = self._permissions.signed(service.together(given, options))
        self._permissions.need_change("add", name, definition)
        return service.add(self._permissions.instance, name, definition)

    def cron_remove(self, name: schema.Job) -> schema.Document:
        """Remove a job that was added with these tools; a backup of its file is kept."""
        self._permissions.need_own(name)
        return service.remove(self._permissions.instance, name)

    def cron_enable(self, name: schema.Job, enabled: schema.Enabled = True) -> schema.Documents:
        """Enable or disable a job; this overrides the configuration. Slots during the disabled time are not caught up."""
        override = service.enable if enabled else service.disable
        return override(self._permissions.instance, [name])

    async def cron_run_now(self, name: schema.Job, wait_seconds: schema.Wait = WAIT) -> schema.Document:
        """Run a job now. `over` is true if the run ended within `wait_seconds`; `result` then describes its end."""
        return await service.start(self._permissions.instance, [name], wait=wait_seconds)


def _notifications(instance: Instance) -> schema.Document:
    return {"incidents": service.incidents(instance), "undelivered": service.notices(instance)}
