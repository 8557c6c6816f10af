"""Recognise why a job failed from the end of its output, for `retry_on`."""

import re
from typing import Literal

FailureClass = Literal["auth", "network"]

# What common programs print (curl, ssh, git, Python, systemd's resolver): in lower case, the first match decides.
PATTERNS: tuple[tuple[FailureClass, re.Pattern[str]], ...] = (
    (
        "auth",
        re.compile(
            r"\b(401|403)\b.{0,40}(unauthorized|forbidden|client error)|unauthorized|authentication (failed|required)|"
            r"not logged in|(token|credentials?|session|certificate)( has| have| is| are)? expired|"
            r"invalid (credentials|token|api key)|permission denied \(publickey|login required"
        ),
    ),
    (
        "network",
        re.compile(
            r"could not resolve|couldn't resolve|name or service not known|temporary failure in name resolution|"
            r"connection (refused|reset|timed out|aborted|closed by remote)|network is (unreachable|down)|"
            r"no route to host|failed to connect|getaddrinfo|\b(502|503|504)\b.{0,40}(gateway|unavailable|server error)"
        ),
    ),
)


def failure_class(output: str) -> FailureClass | None:
    """Return the class of a failure, given the end of the job's output; None if it is not recognised."""
    text = output.lower()
    return next((name for name, pattern in PATTERNS if pattern.search(text)), None)
