"""Send a heartbeat over HTTP. Only the process that sends one imports this; no message has the address, which is a secret."""

import http.client
import ssl
import time
import urllib.error
import urllib.request
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from scheduled.core.pings import Signal, address

PAUSE = 0.3  # seconds before the second try; the third comes after twice as long
TRIES = 3
TOO_MANY, OF_SERVER = 429, 500


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would make a GET of the request, and might send it to another server."""

    def redirect_request(self, *args: Any, **named: Any) -> None:
        """Return None: the redirect becomes an error."""


def send(
    url: str, signal: Signal, exit_code: int | None, name: str, body: bytes, within: float
) -> str | None:
    """Send a ping about the attempt *name* to *url*; return why that failed, or None. Try again, *within* seconds."""
    target = address(url, signal, exit_code, str(uuid5(NAMESPACE_URL, f"scheduled:{name}")))
    until, problem = time.monotonic() + within, None
    for turn in range(TRIES):
        if turn:
            time.sleep(PAUSE * turn)
        problem, again = _post(target, body, until - time.monotonic())
        if problem is None or not again or until - time.monotonic() < PAUSE * (turn + 2):
            break
    return problem


def _post(target: str, body: bytes, timeout: float) -> tuple[str | None, bool]:
    """Return why the request failed, or None, and whether another try may succeed."""
    headers = {"User-Agent": "scheduled", "Content-Type": "text/plain; charset=utf-8"}
    try:
        request = urllib.request.Request(target, body, headers)  # noqa: S310 - `checked` allows http and https alone
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=max(0.1, timeout)) as answer:
            answer.read(1024)
    except urllib.error.HTTPError as error:
        error.close()
        return _of_answer(error.code), error.code == TOO_MANY or error.code >= OF_SERVER
    except (http.client.InvalidURL, ValueError):
        return "the address is not valid", False
    except urllib.error.URLError as error:
        return _in_words(error.reason), not isinstance(error.reason, ssl.SSLCertVerificationError)
    except (OSError, http.client.HTTPException) as error:
        return _in_words(error), True
    return None, False


def _of_answer(code: int) -> str:
    reason = http.client.responses.get(code, "")
    return f"the server answered {code} {reason}".rstrip()


def _in_words(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of the server is not valid: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__ if isinstance(error, Exception) else "the server can't be reached"
