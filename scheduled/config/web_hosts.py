"""The outside addresses of the web interface (`[web] hosts`), for `check` and for the server."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from scheduled.errors import ConfigError

# Only a name and a port: anything after them would become part of the request's URL.
HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
OUTSIDE = re.compile(rf"(?:(?P<scheme>https?)://)?{HOST.pattern}/?")
PORTS = {"http": 80, "https": 443}  # which browsers leave out of the Host and Origin headers
LAST_PORT = (1 << 16) - 1


class Outside(msgspec.Struct, frozen=True):
    """A host *name* that leads to the server, for example through a proxy; "" and None mean any scheme and any port."""

    name: str
    scheme: str = ""
    port: int | None = None

    def origins(self, name: str, port: int | None, host: str) -> frozenset[str]:
        """Return the origins of the pages at *host*, which has *name* and *port*; none if it is another address."""
        schemes = [scheme for scheme in PORTS if self.scheme in ("", scheme)]
        return frozenset(
            f"{scheme}://{host}"
            for scheme in schemes
            if name == self.name and self._port(scheme, port) == (port or PORTS[scheme])
        )

    def _port(self, scheme: str, given: int | None) -> int:
        if self.port is not None:
            return self.port
        return PORTS[scheme] if self.scheme else given or PORTS[scheme]


def outside(text: str) -> Outside:
    """Return the address that an entry of `[web] hosts` names. Raise ConfigError, with the key, if it names none."""
    parts = OUTSIDE.fullmatch(text.strip().lower())
    port = None if parts is None or parts["port"] is None else int(parts["port"])
    if parts is None or not (port is None or 1 <= port <= LAST_PORT):
        raise ConfigError(
            f"web.hosts: {text!r} is not the address of a host; write for example "
            '"box.lan" or "https://jobs.example.org:8443"'
        )
    return Outside(parts["name"].strip("[]"), parts["scheme"] or "", port)


def external(text: str) -> str:
    """Return the address in `[web] external_url`, without a slash at its end. Raise ConfigError, with the key, if it is none."""
    parts = OUTSIDE.fullmatch(text.strip().lower())
    port = 1 if parts is None or parts["port"] is None else int(parts["port"])
    if parts is None or not parts["scheme"] or not 1 <= port <= LAST_PORT:
        raise ConfigError(
            f"web.external_url: {text!r} is not the address of this server for its users; write for example "
            '"https://jobs.example.org", without a path'
        )
    return text.strip().lower().rstrip("/")


def problems(config_file: Path, hosts: Iterable[str], external_url: str | None = None) -> Iterator[str]:
    """Yield a message, beginning with the file and the key, for each of the *hosts*, and the *external_url*, that is no address."""
    checks = [(outside, text) for text in hosts]
    for check, text in [*checks, *([] if external_url is None else [(external, external_url)])]:
        try:
            check(text)
        except ConfigError as error:
            yield f"{config_file}: {error}"
