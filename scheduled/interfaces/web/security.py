"""The checks before every request: the Host header, the rate, the origin and the credentials.

The order matters. A request for another host is refused first (DNS rebinding). Then the rate: the owner's, for requests
with the token or the cookie that come from no page of another site, otherwise that of strangers. To sign in has no rate:
only wrong tokens and codes are counted, after they were compared, so that strangers can't keep the right one out. A write from a page of
another site is refused with every cookie (CSRF). Everything after that needs the token or the cookie.
"""

import logging
import re
from collections.abc import Callable, Collection, Iterable
from urllib.parse import quote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduled.errors import ScheduledError
from scheduled.interfaces.web.rate_limit import Buckets, Rates
from scheduled.interfaces.web.request import number
from scheduled.interfaces.web.responses import RefusedError, refused
from scheduled.interfaces.web.server_address import ServerAddress
from scheduled.interfaces.web.tokens import Key

log = logging.getLogger(__name__)

COOKIE = "scheduled-session"
READS = ("GET", "HEAD")
NO_KEY = "the server cannot read its token; the output of `scheduled web` gives the reason"
OTHER_HOST = "the Host header does not name this server; use the address that `scheduled web` printed, or add the host to `[web] hosts` and start the server again"
USED = "the address has been used already, or is too old; `scheduled web --url` prints a new one"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="scheduled"'}
NO_ORIGIN = "a change needs an Origin header, or the token in an Authorization header"
MAX_BODY = 64 * 1024  # bytes; a job's definition is about a hundredth of that
DIGITS = re.compile(r"[0-9]+")
PUBLIC = ("/static/", "/login")  # paths without secrets and without effects
SIGNED = "/answer/"  # paths that check the signature in their address instead of a credential
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


class Guard:
    """The middleware that checks every request before the application.

    *now* is a monotonic clock. *active* gets +1 when a request with valid credentials starts and -1 when it ends. *key* is
    called for every request, so that a running server refuses the old token as soon as a new one is written. *redeem* uses
    up the one-time code of an address, and returns whether it was valid.
    """

    def __init__(
        self,
        app: ASGIApp,
        address: ServerAddress,
        now: Callable[[], float],
        active: Callable[[Scope, int], None],
        key: Callable[[], Key],
        redeem: Callable[[str], bool],
    ) -> None:
        self.app, self.address, self.now, self.active = app, address, now, active
        self.key, self.redeem = key, redeem
        # Requests that are not the owner's never use up the owner's rate.
        self.owners, self.strangers = Rates(address.limits), Rates(address.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refused request; pass an accepted one to the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        scope["exposed"] = self.address.exposed and not self.address.secure
        try:
            signed_in = self._check(request)
            answer: ASGIApp = self._with_code(request, signed_in=signed_in) or self.app
        except RefusedError as refusal:
            await refused(request, refusal)(scope, receive, _with_headers(send, scope))
            return
        active = self.active if signed_in else _ignore
        active(scope, +1)
        try:
            await answer(scope, receive, _with_headers(send, scope))
        finally:
            active(scope, -1)

    def _check(self, request: Request) -> bool:
        """Raise RefusedError unless the request passes every check; return whether it has valid credentials."""
        hosts = request.headers.getlist("host")
        origins = self.address.origins(hosts[0]) if len(hosts) == 1 else frozenset()
        if not origins:
            raise RefusedError(421, OTHER_HOST)
        valid = {kind for kind, value in _credentials(request) if self._is_valid(kind, value)}
        own = bool(valid) and not _is_foreign(request, origins)
        if valid or not _signs_in(request):
            self._limit(self.owners if own else self.strangers, request)
        if request.method not in READS:
            _check_origin(request, origins)
            _check_size(request)
        if not request.scope["path"].startswith((*PUBLIC, SIGNED)) and _code(request) is None:
            self._check_key(request, valid)
        return bool(valid)

    def _limit(self, rates: Rates, request: Request) -> None:
        peer = "" if rates is self.owners else _peer(request)
        _take(rates.reads if request.method in READS else rates.writes, peer, self.now())

    def _check_key(self, request: Request, valid: Collection[str]) -> None:
        if not valid:
            if any(_credentials(request)):
                self._count_wrong(request)
            raise RefusedError(401, "the token is missing or wrong", CHALLENGE)
        if request.method not in READS and _has_no_origin(request) and "bearer" not in valid:
            # A wrong Authorization header passes `_check_origin`, and must not let a cookie without an origin through.
            raise RefusedError(403, NO_ORIGIN)

    def _count_wrong(self, request: Request) -> None:
        """Raise RefusedError if wrong tokens and codes come too often from one peer. The right ones are not counted."""
        _take(self.strangers.wrong_keys, _peer(request), self.now())

    def _current_key(self) -> Key:
        try:
            return self.key()
        except ScheduledError as error:
            log.warning("%s", error)
            raise RefusedError(503, NO_KEY) from None

    def _is_valid(self, kind: str, value: str) -> bool:
        key = self._current_key()
        return key.is_session(value) if kind == "cookie" else key.is_token(value)

    def _with_code(self, request: Request, *, signed_in: bool) -> Response | None:
        """Return a redirect that exchanges the one-time code in the URL for a cookie; None without one.

        The browser's history keeps the URL, so a code is used up also if the browser is signed in already.
        """
        code = _code(request)
        if code is None:
            return None
        self._current_key()
        if not self.redeem(code) and not signed_in:
            self._count_wrong(request)
            raise RefusedError(401, USED, CHALLENGE)
        rest = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
        # Exactly one slash: "//elsewhere" would be another host.
        path = "/" + quote(request.scope["path"].lstrip("/"))
        return self.signed_in(request, f"{path}?{urlencode(rest)}" if rest else path)

    def accepts_token(self, request: Request, token: str) -> bool:
        """Return whether *token*, typed by the user, is right. Raise RefusedError if wrong ones come too often."""
        if self._current_key().is_token(token) or self.redeem(token):
            return True
        self._count_wrong(request)
        return False

    def signed_in(self, request: Request, path: str) -> Response:
        """Return a redirect to *path* that sets the session cookie."""
        forwarded = request.headers.get("x-forwarded-proto", "")
        secure = self.address.is_secure(request.headers["host"], forwarded)
        answer = RedirectResponse(path, status_code=303)
        answer.set_cookie(
            COOKIE, self._current_key().session, httponly=True, samesite="strict", secure=secure
        )
        return answer


def _ignore(_: Scope, __: int) -> None:
    """Do not count a request without valid credentials."""


def _take(buckets: Buckets, peer: str, now: float) -> None:
    wait = buckets.take(peer, now)
    if wait:
        raise RefusedError(429, "too many requests", {"Retry-After": str(int(wait) + 1)})


def _check_origin(request: Request, own: Collection[str]) -> None:
    """Raise RefusedError unless a write comes from a page at one of *own* origins, or from a program with a token."""
    if _is_foreign(request, own):
        raise RefusedError(403, "the request comes from a page of another site")
    if _has_no_origin(request) and _bearer(request) is None:
        raise RefusedError(403, NO_ORIGIN)


def _is_foreign(request: Request, own: Collection[str]) -> bool:
    """Return whether a page of another site makes the request. For a read, "none" means that the user typed the address."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    expected = (None, "same-origin", "none") if request.method in READS else (None, "same-origin")
    return (origin is not None and origin.lower() not in own) or site not in expected


def _code(request: Request) -> str | None:
    """Return the one-time code in the URL. Only GET uses it up: programs that preview links send HEAD."""
    return request.query_params.get("token") if request.method == "GET" else None


def _signs_in(request: Request) -> bool:
    """Return whether the request brings a token or a code, which is compared before it is counted."""
    return _code(request) is not None or (request.method == "POST" and request.scope["path"] == "/login")


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
