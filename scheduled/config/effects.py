"""What an edit of the configuration does, so that an interface is asked for the permission to do it.

The file before the edit is compared with the file after it, not with the keys of the request: a key that is left out of a
definition is removed, and one that is given again changes nothing. Each key has a kind of effect in the tables below; a
key without one counts as `executes`.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from scheduled.actions import registry
from scheduled.config.action_keys import refuse_unknown
from scheduled.config.edit import Edit, read
from scheduled.config.files import load_config
from scheduled.core.jobs import SHELL
from scheduled.errors import ConfigError
from scheduled.handlers.registry import BUILT_IN
from scheduled.schedules.kinds import reading

# executes: what is executed, or who may change it. starts: other jobs are started. schedules: when, how often and within
# which limits a job runs. enables: whether it runs. adds, removes: a job. describes: texts and records.
Kind = Literal["executes", "starts", "schedules", "enables", "adds", "removes", "describes"]
Table = Mapping[str, Any]

JOB_KEYS: dict[str, Kind] = {
    **dict.fromkeys(
        ("command", "python", "options", "env", "env_file", "secrets", "cwd", "umask", "only_if", "inhibit_sleep",
         "for_each", "shell", "stdin", "pre", "post",
         "heartbeat_url",  # it gets the end of the output, and its source may be a command
         "fails_if", "expect"),  # they search the output before its secrets are masked: their answers are about these
        "executes",
    ),
    "handler": "adds",  # one that is not built in executes the code of another distribution
    "on_interrupted": "schedules",  # rerun, skip and ask; any other text is a command
    **dict.fromkeys(("chain", "on_failure"), "starts"),
    **dict.fromkeys(
        ("on", "where", "after", "timezone", "priority", "catch_up", "catch_up_limit", "overlap", "grace", "retry",
         "not_between", "gate_deadline", "success_codes", "jitter", "start_delay", "timeout", "kill_after", "group", "nice",
         "ionice",
         "limits", "output_limit", "wake", "approve", *reading.known_keys()), "schedules",
    ),
    "enabled": "enables",
    **dict.fromkeys(("description", "labels", "mail_output", "notify"), "describes"),
}  # fmt: skip
SETTINGS: dict[str, Kind] = {
    **dict.fromkeys(
        (
            "timezone",
            "max_parallel",
            "catch_up.max_runs",
            "catch_up.max_event_runs",
            "catch_up.max_minutes",
            "catch_up.max_sessions",
        ),
        "schedules",
    ),
    **dict.fromkeys(
        ("history.keep_days", "history.keep_runs", "notify.sender", "notify.assistant", "notify.reports_to",
         "notify.critical_to", "notify.remind_every", "notify.quiet", "notify.digest", "metrics.labels",
         "metrics.max_jobs", "log.format", "log.journald"), "describes",
    ),
    **dict.fromkeys(
        ("workspace", "workspace_layout", "notify.footer_command", "mcp.allow", "mcp.add_commands",
         "dbus.add_commands", "web.allow_edit", "web.hosts", "compat.trigger", "compat.send", "compat.python",
         "compat.timeout", "wake.command",
         # They start commands, decide where secrets of notices are sent, and what agents read in them.
         "notify.channels", "notify.routes", "notify.subject", "notify.body", "web.external_url", "notify.heartbeat_url", "notify.deadman",
         "metrics.textfile"),  # a file outside of the state is written
        "executes",
    ),
}  # fmt: skip
POLICIES = ("rerun", "skip", "ask")
BUILT_IN_VALUES = {
    "on_failure": "stop",
    "shell": SHELL,
    "enabled": True,
    "on_interrupted": "rerun",
}  # without the key


class Effect(msgspec.Struct, frozen=True):
    """An effect of an edit: on *job* ('' for a setting), by its *key* ('' for the job itself).

    *is_new*: the edit adds the job. *added_by* are its labels of this name, before and after the edit. *starts* are the jobs
    that it would start.
    """

    kind: Kind
    job: str
    key: str = ""
    is_new: bool = False
    added_by: tuple[Any, Any] = (None, None)
    starts: tuple[str, ...] = ()


def effects(config_file: Path, edit: Edit) -> list[Effect]:
    """Return the effects of *edit*. Raise ConfigError, with the nearest key, if it sets a key that no job has."""
    before, after = _document(edit.before), _document(edit.after)
    shared = before, after
    if edit.path != config_file:
        shared = (_document(read(config_file)),) * 2
    old_defaults, new_defaults = (_table(document.get("defaults")) for document in shared)
    found = [*_of_settings(before, after), *_of_job("", old_defaults, new_defaults, {}, {})]
    old_jobs, new_jobs = _table(before.get("jobs")), _table(after.get("jobs"))
    for name in {**old_jobs, **new_jobs}:
        old, new = old_jobs.get(name), new_jobs.get(name)
        if old != new:
            found += _of_job(name, old, new, old_defaults, new_defaults)
    return [*found, *_repaired(config_file, edit)]


def _document(content: bytes | None) -> dict[str, Any]:
    return tomllib.loads((content or b"").decode())


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _of_job(name: str, old: Any, new: Any, old_defaults: Table, new_defaults: Table) -> Iterator[Effect]:
    """Yield the effects of changing the table of a job from *old* to *new*; None means that there is none."""
    if new is None:
        yield from _of_removed(name, old)
        return
    if not isinstance(new, dict) or not isinstance(old, dict | None):
        yield Effect("executes", name)
        return
    refuse_unknown({key: value for key, value in new.items() if key not in (old or {})})
    if old is None:
        yield Effect("adds", name, is_new=True)
    before, after = {**old_defaults, **(old or {})}, {**new_defaults, **new}
    for key in {**before, **after}:
        one, other = _value(key, before), _value(key, after)
        # [defaults] are compared on their own, as the table of the job ''.
        if one != other and (key in new or key in (old or {})):
            marks = (_label(old), _label(new)) if key == "labels" else (None, None)
            kind, started = _kind(key, one, other, after), _steps(other) if key == "chain" else ()
            yield Effect(kind, name, key, is_new=old is None, added_by=marks, starts=started)


def _steps(chain: Any) -> tuple[str, ...]:
    """Return the names of the jobs in a chain as it is written: names, and lists of names that run in parallel."""
    found = chain if isinstance(chain, list) else [chain]
    parts = [name for step in found for name in (step if isinstance(step, list) else [step])]
    return tuple(dict.fromkeys(name for name in parts if isinstance(name, str)))


def _of_removed(name: str, old: Any) -> Iterator[Effect]:
    """Yield the effects of removing a job: what its table *old* executes is not executed any longer."""
    yield Effect("removes", name)
    if not isinstance(old, dict):
        yield Effect("executes", name)
        return
    for key in old:
        value = _value(key, old)
        if value is not None and _kind(key, value, None, {}) == "executes":
            yield Effect("executes", name, key)


def _value(key: str, table: Table) -> Any:
    """Return the value of a key in *table*; None if it is empty, as if it were not given."""
    value = table.get(key, BUILT_IN_VALUES.get(key))
    is_empty = value in ("", {}, []) or (value is False and key != "enabled")
    return None if is_empty else value


def _kind(key: str, old: Any, new: Any, after: Table) -> Kind:
    executes_nothing = (None, *POLICIES) if key == "on_interrupted" else (None, *BUILT_IN)
    if key in ("on_interrupted", "handler") and not (old in executes_nothing and new in executes_nothing):
        return "executes"
    if key == "handler" and after.get("options"):
        return "executes"
    # A kind of action that is no part of this program marks its keys itself.
    marked = registry.keys().get(key)
    return JOB_KEYS.get(key, "adds" if marked is not None and not marked.executed else "executes")


def _label(table: Any) -> Any:
    labels = _table(table).get("labels")
    return labels.get("added_by") if isinstance(labels, dict) else None


def _of_settings(before: Table, after: Table) -> Iterator[Effect]:
    old, new = _flat(before), _flat(after)
    for key in {**old, **new}:
        if old.get(key) != new.get(key):
            yield Effect(SETTINGS.get(key, "executes"), "", key)


def _flat(document: Table) -> dict[str, Any]:
    """Return the settings of a file, by TABLE.KEY; not its jobs and defaults."""
    flat: dict[str, Any] = {}
    for name, value in document.items():
        if name not in ("jobs", "defaults"):
            inner = (
                {f"{name}.{key}": found for key, found in value.items()} if isinstance(value, dict) else None
            )
            flat |= {name: value} if inner is None else inner
    return flat


def _repaired(config_file: Path, edit: Edit) -> Iterator[Effect]:
    """Yield an effect for each job of another file, or beside the edited one, that can run only because of *edit*.

    A chain that names a job which does not exist does not run: to add that job starts the chain.
    """
    try:
        before, after = load_config(config_file), load_config(config_file, {edit.path: edit.after})
    except ConfigError:
        return  # the edit is refused, or repairs a file that can't be read
    old, new = (_table(_document(content).get("jobs")) for content in (edit.before, edit.after))
    for name in after.jobs.keys() - before.jobs.keys():
        if new.get(name) is None or old.get(name) == new.get(name):
            yield Effect("starts", name, starts=(name,))
