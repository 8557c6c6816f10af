"""Channels: the ways on which notices leave the program, other than the mailboxes of the workspace."""

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from scheduled.core.secret_sources import read_source

Kind = Literal["url", "command", "desktop", "memory", "stderr"]
STDERR: Kind = "stderr"
BUILT_IN: tuple[Kind, ...] = ("desktop", "memory", STDERR)  # channels that need no configuration
NAME = re.compile(r"[A-Za-z][\w.-]{0,63}")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,31}://\S+")
TIMEOUT, LONGEST_TIMEOUT = 20, 300  # seconds for one notice; a tick waits for it


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """The channel *name*.

    A *url* is one of apprise; *source* is where it comes from, as in `core.secret_sources`, if it is not written in the
    configuration. A command has *words*, or a *line* for the shell. *path* is the directory of a memory ("": the default).
    One notice may take *timeout* seconds.
    """

    name: str
    kind: Kind
    url: str = ""
    source: str = ""
    words: tuple[str, ...] = ()
    line: str = ""
    path: str = ""
    timeout: int = TIMEOUT


def may_be_secret(written: object) -> bool:
    """Return whether *written*, the value of a channel or of its `url`, may hold a secret: a URL may, and what is no valid value."""
    if not isinstance(written, str) or written in BUILT_IN:
        return False
    return read_source(written) is None


def with_built_in(channels: Iterable[Channel]) -> dict[str, Channel]:
    """Return *channels* by name, with those that need no configuration."""
    return {name: Channel(name=name, kind=name) for name in BUILT_IN} | {one.name: one for one in channels}


def secrets_of_url(url: str) -> set[str]:
    """Return the parts of *url* that may be secrets, as they are written and decoded: all but its scheme and the name of a host.

    Some services have a token in the place of the host. A token has no dot.
    """
    from urllib.parse import unquote, urlsplit  # only if a notice is sent

    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return {url}
    account, at, _ = parts.netloc.rpartition("@")
    found = [url, *(account.split(":") if at else ()), *parts.path.split("/"), *parts.fragment.split("/")]
    found += [pair.partition("=")[2] for pair in parts.query.split("&")]
    if "." not in host and host != "localhost":
        found += [host, parts.netloc.rpartition("@")[2].partition(":")[0]]  # `hostname` is in lower case
    return {form for part in found for form in (part, unquote(part)) if form}
