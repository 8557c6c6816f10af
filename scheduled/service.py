"""The library API: everything that can be asked of scheduled, one function for each question.

    from scheduled import service

    service.status(service.Instance())["healthy"]

The command line and all other interfaces ask these functions and nothing else. Each that asks about a configuration or a
state takes an `Instance` first, then plain values: names, numbers, paths, and instants as texts as people write them. It
returns the document that the command line prints with --json: dicts, lists, texts, numbers; instants in it are RFC 3339
with offset. Where something else is returned (`calendar`, `as_printed`, `interfaces`), its docstring says so.

- A question that can't be answered raises a `scheduled.errors.ScheduledError`, with nothing changed.
- With *dry_run* a command only says what it would do.
- *hear* is called with every event of a tick as it happens.
- `start` and `start_again` wait for a process and are awaited; all others return when they are done.

Each function's contract is its own docstring: `help(service.forecast)`. This file has no logic. A name is imported from
the module that does the work when it is first used, so that a tick imports nothing that it does not need.
"""

# Type checkers take it for true. Importing `typing` for it would cost more than this file does.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from scheduled.commands.background import start, start_again
    from scheduled.commands.backup import backup, restore
    from scheduled.commands.definitions import add, apply, edit, executable_keys, remove, replace, written
    from scheduled.commands.events import emit
    from scheduled.commands.install import install, uninstall
    from scheduled.commands.overrides import disable, enable, pause, resume
    from scheduled.commands.runs import daily_report, plan_of_report, plan_of_rerun, rerun, run
    from scheduled.commands.slots import skip
    from scheduled.commands.stop import stop
    from scheduled.commands.trial import attempt
    from scheduled.config.aliases import together
    from scheduled.instance import Instance
    from scheduled.queries.audit import audit
    from scheduled.queries.calendar import calendar
    from scheduled.queries.check import check
    from scheduled.queries.explain import explain
    from scheduled.queries.forecast import forecast
    from scheduled.queries.history import history, one_run, recent_verdicts
    from scheduled.queries.incidents import incidents, notices
    from scheduled.queries.jobs import chain, chains, job, jobs, upcoming
    from scheduled.queries.logs import as_printed, follow, logs, printed
    from scheduled.queries.plan import plan
    from scheduled.queries.preview import preview
    from scheduled.queries.report import report
    from scheduled.queries.settings import handler_names, interfaces, now, settings
    from scheduled.queries.status import status

__all__ = [
    "Instance",
    "add",
    "apply",
    "as_printed",
    "attempt",
    "audit",
    "backup",
    "calendar",
    "chain",
    "chains",
    "check",
    "daily_report",
    "disable",
    "edit",
    "emit",
    "enable",
    "executable_keys",
    "explain",
    "follow",
    "forecast",
    "handler_names",
    "history",
    "incidents",
    "install",
    "interfaces",
    "job",
    "jobs",
    "logs",
    "notices",
    "now",
    "one_run",
    "pause",
    "plan",
    "plan_of_report",
    "plan_of_rerun",
    "preview",
    "printed",
    "recent_verdicts",
    "remove",
    "replace",
    "report",
    "rerun",
    "restore",
    "resume",
    "run",
    "settings",
    "skip",
    "start",
    "start_again",
    "status",
    "stop",
    "together",
    "uninstall",
    "upcoming",
    "written",
]

_MODULES = {  # of the package, by name
    "Instance": "instance",
    "status": "queries.status",
    **dict.fromkeys(("jobs", "job", "upcoming", "chains", "chain"), "queries.jobs"),
    "explain": "queries.explain",
    "forecast": "queries.forecast",
    "calendar": "queries.calendar",
    "plan": "queries.plan",
    "preview": "queries.preview",
    **dict.fromkeys(("history", "one_run", "recent_verdicts"), "queries.history"),
    **dict.fromkeys(("logs", "as_printed", "printed", "follow"), "queries.logs"),
    "audit": "queries.audit",
    **dict.fromkeys(("incidents", "notices"), "queries.incidents"),
    "report": "queries.report",
    **dict.fromkeys(("settings", "interfaces", "now", "handler_names"), "queries.settings"),
    "check": "queries.check",
    **dict.fromkeys(("run", "daily_report", "plan_of_report", "rerun", "plan_of_rerun"), "commands.runs"),
    **dict.fromkeys(("start", "start_again"), "commands.background"),
    "stop": "commands.stop",
    "skip": "commands.slots",
    "attempt": "commands.trial",
    "emit": "commands.events",
    **dict.fromkeys(("pause", "resume", "enable", "disable"), "commands.overrides"),
    **dict.fromkeys(
        ("add", "edit", "replace", "written", "remove", "apply", "executable_keys"), "commands.definitions"
    ),
    "together": "config.aliases",
    **dict.fromkeys(("install", "uninstall"), "commands.install"),
    **dict.fromkeys(("backup", "restore"), "commands.backup"),
}

if not TYPE_CHECKING:  # or every name there is not would be one for type checkers

    def __getattr__(name: str) -> object:
        """Return the question *name*, imported now; raises AttributeError if there is none."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(f"scheduled.{_MODULES[name]}"), name)
        return found


def __dir__() -> list[str]:
    return __all__
