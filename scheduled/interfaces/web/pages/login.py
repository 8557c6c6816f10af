"""The sign-in page: the user pastes the token, and the browser gets a session cookie."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduled.interfaces.web.pages.templating import page
from scheduled.interfaces.web.request import form, redirect
from scheduled.interfaces.web.responses import RefusedError
from scheduled.interfaces.web.security import COOKIE, Guard


def routes(guard: Guard) -> Iterator[Route]:
    """Yield the routes to sign in and to sign out."""

    async def login(request: Request) -> Response:
        given = await form(request)
        if not guard.accepts_token(request, given.get("token", "").strip()):
            raise RefusedError(401, "the token is wrong")
        return guard.signed_in(request, "/")

    yield Route("/login", lambda request: page(request, "login.html"))
    yield Route("/login", login, methods=["POST"])
    yield Route("/logout", _logout, methods=["POST"])


async def _logout(_: Request) -> Response:
    answer = redirect("/login")
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer
