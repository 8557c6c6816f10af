"""What stands before every page and every answer: who is addressed, who asks, from where, how often.

The order is that of trust: a request for another host is no business of ours (DNS rebinding), one that another
site's page makes is refused before its cookie is looked at (CSRF), and what follows needs the key.
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
NO_KEY = "the token can't be read; why stands in the server's own output"
NO_ORIGIN = "a change needs an Origin header, or the token in an Authorization header"
LARGEST = 64 * 1024  # of a body: a job's definition is a hundredth of it
# A name and a port and nothing else: what follows them would become part of the address of the request.
HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
DIGITS = re.compile(r"[0-9]+")
OPEN = ("/static/", "/login")  # what has no secrets and no effects
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # `no-referrer` would make browsers send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class ServerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server is: its *port*, the names it answers to, and whether the line is *secure* (TLS)."""

    key: Key
    port: int
    names: frozenset[str] = frozenset(("127.0.0.1", "localhost", "::1"))
    secure: bool = False
    exposed: bool = False
    limits: Limits = Limits()

    @property
    def scheme(self) -> str:
        """What addresses begin with."""
        return "https" if self.secure else "http"

    def answers_to(self, host: str) -> bool:
        """Tell whether a Host header means us."""
        parts = HOST.fullmatch(host.lower())
        if parts is None or int(parts["port"] or (443 if self.secure else 80)) != self.port:
            return False
        name = parts["name"].strip("[]")
        return name in self.names or (self.exposed and _is_address(name))


def _is_address(name: str) -> bool:
    """Tell whether a name is a number: nobody's DNS can rebind that, and it is ours, or it would not reach us."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """The middleware; *now* is a monotonic clock, *active* hears of every request that is let in.

    *key* is asked with every request, so that a new token locks the old one out of a server that runs.
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
        """Answer, or let the application answer."""
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
        """Raise RefusedError unless everything about the request is as it should be."""
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not self.address.answers_to(hosts[0]):
            raise RefusedError(
                421, "this interface does not answer to that name; use the address that it printed"
            )
        self._not_too_often(self.reads if request.method in READS else self.writes, request)
        if request.method not in READS:
            self._check_origin(request, hosts[0])
            _check_size(request)
        if not request.scope["path"].startswith(OPEN):
            self._check_key(request)

    def _not_too_often(self, buckets: Buckets, request: Request) -> None:
        wait = buckets.take(_peer(request), self.now())
        if wait:
            raise RefusedError(429, "too many requests", {"Retry-After": str(int(wait) + 1)})

    def _check_origin(self, request: Request, host: str) -> None:
        """Let in writes of our own pages, and of programs that show a token of their own; raises RefusedError."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        ours = f"{self.address.scheme}://{host}".lower()
        if (origin is not None and origin.lower() != ours) or site not in (None, "same-origin"):
            raise RefusedError(403, "this request was made by another site's page")
        if _is_from_nowhere(request) and _bearer(request) is None:
            raise RefusedError(403, NO_ORIGIN)

    def _check_key(self, request: Request) -> None:
        given = list(_given(request))
        fitting = {kind for kind, value in given if self._fits(kind, value)}
        if given and not fitting:
            self._not_too_often(self.wrong_keys, request)
        if not fitting:
            raise RefusedError(401, "the token is needed", {"WWW-Authenticate": 'Bearer realm="scheduled"'})
        if request.method not in READS and _is_from_nowhere(request) and "bearer" not in fitting:
            raise RefusedError(403, NO_ORIGIN)  # a header that proves nothing does not stand up for a cookie

    def _key_now(self) -> Key:
        try:
            return self.key()
        except ScheduledError as error:
            log.warning("%s", error)
            raise RefusedError(503, NO_KEY) from None

    def _fits(self, kind: str, value: str) -> bool:
        key = self._key_now()
        return key.is_session(value) if kind == "cookie" else key.is_token(value)

    def _with_token(self, request: Request) -> Response | None:
        """Take the token out of the address: into a cookie, and out of the history."""
        if "token" not in request.query_params or request.method not in READS:
            return None
        if not self._key_now().is_token(request.query_params["token"]):
            return None
        rest = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
        # One slash at most: "//elsewhere" would be another host.
        path = "/" + quote(request.scope["path"].lstrip("/"))
        return self.signed_in(f"{path}?{urlencode(rest)}" if rest else path)

    def lets_in(self, request: Request, token: str) -> bool:
        """Tell whether somebody types the right token; raises RefusedError where wrong ones come too often."""
        if self._key_now().is_token(token):
            return True
        self._not_too_often(self.wrong_keys, request)
        return False

    def signed_in(self, path: str) -> Response:
        """Hand the cookie over, on the way to *path*."""
        answer = RedirectResponse(path, status_code=303)
        answer.set_cookie(
            COOKIE, self._key_now().session, httponly=True, samesite="strict", secure=self.address.secure
        )
        return answer


def _is_from_nowhere(request: Request) -> bool:
    """Tell whether nothing says which page made the request."""
    return "origin" not in request.headers and "sec-fetch-site" not in request.headers


def _bearer(request: Request) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def _given(request: Request) -> Iterable[tuple[str, str]]:
    """Yield every credential that a request shows."""
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
        raise RefusedError(411, "say how long the body is")
    size = number(length.lstrip("0") or "0")
    if size is None or size > LARGEST:
        raise RefusedError(413, f"no request here needs more than {LARGEST} bytes")


def _peer(request: Request) -> str:
    return request.client.host if request.client else ""


def _with_headers(send: Send, scope: Scope) -> Send:
    """Add what every answer says to a browser."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if not str(scope["path"]).startswith("/static/"):
                headers["Cache-Control"] = "no-store"
        await send(message)

    return sending
