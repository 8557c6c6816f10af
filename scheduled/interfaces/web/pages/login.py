"""The way in for people: the token is pasted once, a cookie remembers."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduled.interfaces.web.pages.templating import page
from scheduled.interfaces.web.request import form, go
from scheduled.interfaces.web.responses import RefusedError
from scheduled.interfaces.web.security import COOKIE, Guard


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
