"""The tools named `scheduler_...`: a task is a job, and the daemon is cron, which runs the ticks."""

from typing import Any, ClassVar

from scheduled import service
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.interfaces.mcp import schema
from scheduled.interfaces.mcp.with_error import from_ledger
from scheduled.interfaces.permissions import Permission, Permissions

WAIT = 30.0
SUCCESS = {"status": "success"}


class SchedulerTools:
    """The tools for tasks and for the daemon. Their answers have a `status`: `success` or `error`."""

    NAMES: ClassVar[dict[str, Permission | None]] = {
        **dict.fromkeys(("scheduler_list_tasks", "scheduler_get_task", "scheduler_get_status", "scheduler_daemon_status")),
        **dict.fromkeys(("scheduler_add_task", "scheduler_remove_task"), "add"),
        **dict.fromkeys(("scheduler_start_daemon", "scheduler_stop_daemon"), "override"),
        "scheduler_restart_daemon": "run",
    }  # fmt: skip

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions

    def scheduler_add_task(
        self,
        task_id: schema.TaskId,
        task_type: schema.TaskType,
        schedule: schema.TaskTime = None,
        cron_expression: schema.Cron = None,
        priority: schema.Priority = None,
        config: schema.TaskConfig = {},  # noqa: B006 - the default in the tool's schema; never changed
        description: schema.Description = None,
    ) -> schema.Document:
        """Add a task, that is a job; without a schedule the next tick runs it once.

        A task that executes a command or program also needs add_commands = true, a chain of jobs "run". A failed task is retried three times
        unless `config` has `max_retries` or `retry`.
        """
        if schedule is not None and cron_expression is not None:
            raise ConfigError("schedule and cron_expression: give only one of them")
        given = {"at": schedule, "cron": cron_expression, "priority": priority, "description": description}
        definition = self._permissions.signed(service.together(given, config), type=task_type)
        self._permissions.need_change("add", task_id, {**definition, "at": None})
        done = service.add_task(self._permissions.instance, task_id, definition)
        return {**SUCCESS, "task_id": task_id, "task_type": task_type, **done}

    def scheduler_list_tasks(
        self, status: schema.TaskStatus = None, priority: schema.Priority = None, limit: schema.Limit = 100
    ) -> schema.Document:
        """List tasks with their id, status (pending, running, completed, failed or cancelled) and next slot."""
        chosen = [
            task
            for task in service.tasks(self._permissions.instance)
            if status in (None, task["status"]) and priority in (None, task["priority"])
        ]
        return {**SUCCESS, "count": len(chosen), "tasks": chosen[:limit]}

    def scheduler_get_status(self) -> schema.Document:
        """Return the status of all jobs and of the ticks, problems first."""
        return from_ledger(self._permissions, lambda instance: {**SUCCESS, **service.status(instance)})

    def scheduler_get_task(self, task_id: schema.TaskId) -> schema.Document:
        """Return a task with its settings, its state, its result and its newest runs."""
        found = service.job(self._permissions.instance, task_id)
        runs = service.history(self._permissions.instance, task_id, limit=5)
        return {**SUCCESS, "task": {**self._task(task_id), "job": found, "runs": runs}}

    def scheduler_remove_task(self, task_id: schema.TaskId) -> schema.Document:
        """Remove a task that was added with these tools and is not running or completed; its file is backed up."""
        status = self._task(task_id)["status"]
        self._permissions.need_own(task_id)
        if status == "running":
            raise ConfigError(f"{task_id}: is running; end its run with the tool `stop` first")
        if status == "completed":
            raise ConfigError(
                f"{task_id}: is completed; to remove it with its result, use the tool `cron_remove`"
            )
        return {**SUCCESS, "task_id": task_id, **service.remove(self._permissions.instance, task_id)}

    def _task(self, task_id: str) -> dict[str, Any]:
        # A target is part of the task of its job. This raises UnknownError with the nearest name.
        name = service.job(self._permissions.instance, task_id)["name"]
        return next(task for task in service.tasks(self._permissions.instance) if task["id"] == name)

    def scheduler_daemon_status(self) -> schema.Document:
        """Return whether ticks start jobs: `running` is false after `scheduler_stop_daemon`, or if ticks are late."""
        return from_ledger(self._permissions, _daemon_status)

    def scheduler_start_daemon(self) -> schema.Document:
        """Resume all jobs if they are paused, and install the crontab block that runs the ticks if it is missing or old.

        To install the block needs add_commands = true.
        """
        if service.install(self._permissions.instance, dry_run=True)["changed"]:
            self._permissions.need_for("write the crontab")
        done = service.install(self._permissions.instance)
        resumed = service.resume(self._permissions.instance)
        return {**SUCCESS, "installed": done["changed"], "resumed": resumed[0]["was_paused"]}

    def scheduler_stop_daemon(self) -> schema.Document:
        """Pause all jobs until `scheduler_start_daemon`. Slots that come due during the pause are caught up on then."""
        return {**SUCCESS, "paused": service.pause(self._permissions.instance)}

    async def scheduler_restart_daemon(self, wait_seconds: schema.Wait = WAIT) -> schema.Document:
        """Run a tick now: start every job that is due."""
        return {**SUCCESS, **await service.start(self._permissions.instance, [], wait=wait_seconds)}


def _daemon_status(instance: Instance) -> schema.Document:
    found = service.status(instance)
    paused = "*" in found["paused"]
    running = found["ticks"]["running"] and not paused
    return {**SUCCESS, **found["ticks"], "running": running, "paused": paused, "queue": found["queue"]}
