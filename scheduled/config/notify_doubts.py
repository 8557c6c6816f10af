"""Warnings about notices that will not arrive: channels, addresses, jobs and events that do not exist, and missing libraries."""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from importlib.util import find_spec

from scheduled import question
from scheduled.actions.programs import missing, missing_file
from scheduled.config import notices
from scheduled.config.config import Config
from scheduled.config.secret_doubts import CREDENTIALS
from scheduled.config.workspace_doubts import NO_WORKSPACE, has_mailbox
from scheduled.core.channels import Channel
from scheduled.core.conditions import is_mailbox
from scheduled.core.events import PUBLISHED
from scheduled.core.jobs import Action, keys_of
from scheduled.core.routing import INCIDENT, Rule
from scheduled.core.secret_sources import MOST, Source, read_source
from scheduled.handlers.workspace.workspace import Workspace, WorkspaceError
from scheduled.installation import command_for

KINDS = ("recovery",)  # matters of routes beside incidents and events
SPECIAL = set("*?[")  # a name with one of these is a pattern


def doubts(found: Config, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the warnings about channels, routes and recipients of *found*; *environment* is that of commands, with PATH."""
    channels = notices.channels(found.notify)
    for name, channel in channels.items():
        if name in found.notify.channels:
            yield from (
                f"{found.path}: notify.channels.{name}: {doubt}"
                for doubt in _of_channel(channel, environment)
            )
    for name in _not_understood(channels.values(), environment):
        yield f"{found.path}: notify.channels.{name}: apprise does not understand this URL; see the page of the service in its documentation"
    rules = notices.named_rules(found.notify)
    numbers = {rule: number for number, rule in enumerate(rules.values())}
    yield from (
        f"{found.path}: notify.routes[{numbers[rule]}].{doubt}"
        for rule in numbers
        for doubt in _of_rule(rule, found)
    )
    places = [(f"{found.path}: notify.routes[{numbers[rule]}].to", rule.to) for rule in numbers]
    places += [
        (f"{job.source}: jobs.{job.name}: notify", job.notify) for job in found.jobs.values() if job.notify
    ]
    yield from _of_recipients(found, channels, places)


def _of_channel(channel: Channel, environment: Mapping[str, str]) -> Iterator[str]:
    home = environment.get("HOME", "~")
    if channel.kind == "url" and find_spec("apprise") is None:
        yield f"apprise is not installed, so its notices wait; run {command_for('notify')}"
    if channel.kind == "desktop" and find_spec("jeepney") is None:
        yield f"jeepney is not installed, so its notices wait; run {command_for('notify')}"
    if channel.kind == "command":
        action = Action("command", line=channel.line, words=channel.words)
        yield from missing(action, environment["PATH"], home)
    match read_source(channel.source):
        case Source("file", name):
            yield from missing_file("url", name, home, limit=MOST)
        case Source("command", line):
            yield from missing(Action("command", line=line), environment["PATH"], home)
        case Source("credential", name) if not (environment.get(CREDENTIALS) or os.environ.get(CREDENTIALS)):
            yield f"credential:{name}: a tick that cron starts has no {CREDENTIALS}; write file: or command:"


def _not_understood(channels: Iterable[Channel], environment: Mapping[str, str]) -> list[str]:
    """Return the names of the channels with a URL that apprise does not understand. An interface does not ask it."""
    urls = {channel.name: channel.url for channel in channels if channel.url}
    if not urls or question.is_limited() or find_spec("apprise") is None:
        return []
    from scheduled.notify.routes.apprise_url import not_understood

    return not_understood(urls, environment)


def _of_rule(rule: Rule, found: Config) -> Iterator[str]:
    known = (INCIDENT, *KINDS, *PUBLISHED)
    for name in rule.on:
        if SPECIAL.isdisjoint(name) and name not in known and (near := _near(name, known)):
            yield f"on: no event is called {name}; did you mean {near}? An event of your own needs `scheduled emit {name}`"
    names = {
        text
        for job in found.jobs.values()
        for text in (job.name, *(key.display_name for key in keys_of(job)))
    }
    for pattern in rule.jobs:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = _near(pattern, names)
            yield f"jobs: there is no job {pattern}{f'; did you mean {near}?' if near else '; correct the name'}"


def _of_recipients(
    found: Config, channels: Mapping[str, Channel], places: Iterable[tuple[str, tuple[str, ...]]]
) -> Iterator[str]:
    """Yield a warning for each recipient that does not exist. The registries are read only if one is an address."""
    workspace: Workspace | str | None = None
    for place, recipients in places:
        for name in recipients:
            if not is_mailbox(name):
                yield from (f"{place}: {doubt}" for doubt in _of_name(name, channels))
                continue
            workspace = workspace or _workspace(found)
            reason = workspace if isinstance(workspace, str) else _of_address(name, workspace)
            if reason:
                yield f"{place}: {name}: {reason}"


def _of_name(name: str, channels: Mapping[str, Channel]) -> Iterator[str]:
    if name not in channels:
        near = _near(name, channels)
        meant = (
            f"did you mean {near}?"
            if near
            else f"add it to [notify.channels], or write one of {', '.join(channels)}"
        )
        yield f"there is no channel {name}, so its notices are dropped; {meant}"


def _workspace(found: Config) -> Workspace | str:
    """Return the workspace, or why there is none."""
    if found.workspace is None:
        return f"its notices are dropped: {NO_WORKSPACE}"
    try:
        return Workspace.load(found.workspace, layout=found.workspace_layout)
    except WorkspaceError as error:
        return str(error)


def _of_address(name: str, workspace: Workspace) -> str:
    branch = workspace.branch_at(name)
    if branch is None:
        return "no branch has this address, so its notices are dropped; write the address of a branch"
    if not has_mailbox(branch):
        return f"the branch has no mailbox ({branch.inbox}), so its notices wait; create it"
    return ""


def _near(name: str, names: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(name, list(names), n=1)), "")
