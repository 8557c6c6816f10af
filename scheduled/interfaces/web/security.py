"""The checks before every request: the Host header, the rate, the origin and the credentials.

The order matters. A request for another host is refused first (DNS rebinding). A write from a page of another site is
refused before its cookie is read (CSRF). Everything after that needs the token or the cookie.
"""

import ipaddress
import logging
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, urlencode

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduled.errors import ScheduledError
from scheduled.interfaces.web.rate_limit import Buckets, Limits
from scheduled.interfaces.web.request import number
from scheduled.interfaces.web.responses import RefusedError, refused
from scheduled.interfaces.web.tokens import Key

log = logging.getLogger(__name__)

COOKIE = "scheduled-session"
READS = ("GET", "HEAD")
NO_KEY = "the server cannot read its token; the output of `scheduled web` gives the reason"
NO_ORIGIN = "a change needs an Origin header, or the token in an Authorization header"
MAX_BODY = 64 * 1024  # bytes; a job's definition is about a hundredth of that
# Only a name and a port: anything after them would become part of the request's URL.
HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
DIGITS = re.compile(r"[0-9]+")
PUBLIC = ("/static/", "/login")  # paths without secrets and without effects
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With `no-referrer` browsers would send "Origin: null" with the forms of this interface.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class ServerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """The server's *port* and accepted host *names*; *secure* means TLS, *exposed* means not only on loopback."""

    key: Key
    port: int
    names: frozenset[str] = frozenset(("127.0.0.1", "localhost", "::1"))
    secure: bool = False
    exposed: bool = False
    limits: Limits = Limits()

    @property
    def scheme(self) -> str:
        """The scheme of the server's URLs."""
        return "https" if self.secure else "http"

    def accepts(self, host: str) -> bool:
        """Return whether a Host header names this server."""
        parts = HOST.fullmatch(host.lower())
        if parts is None or int(parts["port"] or (443 if self.secure else 80)) != self.port:
            return False
        name = parts["name"].strip("[]")
        return name in self.names or (self.exposed and _is_address(name))


def _is_address(name: str) -> bool:
    """Return whether *name* is an IP address. An exposed server accepts any: DNS rebinding needs a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """The middleware that checks every request before the application.

    *now* is a monotonic clock. *active* gets +1 when an accepted request starts and -1 when it ends. *key* is called for
    every request, so that a running server refuses the old token as soon as a new one is written.
    """

    def __init__(
        self,
        app: ASGIApp,
        address: ServerAddress,
        now: Callable[[], float],
        active: Callable[[Scope, int], None],
        key: Callable[[], Key],
    ) -> None:
        self.app, self.address, self.now, self.active, self.key = app, address, now, active, key
        limits = address.limits
        self.reads, self.writes = Buckets(limits.reads), Buckets(limits.writes)
        self.wrong_keys = Buckets(limits.wrong_keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refused request; pass an accepted one to the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        scope["exposed"] = self.address.exposed and not self.address.secure
        try:
            self._check(request)
            answer: ASGIApp = self._with_token(request) or self.app
        except RefusedError as refusal:
            await refused(request, refusal)(scope, receive, _with_headers(send, scope))
            return
        self.active(scope, +1)
        try:
            await answer(scope, receive, _with_headers(send, scope))
        finally:
            self.active(scope, -1)

    def _check(self, request: Request) -> None:
        """Raise RefusedError unless the request passes every check."""
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not self.address.accepts(hosts[0]):
            raise RefusedError(
                421, "the Host header does not name this server; use the address that `scheduled web` printed"
            )
        self._limit(self.reads if request.method in READS else self.writes, request)
        if request.method not in READS:
            self._check_origin(request, hosts[0])
            _check_size(request)
        if not request.scope["path"].startswith(PUBLIC):
            self._check_key(request)

    def _limit(self, buckets: Buckets, request: Request) -> None:
        wait = buckets.take(_peer(request), self.now())
        if wait:
            raise RefusedError(429, "too many requests", {"Retry-After": str(int(wait) + 1)})

    def _check_origin(self, request: Request, host: str) -> None:
        """Raise RefusedError unless a write comes from a page of this interface, or from a program with the token."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        own = f"{self.address.scheme}://{host}".lower()
        if (origin is not None and origin.lower() != own) or site not in (None, "same-origin"):
            raise RefusedError(403, "the request comes from a page of another site")
        if _has_no_origin(request) and _bearer(request) is None:
            raise RefusedError(403, NO_ORIGIN)

    def _check_key(self, request: Request) -> None:
        given = list(_credentials(request))
        valid = {kind for kind, value in given if self._is_valid(kind, value)}
        if given and not valid:
            self._limit(self.wrong_keys, request)
        if not valid:
            raise RefusedError(
                401, "the token is missing or wrong", {"WWW-Authenticate": 'Bearer realm="scheduled"'}
            )
        if request.method not in READS and _has_no_origin(request) and "bearer" not in valid:
            # A wrong Authorization header passes `_check_origin`, and must not let a cookie without an origin through.
            raise RefusedError(403, NO_ORIGIN)

    def _current_key(self) -> Key:
        try:
            return self.key()
        except ScheduledError as error:
            log.warning("%s", error)
            raise RefusedError(503, NO_KEY) from None

    def _is_valid(self, kind: str, value: str) -> bool:
        key = self._current_key()
        return key.is_session(value) if kind == "cookie" else key.is_token(value)

    def _with_token(self, request: Request) -> Response | None:
        """Return a redirect that moves a valid token from the URL (and so the history) to a cookie; None without one."""
        if "token" not in request.query_params or request.method not in READS:
            return None
        if not self._current_key().is_token(request.query_params["token"]):
            return None
        rest = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
        # Exactly one slash: "//elsewhere" would be another host.
        path = "/" + quote(request.scope["path"].lstrip("/"))
        return self.signed_in(f"{path}?{urlencode(rest)}" if rest else path)

    def accepts_token(self, request: Request, token: str) -> bool:
        """Return whether *token*, typed by the user, is right. Raise RefusedError if wrong ones come too often."""
        if self._current_key().is_token(token):
            return True
        self._limit(self.wrong_keys, request)
        return False

    def signed_in(self, path: str) -> Response:
        """Return a redirect to *path* that sets the session cookie."""
        answer = RedirectResponse(path, status_code=303)
        answer.set_cookie(
            COOKIE, self._current_key().session, httponly=True, samesite="strict", secure=self.address.secure
        )
        return answer


def _has_no_origin(request: Request) -> bool:
    """Return whether no header names the page that made the request."""
    return "origin" not in request.headers and "sec-fetch-site" not in request.headers


def _bearer(request: Request) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def _credentials(request: Request) -> Iterable[tuple[str, str]]:
    """Yield the kind and the value of every credential in a request."""
    bearer = _bearer(request)
    if bearer is not None:
        yield "bearer", bearer
    if COOKIE in request.cookies:
        yield "cookie", request.cookies[COOKIE]
    if request.method in READS and "token" in request.query_params:
        yield "token", request.query_params["token"]


def _check_size(request: Request) -> None:
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not DIGITS.fullmatch(length):
        raise RefusedError(411, "Content-Length: missing, or not a number")
    size = number(length.lstrip("0") or "0")
    if size is None or size > MAX_BODY:
        raise RefusedError(413, f"body: larger than {MAX_BODY} bytes")


def _peer(request: Request) -> str:
    return request.client.host if request.client else ""


def _with_headers(send: Send, scope: Scope) -> Send:
    """Return *send* with the security headers added to every response."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if not str(scope["path"]).startswith("/static/"):
                headers["Cache-Control"] = "no-store"
        await send(message)

    return sending
