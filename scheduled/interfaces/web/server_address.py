"""The addresses at which the server is reached: its own, and those outside of a proxy (`[web] hosts`)."""

import ipaddress

import msgspec

from scheduled.config.web_hosts import HOST, PORTS, Outside
from scheduled.interfaces.web.rate_limit import Limits
from scheduled.interfaces.web.tokens import Key


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
