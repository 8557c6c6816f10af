"""Read `[notify]`: the channels, routes and templates of notices.

Each is read separately. A wrong one has no effect: no job is held back because a notice would not arrive.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from scheduled.config.tables import ChannelTable, NotifyTable, RouteTable, SettingsTable
from scheduled.config.values import recipients, seconds
from scheduled.config.web_hosts import external
from scheduled.core.channels import BUILT_IN, LONGEST_TIMEOUT, NAME, URL, Channel, with_built_in
from scheduled.core.event_notices import EventRoutes, event_routes
from scheduled.core.notice_text import BODY, PLACEHOLDERS, SUBJECT, Templates, unknown_placeholders
from scheduled.core.routing import Rule
from scheduled.core.secret_sources import read_source
from scheduled.errors import ConfigError

Written = str | list[str] | ChannelTable
COMMAND = "command:"
FORMS = (
    'must be a URL such as "ntfys://ntfy.sh/topic", "file:PATH" or "credential:NAME" of a file with the URL, '
    '"command:LINE", a list of words, "desktop", "memory", "stderr", or a table with one of url, command and path'
)


def problems(path: Path, settings: SettingsTable) -> list[str]:
    """Return a message, beginning with the file *path* and the key, for each wrong channel, route and template."""
    faults: list[str] = []
    channels(settings.notify, faults)
    named_rules(settings.notify, faults)
    templates(settings.notify, faults)
    external_url(settings.web.external_url, faults)
    return [f"{path}: {fault}" for fault in faults]


def channels(table: NotifyTable, faults: list[str] | None = None) -> dict[str, Channel]:
    """Return the valid channels of *table* by name, with those that need no configuration."""
    found = []
    for name, written in table.channels.items():
        with _collected(faults):
            found.append(_channel(name, written))
    return with_built_in(found)


def named_rules(table: NotifyTable, faults: list[str] | None = None) -> dict[str, Rule]:
    """Return the valid routes of *table* by their names, or by their numbers, from 1."""
    found: dict[str, Rule] = {}
    for number, route in enumerate(table.routes):
        with _collected(faults):
            rule = _rule(number, route)
            if route.name in found:
                raise ConfigError(f"notify.routes[{number}].name: {route.name!r} is used twice; change one")
            found[route.name or str(number + 1)] = rule
    return found


def rules(table: NotifyTable) -> list[Rule]:
    """Return the valid routes of *table*, in order."""
    return [*named_rules(table).values()]


def templates(table: NotifyTable, faults: list[str] | None = None) -> Templates:
    """Return the templates of *table*; the default in the place of one that is wrong or not given."""
    found = {"subject": SUBJECT, "body": BODY}
    for key, default in found.items():
        with _collected(faults):
            found[key] = _template(key, getattr(table, key)) or default
    return Templates(**found)


def external_url(written: str | None, faults: list[str] | None = None) -> str:
    """Return the address of the web interface; "" if it is wrong or not given."""
    found = [""]
    with _collected(faults):
        found.append(external(written) if written else "")
    return found[-1]


def events(table: NotifyTable, address: str | None) -> EventRoutes | None:
    """Return the routes of events; None if there are none. *address* is that of the web interface, as it is written."""
    return event_routes(rules(table), external_url(address)) if table.routes else None


@contextmanager
def _collected(faults: list[str] | None) -> Iterator[None]:
    """Add the message of a ConfigError to *faults*, and go on."""
    try:
        yield
    except ConfigError as error:
        if faults is not None:
            faults.append(str(error))


def _channel(name: str, written: Written) -> Channel:
    """Return the channel *name*. Raise ConfigError, which never has what is written: it may be a secret."""
    key = f"notify.channels.{name}"
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{key}: {name!r} is not a valid name; write letters, digits and _ . -, for example ops"
        )
    if isinstance(written, ChannelTable):
        return _of_table(key, name, written)
    if isinstance(written, list):
        return _of_command(f"{key}", name, written)
    for kind in BUILT_IN:
        if written == kind:
            return Channel(name=name, kind=kind)
    if written.startswith(COMMAND):
        return _of_command(key, name, written.removeprefix(COMMAND))
    return _of_url(key, name, written)


def _of_table(key: str, name: str, table: ChannelTable) -> Channel:
    given = [one for one in ("url", "command", "path") if getattr(table, one) is not None]
    if len(given) != 1:
        raise ConfigError(
            f"{key}: must have exactly one of url, command and path; {'remove the others' if given else 'add one'}"
        )
    timeout = seconds(f"{key}.timeout", table.timeout)
    if timeout > LONGEST_TIMEOUT:
        raise ConfigError(f"{key}.timeout: must be at most 5m, because a tick waits for it; write less")
    if table.url is not None:
        found = _of_url(f"{key}.url", name, table.url)
    elif table.command is not None:
        found = _of_command(f"{key}.command", name, table.command)
    else:
        found = _of_path(key, name, table.path or "")
    return msgspec.structs.replace(found, timeout=timeout)


def _of_url(key: str, name: str, written: str) -> Channel:
    if read_source(written) is not None:
        return Channel(name=name, kind="url", source=written)
    if not URL.fullmatch(written):
        raise ConfigError(f"{key}: {FORMS}")
    return Channel(name=name, kind="url", url=written)


def _of_command(key: str, name: str, written: str | list[str]) -> Channel:
    """Return a channel that starts a command: words, or a line for the shell."""
    words = (written,) if isinstance(written, str) else (*written,)
    if not words or not words[0].strip() or any("\0" in word for word in words):
        raise ConfigError(
            f"{key}: the command is empty or has a NUL character; write the program and its arguments"
        )
    if isinstance(written, str):
        return Channel(name=name, kind="command", line=written)
    return Channel(name=name, kind="command", words=words)


def _of_path(key: str, name: str, path: str) -> Channel:
    if not path.startswith(("/", "~")) or "\0" in path:
        raise ConfigError(f"{key}.path: must be a directory that begins with / or ~, got {path!r}")
    return Channel(name=name, kind="memory", path=path)


def _rule(number: int, table: RouteTable) -> Rule:
    key = f"notify.routes[{number}]"
    if not table.to:
        raise ConfigError(f'{key}.to: is empty; write who gets the notices, for example ["ops"]')
    if not table.on or not all(table.on):
        raise ConfigError(f'{key}.on: is empty; write "incident" or names of events, or remove it')
    if table.name.isdigit():
        raise ConfigError(
            f"{key}.name: {table.name!r} is a number, which names routes by their order; write a word"
        )
    return Rule(
        on=tuple(table.on),
        priority=table.priority,
        jobs=tuple(table.jobs),
        to=recipients(f"{key}.to", table.to),
    )


def _template(key: str, written: str | None) -> str:
    try:
        unknown = unknown_placeholders(written or "")
    except ValueError as error:
        raise ConfigError(f"notify.{key}: {error}; write a brace that is text twice: {{{{ or }}}}") from None
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ConfigError(f"notify.{key}: {unknown[0]} is not known; write one of {known}")
    return written or ""
