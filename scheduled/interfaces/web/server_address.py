"""The addresses at which the server is reached: its own, and those outside of a proxy (`[web] hosts`)."""

import ipaddress
import re

import msgspec

from scheduled.errors import ConfigError
from scheduled.interfaces.web.rate_limit import Limits
from scheduled.interfaces.web.tokens import Key

# Only a name and a port: anything after them would become part of the request's URL.
HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
OUTSIDE = re.compile(rf"(?:(?P<scheme>https?)://)?{HOST.pattern}/?")
PORTS = {"http": 80, "https": 443}  # which browsers leave out of the Host and Origin headers


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
    """Return the address that an entry of `[web] hosts` names. Raise ConfigError if it names none."""
    parts = OUTSIDE.fullmatch(text.strip().lower())
    if parts is None:
        raise ConfigError(
            f"[web] hosts: {text!r} is not the address of a host; write for example "
            '"box.lan" or "https://jobs.example.org:8443"'
        )
    port = None if parts["port"] is None else int(parts["port"])
    return Outside(parts["name"].strip("[]"), parts["scheme"] or "", port)


class ServerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """The server's *port* and own host *names*, and the addresses *outside* of a proxy.

    *secure* means that the server itself uses TLS, *exposed* that it listens not only on loopback.
    """

    key: Key
    port: int
    names: frozenset[str] = frozenset(("127.0.0.1", "localhost", "::1"))
    outside: tuple[Outside, ...] = ()
    secure: bool = False
    exposed: bool = False
    limits: Limits = Limits()

    @property
    def scheme(self) -> str:
        """The scheme of the server's own URLs."""
        return "https" if self.secure else "http"

    def accepts(self, host: str) -> bool:
        """Return whether a Host header names this server."""
        return bool(self.origins(host))

    def origins(self, host: str) -> frozenset[str]:
        """Return the origins that pages of this server have at the Host header *host*; none if it names another server."""
        host = host.lower()
        parts = HOST.fullmatch(host)
        if parts is None:
            return frozenset()
        name, port = parts["name"].strip("[]"), None if parts["port"] is None else int(parts["port"])
        own = name in self.names or (self.exposed and _is_address(name))
        found = {f"{self.scheme}://{host}"} if own and (port or PORTS[self.scheme]) == self.port else set()
        return frozenset(found.union(*(one.origins(name, port, host) for one in self.outside)))

    def is_secure(self, host: str, forwarded: str) -> bool:
        """Return whether the browser uses TLS; *forwarded* is the scheme that a proxy gives in `X-Forwarded-Proto`.

        It counts for a host without a configured scheme.
        """
        schemes = {origin.partition(":")[0] for origin in self.origins(host)}
        return schemes == {"https"} or ("https" in schemes and forwarded.strip().lower() == "https")


def _is_address(name: str) -> bool:
    """Return whether *name* is an IP address. An exposed server accepts any: DNS rebinding needs a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
