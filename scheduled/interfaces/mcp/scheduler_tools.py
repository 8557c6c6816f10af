"""The tools named `scheduler_...`: a task is a job, and the daemon is cron, which runs the ticks."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from scheduled import service
from scheduled.core.runs import FAILED
from scheduled.errors import ConfigError
from scheduled.interfaces.mcp import schema
from scheduled.interfaces.permissions import Permission, Permissions

WAIT = 30.0
MAX_RUNNING = 1000  # more runs than are ever in progress at once
SUCCESS = {"status": "success"}
# The status of a task without a next slot, by the status of its last run.
ENDED = {"success": "completed", "skipped": "cancelled"}


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
        schedule: schema.At = None,
        cron_expression: schema.Cron = None,
        priority: schema.Priority = None,
        config: schema.TaskConfig = {},  # noqa: B006 - the default in the tool's schema; never changed
        description: schema.Description = None,
    ) -> schema.Document:
        """Add a task, that is a job. A job that executes a command or program also needs add_commands = true."""
        if schedule is not None and cron_expression is not None:
            raise ConfigError("schedule and cron_expression: give only one of them")
        given = {"at": schedule, "cron": cron_expression, "priority": priority, "description": description}
        definition = service.together(given, config)
        self._permissions.need_harmless(definition)
        done = service.add(self._permissions.instance, task_id, definition)
        return {**SUCCESS, "task_id": task_id, "task_type": task_type, **done}

    def scheduler_list_tasks(
        self, status: schema.TaskStatus = None, priority: schema.Priority = None, limit: schema.Limit = 100
    ) -> schema.Document:
        """List tasks with their id, status (pending, running, completed, failed or cancelled) and next slot."""
        running = self._running()
        tasks = [_task(job, running) for job in service.jobs(self._permissions.instance)]
        chosen = [
            task
            for task in tasks
            if status in (None, task["status"]) and priority in (None, task["priority"])
        ]
        return {**SUCCESS, "count": len(chosen), "tasks": chosen[:limit]}

    def scheduler_get_status(self) -> schema.Document:
        """Return the status of all jobs and of the ticks, problems first."""
        return {**SUCCESS, **service.status(self._permissions.instance)}

    def scheduler_get_task(self, task_id: schema.TaskId) -> schema.Document:
        """Return a task with its settings, its state and its newest runs."""
        found = service.job(self._permissions.instance, task_id)
        runs = service.history(self._permissions.instance, task_id, limit=5)
        return {**SUCCESS, "task": {**_task(found, self._running()), "job": found, "runs": runs}}

    def scheduler_remove_task(self, task_id: schema.TaskId) -> schema.Document:
        """Remove a task that is not running; a backup of its file is kept."""
        if task_id in self._running():
            raise ConfigError(f"{task_id}: is running; end its run with the tool `stop` first")
        return {**SUCCESS, "task_id": task_id, **service.remove(self._permissions.instance, task_id)}

    def _running(self) -> set[str]:
        found = service.history(self._permissions.instance, status="running", limit=MAX_RUNNING)
        return {run["job"] for run in found}

    def scheduler_daemon_status(self) -> schema.Document:
        """Return whether ticks run: `running` is true if the last tick is recent enough for their interval."""
        found = service.status(self._permissions.instance)
        return {**SUCCESS, **found["ticks"], "paused": "*" in found["paused"]}

    def scheduler_start_daemon(self) -> schema.Document:
        """Install the crontab block that runs the ticks, and resume all jobs if they are paused."""
        done = service.install(self._permissions.instance)
        resumed = service.resume(self._permissions.instance)
        return {**SUCCESS, "installed": done["changed"], "resumed": resumed[0]["was_paused"]}

    def scheduler_stop_daemon(self) -> schema.Document:
        """Pause all jobs until `scheduler_start_daemon`. Slots that come due during the pause are caught up on then."""
        return {**SUCCESS, "paused": service.pause(self._permissions.instance)}

    async def scheduler_restart_daemon(self, wait_seconds: schema.Wait = WAIT) -> schema.Document:
        """Run a tick now: start every job that is due."""
        return {**SUCCESS, **await service.start(self._permissions.instance, [], wait=wait_seconds)}


def _task(job: Mapping[str, Any], running: Collection[str]) -> dict[str, Any]:
    return {
        "id": job["name"],
        "description": job["description"],
        "schedule": job["next_run"],
        "when": job["schedule_words"],
        "status": "running" if job["name"] in running else _status(job),
        "priority": job["priority"],
        "last_completed_at": job["last_run"],
        "last_status": job["last_status"],
    }


def _status(job: Mapping[str, Any]) -> str:
    if not job["enabled"]:
        return "cancelled"
    if job["last_status"] in FAILED:
        return "failed"
    if job["next_run"] is not None:
        return "pending"
    return ENDED.get(job["last_status"] or "", "pending")
