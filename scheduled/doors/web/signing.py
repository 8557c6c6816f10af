"""The way in for people: the token is pasted once, a cookie remembers."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduled.doors.web.answers import RefusedError
from scheduled.doors.web.here import form, go
from scheduled.doors.web.paper import page
from scheduled.doors.web.security import COOKIE, Guard


def routes(guard: Guard) -> Iterator[Route]:
    """Yield the routes of those who are not in yet, and of those who leave."""

    async def login(request: Request) -> Response:
        given = await form(request)
        if not guard.lets_in(request, given.get("token", "").strip()):
            raise RefusedError(401, "that is not the token")
        return guard.signed_in("/")

    yield Route("/login", lambda request: page(request, "login.html"))
    yield Route("/login", login, methods=["POST"])
    yield Route("/logout", _logout, methods=["POST"])


async def _logout(_: Request) -> Response:
    answer = go("/login")
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer
