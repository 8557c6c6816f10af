"""The function that `apprise_url` calls in a child process."""

import logging
import re

LONGEST = 400  # characters of a reason, all of them ASCII: `adapter_call` passes on 500 bytes
LONGEST_CAUSE = 150
CAUSE = re.compile(r"(?:\[Errno -?\d+\] |\b)((?<=\] )[^\"'()]+|timed out)")
EXCEPTION = "Exception: "  # how apprise begins the text of an exception, which it logs for developers only


class Reasons(logging.Handler):
    """Collects the messages of apprise about what went wrong."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep warnings, errors and the text of an exception."""
        text = record.getMessage()
        if record.levelno >= logging.WARNING or EXCEPTION in text:
            self.texts.append(_cause(text) if EXCEPTION in text else " ".join(text.split()))


def send(url: str, title: str, body: str, kind: str) -> str:
    """Send a notice; return "" or the reason why it was not sent: apprise returns False, and only logs the reason."""
    import apprise

    reasons, logger = Reasons(), logging.getLogger("apprise")
    logger.addHandler(reasons)
    logger.setLevel(logging.DEBUG)
    service = apprise.Apprise()
    if not service.add(url):
        return _joined(["apprise does not understand the URL", *reasons.texts])
    sent = service.notify(body=body, title=title, notify_type=apprise.NotifyType(kind), body_format="text")
    return "" if sent else _joined(reasons.texts or ["apprise gave no reason"])


def understands(url: str) -> bool:
    """Return whether apprise knows the service of *url*, and has all that it needs of it."""
    import apprise

    return bool(apprise.Apprise().add(url))


def _cause(text: str) -> str:
    """Return what the text of an exception is about: the system's words for its error, or its end."""
    known = CAUSE.search(text)
    return known[1] if known is not None else " ".join(text.rpartition(EXCEPTION)[2].split())[-LONGEST_CAUSE:]


def _joined(texts: list[str]) -> str:
    return "; ".join(dict.fromkeys(texts)).encode("ascii", "backslashreplace").decode()[:LONGEST]
