"""Parse a [jobs.NAME] table into a `Job`. Every error names its key."""

import re
from pathlib import Path
from typing import Any

import msgspec

from scheduled.actions import registry
from scheduled.config import execution
from scheduled.config.action_keys import job_table, read_action
from scheduled.config.convert import converted, describe_error
from scheduled.config.rules import approve, for_each, gate, limits, retry, where, window
from scheduled.config.tables import ExpectTable, JobTable
from scheduled.config.values import (
    codes,
    count,
    environment_value,
    event_name,
    ionice,
    kill_after,
    known_zone,
    monitor,
    nice,
    recipients,
    seconds,
    secret_source,
    size,
    umask,
)
from scheduled.core.events import BOOTED
from scheduled.core.jobs import CatchUp, Expect, Job, Window
from scheduled.errors import ConfigError
from scheduled.schedules.kinds import reading
from scheduled.schedules.kinds.cron import is_reboot
from scheduled.schedules.schedule import ScheduleError

NAME = re.compile(r"[^\W_][\w.@:+-]{0,99}")
NAME_RULE = (
    "is not a valid name of a job; write 1 to 100 letters, digits and . _ @ : + -, "
    "beginning with a letter or digit"
)

# Keys of [defaults] that a job can switch off with `false`; `retry = false` has a meaning of its own.
OFF = frozenset(
    [
        "cwd",
        "env",
        "env_file",
        "expect",
        "fails_if",
        "gate_deadline",
        "grace",
        "group",
        "ionice",
        "limits",
        "nice",
        "not_between",
        "notify",
        "only_if",
        "secrets",
        "umask",
        "heartbeat_url",
    ]
)


def parse_job(name: str, table: Any, *, source: Path, defaults: dict[str, Any], timezone: str) -> Job:
    """Return the job of the table [jobs.*name*] in the file *source*. Raise ConfigError with the key and the fix."""
    if not NAME.fullmatch(name):
        raise ConfigError(NAME_RULE)
    if not isinstance(table, dict):
        raise ConfigError(f"must be a table; write [jobs.{name}]")
    given, others = reading.split(_merged(defaults, table))
    raw = converted(others, job_table(), reading.known_keys())
    _refuse_nul("", table)
    if not raw.on_interrupted.strip():
        raise ConfigError(
            "on_interrupted: is empty; write rerun, skip, ask, or a command that exits with 0 if the work is done"
        )
    when = _when(given, raw, name, timezone)
    on = BOOTED if any(map(is_reboot, reading.values(given.get("cron", "")))) else event_name(raw.on)
    job = _job(name, raw, when, on, source)
    job = job if "once_per" not in given else _once_per(job, given, table)
    execution.refuse_without_effect(table, job)
    return job if job.expect is None else _applicable(job)


def _job(name: str, raw: JobTable, when: reading.When, on: str, source: Path) -> Job:
    kind, found = _kind_of_action(raw), for_each(raw.for_each)
    return Job(
        name=name,
        source=str(source),
        schedules=when.schedules,
        action=read_action(raw, kind),
        description=raw.description,
        labels=raw.labels,
        for_each=found,
        targets=() if found is None else found.listed,
        enabled=raw.enabled,
        priority=raw.priority,
        catch_up=raw.catch_up,
        catch_up_limit=count("catch_up_limit", raw.catch_up_limit) or 0,
        overlap=raw.overlap,
        grace=None if raw.grace is None else seconds("grace", raw.grace, least=0),
        retry=retry(raw.retry),
        on_interrupted=raw.on_interrupted,
        not_between=window(raw.not_between),
        start_delay=seconds("start_delay", raw.start_delay, least=0),
        only_if=gate(raw.only_if),
        gate_deadline=None if raw.gate_deadline is None else seconds("gate_deadline", raw.gate_deadline),
        success_codes=codes(raw.success_codes),
        fails_if=execution.fails_if(raw.fails_if),
        expect=None if raw.expect is None else _expect(raw.expect),
        shell=execution.shell(raw.shell),
        stdin=execution.stdin(raw.stdin),
        pre=execution.hook("pre", raw.pre),
        post=execution.hook("post", raw.post),
        on=on,
        where=where(raw),
        after=tuple(raw.after),
        on_failure=raw.on_failure,
        timeout=seconds("timeout", raw.timeout),
        kill_after=kill_after(raw.kill_after),
        group=raw.group if raw.group is not None else registry.KINDS[kind].GROUP,
        cwd=raw.cwd,
        env={key: environment_value(key, value) for key, value in raw.env.items()},
        env_file=raw.env_file,
        secrets={name: secret_source(name, source) for name, source in raw.secrets.items()},
        umask=umask(raw.umask),
        nice=nice(raw.nice),
        ionice=ionice(raw.ionice),
        inhibit_sleep=raw.inhibit_sleep,
        wake=raw.wake,
        limits=limits(raw.limits),
        options=raw.options,
        output_limit=size("output_limit", raw.output_limit),
        mail_output=raw.mail_output,
        notify=recipients("notify", raw.notify or ()),
        heartbeat_url=monitor("heartbeat_url", raw.heartbeat_url),
        warnings=when.warnings,
        approve=approve(raw.approve),
    )


def _expect(raw: ExpectTable) -> Expect:
    from scheduled.config import expectations  # most jobs have no `expect`

    return expectations.expect(raw)


def _applicable(job: Job) -> Job:
    from scheduled.config import expectations

    return expectations.applicable(job)


def _once_per(job: Job, given: dict[str, Any], table: dict[str, Any]) -> Job:
    """Return a `once_per` job: outside of its window it waits, and it never runs for several periods.

    Raise ConfigError if *table* has quiet hours too.
    """
    catch_up: CatchUp = "latest" if job.catch_up == "all" else job.catch_up
    between = window(given.get("between"))
    if between is None:
        return msgspec.structs.replace(job, catch_up=catch_up)
    if table.get("not_between") not in (None, False):
        raise ConfigError("between and not_between: only one of them may be given; remove the other")
    quiet = Window(between.end, between.start)
    return msgspec.structs.replace(job, catch_up=catch_up, between=between, not_between=quiet)


def _refuse_nul(key: str, value: Any) -> None:
    """Raise ConfigError for a string with a NUL character: no argument, path or shell line can hold one.

    `options` is left to the handler, and `environment_value` checks `env`.
    """
    if isinstance(value, dict):
        for name, inner in value.items():
            if key or name not in ("options", "env"):
                _refuse_nul(f"{key}.{name}".lstrip("."), inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_nul(key, inner)
    elif isinstance(value, str) and "\0" in value:
        raise ConfigError(f"{key}: contains a NUL character; remove it")


def _merged(defaults: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """Return *table* with the keys of *defaults* that it has not. What it switches off with `false` is in neither."""
    merged = {**defaults, **table}
    for key in ("env", "secrets", "retry", "limits"):
        if isinstance(defaults.get(key), dict) and isinstance(table.get(key), dict):
            merged[key] = {**defaults[key], **table[key]}
    for key in ("secrets", "limits"):
        own = table.get(key)
        if isinstance(own, dict):
            merged[key] = {name: value for name, value in merged[key].items() if own.get(name) is not False}
    return {key: value for key, value in merged.items() if not (key in OFF and table.get(key) is False)}


def _when(given: dict[str, Any], raw: JobTable, name: str, timezone: str) -> reading.When:
    """Return the schedules of a job: *given* are the keys that belong to kinds of schedule, *raw* has the others."""
    zone = known_zone(raw.timezone or timezone)
    keys = [*reading.choosing_keys(), "on"]
    chosen = [key for key in keys if key in given or (key == "on" and raw.on is not None)]
    if len(chosen) > 1:
        raise ConfigError(
            f"{' and '.join(chosen)}: only one of {', '.join(keys)} may be given; remove the others"
        )
    try:
        return reading.read(given, name, zone, seconds("jitter", raw.jitter, least=0))
    except ScheduleError as error:
        raise ConfigError(str(error)) from None
    except msgspec.ValidationError as error:
        raise ConfigError(describe_error(error, JobTable)) from None


def _kind_of_action(raw: JobTable) -> str:
    """Return the kind of action that *raw* has a key for. Raise ConfigError unless there is exactly one."""
    given = [kind for kind in registry.KINDS if getattr(raw, kind) is not None]
    if len(given) > 1:
        raise ConfigError(
            f"{' and '.join(given)}: only one of {', '.join(registry.KINDS)} may be given; remove the others"
        )
    if not given:
        raise ConfigError(f"has no action; write one of {', '.join(registry.KINDS)}")
    return given[0]
