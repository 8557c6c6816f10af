"""Send notices through apprise, to mail servers, chat services and many more.

apprise is imported in a child process, which is killed after the timeout of the channel: a name server that does not answer
delays a tick no longer.
"""

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import scheduled
from scheduled.core.channels import TIMEOUT, URL, Channel, secrets_of_url
from scheduled.installation import command_for
from scheduled.masking import LEAST, Mask, in_all_forms
from scheduled.notify.adapter import Adapter, Call, call
from scheduled.notify.routes.base import ChannelError, Message, RouteSettings
from scheduled.printable import printable

MODULE = "scheduled.notify.routes.apprise_call"
GOOD = ("recovery", "job_completed")  # kinds of notices
TYPES = {"low": "info", "normal": "warning", "high": "failure", "critical": "failure"}


def send(channel: Channel, message: Message, settings: RouteSettings) -> None:
    """Send *message* to the URL of *channel*. Raise ChannelError with the reason that apprise logs."""
    if find_spec("apprise") is None:
        raise ChannelError(f"apprise is not installed; run {command_for('notify')}")
    url = _url(channel, settings)
    kind = "success" if message.notice.kind in GOOD else TYPES[message.notice.priority]
    keywords = {"url": url, "title": message.subject, "body": message.body, "kind": kind}
    answers = call(
        _adapter(channel.timeout, settings.environment()), f"{MODULE}:send", [Call(keywords=keywords)]
    )
    reason = answers.error or answers.given[0].error or answers.given[0].value
    if reason != "":
        secrets = [part for part in secrets_of_url(url) if len(part) >= LEAST]
        raise ChannelError(printable(Mask(in_all_forms(secrets)).text(str(reason))))


def _url(channel: Channel, settings: RouteSettings) -> str:
    """Return the URL of *channel*. Raise ScheduledError if its source does not give one."""
    if not channel.source:
        return channel.url
    url = settings.secret(channel.source).strip()
    if not URL.fullmatch(url):
        raise ChannelError(
            f"{channel.source}: its content is not one URL such as ntfys://ntfy.sh/topic; correct it"
        )
    return url


def not_understood(urls: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """Return the names of those of *urls* that apprise does not understand. If it can't be asked, none are named."""
    calls = [Call(keywords={"url": url}) for url in urls.values()]
    answers = call(_adapter(TIMEOUT, environment), f"{MODULE}:understands", calls)
    return [name for name, answer in zip(urls, answers.given, strict=False) if answer.value is False]


def _adapter(timeout: int, environment: Mapping[str, str]) -> Adapter:
    package = Path(scheduled.__file__).parent
    installed = package.parent.name in ("site-packages", "dist-packages")
    return Adapter(
        python=sys.executable,
        timeout=timeout,
        workspace=None if installed else package.parent,
        environment=environment,
    )
