"""The tools named `cron_...`, as other agents' cron schedulers have them."""

from typing import ClassVar

from scheduled import service
from scheduled.interfaces.mcp import schema as words
from scheduled.interfaces.mcp.permissions import Permission, Permits

WAIT = 30.0


class CronTools:
    """List, add, remove, enable, run: the same questions under those names."""

    NAMES: ClassVar[dict[str, Permission | None]] = {
        **dict.fromkeys(("cron_list", "cron_status", "cron_notifications")),
        **dict.fromkeys(("cron_add", "cron_remove"), "add"),
        "cron_enable": "toggle",
        "cron_run_now": "run",
    }

    def __init__(self, permits: Permits) -> None:
        self._permits = permits

    def cron_list(self) -> words.Documents:
        """List the jobs: when each is due, what it does, how it went."""
        return service.jobs(self._permits.where)

    def cron_status(self) -> words.Document:
        """Say how everything stands, trouble first."""
        return service.status(self._permits.where)

    def cron_notifications(self) -> words.Document:
        """List what is wrong now, and the notices that are decided but not delivered yet."""
        return {
            "incidents": service.incidents(self._permits.where),
            "undelivered": service.notices(self._permits.where),
        }

    def cron_add(  # noqa: PLR0917 - arguments of a tool have names
        self,
        name: words.Name,
        cron: words.Cron = None,
        every: words.Every = None,
        at: words.At = None,
        on: words.On = None,
        command: words.Command = None,
        description: words.Description = None,
        options: words.Options = {},  # noqa: B006 - a schema's default; nobody changes it
    ) -> words.Document:
        """Add a job. One that says what is executed needs add_commands = true too."""
        given = {
            "cron": cron,
            "every": every,
            "at": at,
            "on": on,
            "command": command,
            "description": description,
        }
        definition = service.together(given, options)
        self._permits.need_harmless(definition)
        return service.add(self._permits.where, name, definition)

    def cron_remove(self, name: words.Job) -> words.Document:
        """Remove a job from the configuration; a copy of its file is kept."""
        return service.remove(self._permits.where, name)

    def cron_enable(self, name: words.Job, enabled: words.Enabled = True) -> words.Documents:
        """Enable a job, or disable it, whatever the configuration says; nothing is replayed."""
        switch = service.enable if enabled else service.disable
        return switch(self._permits.where, [name])

    async def cron_run_now(self, name: words.Job, wait_seconds: words.Wait = WAIT) -> words.Document:
        """Run a job now: `over` says whether it ended while we waited, `result` then holds how."""
        return await service.start(self._permits.where, [name], wait=wait_seconds)
