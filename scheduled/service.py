"""The library API: one function for each command and each query.

    from scheduled import service

    service.status(service.Instance())["healthy"]

The command line and the other interfaces call only these functions. A function that needs a configuration or a state
directory takes an `Instance` first. All other parameters are plain values: names, numbers, paths, and instants as text
in the forms that the command line accepts. It returns the document that the command line prints with --json: dicts,
lists, strings and numbers, with instants as RFC 3339 text with offset. Functions with another result (`calendar`,
`as_printed`, `interfaces`) describe it in their docstrings.

- A function that fails raises a `scheduled.errors.ScheduledError` and has changed nothing.
- With *dry_run* a command changes nothing and returns what it would do.
- *on_event* is called with every event of a tick as it is published.
- `start`, `start_again` and `start_approved` are coroutines; all other functions return when they are done.

The docstring of each function documents it: `help(service.forecast)`. This file has no logic: each name is imported
from its module when it is first used, so that a tick imports only what it needs.
"""

# Type checkers treat this name as true. An import of `typing` would take longer than this file.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from scheduled.commands.adopt_state import adopt_state
    from scheduled.commands.approvals import approve, deny, dry_run_of_approve, linked
    from scheduled.commands.background import start, start_again, start_approved
    from scheduled.commands.backup import backup
    from scheduled.commands.daily_report import daily_report, dry_run_of_report
    from scheduled.commands.definitions import add, apply, edit, effects, remove, replace, written
    from scheduled.commands.events import emit
    from scheduled.commands.install import install, uninstall
    from scheduled.commands.muting import ack, mute, unmute
    from scheduled.commands.notices import try_notice
    from scheduled.commands.overrides import disable, enable, pause, resume
    from scheduled.commands.rerun import dry_run_of_rerun, rerun
    from scheduled.commands.restore import restore
    from scheduled.commands.run import run
    from scheduled.commands.settings import set_section
    from scheduled.commands.slots import skip
    from scheduled.commands.snapshot import write_state
    from scheduled.commands.stop import stop
    from scheduled.commands.tasks import add_task
    from scheduled.commands.trial import attempt
    from scheduled.commands.verify_backup import verify_backup
    from scheduled.config.aliases import together
    from scheduled.config.edit_settings import nested
    from scheduled.instance import Instance
    from scheduled.queries.audit import audit
    from scheduled.queries.calendar import calendar
    from scheduled.queries.check import check
    from scheduled.queries.dry_run import dry_run
    from scheduled.queries.environment import environment
    from scheduled.queries.explain import explain
    from scheduled.queries.forecast import forecast
    from scheduled.queries.history import history, one_run, recent_statuses
    from scheduled.queries.incidents import incidents, notices
    from scheduled.queries.jobs import chain, chains, job, jobs
    from scheduled.queries.logs import as_printed, follow, logs, printed
    from scheduled.queries.metrics import metrics, metrics_text
    from scheduled.queries.own_log import follow_log, log
    from scheduled.queries.preview import preview
    from scheduled.queries.report import report
    from scheduled.queries.run_details import job_or_run
    from scheduled.queries.settings import handler_names, interfaces, now, section, settings
    from scheduled.queries.status import status
    from scheduled.queries.tasks import tasks
    from scheduled.queries.upcoming import upcoming

__all__ = [
    "Instance",
    "ack",
    "add",
    "add_task",
    "adopt_state",
    "apply",
    "approve",
    "as_printed",
    "attempt",
    "audit",
    "backup",
    "calendar",
    "chain",
    "chains",
    "check",
    "daily_report",
    "deny",
    "disable",
    "dry_run",
    "dry_run_of_approve",
    "dry_run_of_report",
    "dry_run_of_rerun",
    "edit",
    "effects",
    "emit",
    "enable",
    "environment",
    "explain",
    "follow",
    "follow_log",
    "forecast",
    "handler_names",
    "history",
    "incidents",
    "install",
    "interfaces",
    "job",
    "job_or_run",
    "jobs",
    "linked",
    "log",
    "logs",
    "metrics",
    "metrics_text",
    "mute",
    "nested",
    "notices",
    "now",
    "one_run",
    "pause",
    "preview",
    "printed",
    "recent_statuses",
    "remove",
    "replace",
    "report",
    "rerun",
    "restore",
    "resume",
    "run",
    "section",
    "set_section",
    "settings",
    "skip",
    "start",
    "start_again",
    "start_approved",
    "status",
    "stop",
    "tasks",
    "together",
    "try_notice",
    "uninstall",
    "unmute",
    "upcoming",
    "verify_backup",
    "write_state",
    "written",
]

_MODULES = {  # the module of each name, relative to the package
    "Instance": "instance",
    "status": "queries.status",
    **dict.fromkeys(("jobs", "job", "chains", "chain"), "queries.jobs"),
    "upcoming": "queries.upcoming",
    "explain": "queries.explain",
    "environment": "queries.environment",
    "forecast": "queries.forecast",
    "calendar": "queries.calendar",
    "dry_run": "queries.dry_run",
    "preview": "queries.preview",
    **dict.fromkeys(("history", "one_run", "recent_statuses"), "queries.history"),
    **dict.fromkeys(("logs", "as_printed", "printed", "follow"), "queries.logs"),
    "audit": "queries.audit",
    **dict.fromkeys(("incidents", "notices"), "queries.incidents"),
    "report": "queries.report",
    "job_or_run": "queries.run_details",
    **dict.fromkeys(("settings", "section", "interfaces", "now", "handler_names"), "queries.settings"),
    "check": "queries.check",
    "run": "commands.run",
    **dict.fromkeys(("daily_report", "dry_run_of_report"), "commands.daily_report"),
    **dict.fromkeys(("rerun", "dry_run_of_rerun"), "commands.rerun"),
    **dict.fromkeys(("start", "start_again", "start_approved"), "commands.background"),
    "stop": "commands.stop",
    "skip": "commands.slots",
    "set_section": "commands.settings",
    "write_state": "commands.snapshot",
    "attempt": "commands.trial",
    "emit": "commands.events",
    **dict.fromkeys(("ack", "mute", "unmute"), "commands.muting"),
    **dict.fromkeys(("pause", "resume", "enable", "disable"), "commands.overrides"),
    **dict.fromkeys(
        ("add", "edit", "replace", "written", "remove", "apply", "effects"), "commands.definitions"
    ),
    "add_task": "commands.tasks",
    "tasks": "queries.tasks",
    "together": "config.aliases",
    "nested": "config.edit_settings",
    **dict.fromkeys(("install", "uninstall"), "commands.install"),
    "backup": "commands.backup",
    "restore": "commands.restore",
    "verify_backup": "commands.verify_backup",
    "adopt_state": "commands.adopt_state",
    **dict.fromkeys(("metrics", "metrics_text"), "queries.metrics"),
    **dict.fromkeys(("log", "follow_log"), "queries.own_log"),
    "try_notice": "commands.notices",
    **dict.fromkeys(("approve", "deny", "dry_run_of_approve", "linked"), "commands.approvals"),
}

if not TYPE_CHECKING:  # else type checkers would accept every attribute of this module

    def __getattr__(name: str) -> object:
        """Import and return the function *name*. Raise AttributeError if there is none."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(f"scheduled.{_MODULES[name]}"), name)
        return found


def __dir__() -> list[str]:
    return __all__
