"""Pass notices to a command: the text on its standard input, its parts in the environment."""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from subprocess import Popen, TimeoutExpired

from scheduled.core.channels import Channel
from scheduled.masking import Mask, secrets_of
from scheduled.notify.routes.base import ChannelError, Message, RouteSettings
from scheduled.printable import printable

REMARK = 300  # bytes of the end of an output that a message has
PREFIX = "SCHEDULED_NOTICE_"


def send(channel: Channel, message: Message, settings: RouteSettings) -> None:
    """Run the command of *channel*. Raise ChannelError unless it ends with 0 in time."""
    environment = settings.environment()
    words = list(channel.words) or ["/bin/sh", "-c", channel.line]
    text, output = os.memfd_create("notice"), os.memfd_create("output")
    try:
        os.pwrite(text, f"{message.subject}\n\n{message.body}\n".encode(), 0)
        problem = _run(words, text, output, {**environment, **_variables(message)}, channel.timeout)
        size = os.fstat(output).st_size
        printed = os.pread(output, REMARK, max(0, size - REMARK)).decode(errors="replace")
    finally:
        os.close(text)
        os.close(output)
    if problem:
        remark = Mask(secrets_of(environment, {})).text("; ".join(filter(None, printed.splitlines())))
        raise ChannelError(
            printable(f"its command {problem}: {remark}" if remark else f"its command {problem}")
        )


def _variables(message: Message) -> dict[str, str]:
    notice = message.notice
    values = {
        "id": message.id, "subject": message.subject, "recipient": notice.recipient, "priority": notice.priority,
        "kind": notice.kind, "verdict": notice.verdict, "job": notice.job, "target": notice.target, "link": notice.link,
    }  # fmt: skip
    return {PREFIX + name.upper(): value for name, value in values.items()}


def _run(words: list[str], text: int, output: int, environment: Mapping[str, str], timeout: float) -> str:
    """Run a command in a process group of its own, which is killed in the end; return what went wrong."""
    try:
        process = Popen(
            words,
            stdin=text,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=environment.get("HOME", "/"),
            start_new_session=True,
        )
    except OSError as error:
        return f"cannot be started: {error.filename or words[0]}: {error.strerror}"
    try:
        code = process.wait(timeout)
    except TimeoutExpired:
        return f"did not end within {timeout:.0f} s, and was killed"
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if code < 0:
        return f"was killed by signal {-code}"
    return f"ended with exit code {code}" if code else ""
