"""Call an object of another program, such as the `Trigger` of a workspace, in a child process with a timeout.

Its code runs in an interpreter of its own choice and may print, hang, raise or crash: the tick goes on. The child leads a
process group of its own, which is killed when the child ends, at the latest after the timeout.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import msgspec

from scheduled.masking import Mask, secrets_of

CALL = os.path.join(os.path.dirname(__file__), "adapter_call.py")
MARGIN = 5  # seconds after the timeout at which the child ends itself, if the tick was killed
PAUSE = 0.05  # seconds between two checks whether the child has ended


class Adapter(msgspec.Struct, frozen=True, kw_only=True):
    """How objects of other programs are called.

    *python* is the interpreter, *timeout* is in seconds. *workspace* is the working directory, and the first directory
    in which modules are found. *environment* is that of the jobs.
    """

    python: str
    timeout: int
    workspace: Path | None
    environment: Mapping[str, str]

    @property
    def directory(self) -> str:
        """The working directory of the child: the workspace, or that of a job without `cwd`."""
        return str(self.workspace or self.environment.get("HOME", "/"))


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the object, or of its *method*, with JSON values. Of *optional* it gets the keywords that it accepts."""

    args: Sequence[Any] = ()
    keywords: Mapping[str, Any] = {}
    optional: Mapping[str, Any] = {}
    method: str = ""


class Answer(msgspec.Struct, frozen=True):
    """The *value* that a call returned (None if it is no short JSON value), or the *error* that it raised."""

    value: Any = None
    error: str = ""


class Answers(msgspec.Struct, frozen=True):
    """The answers to the first calls, and the *error* of the child: why it answered no more, or did not end.

    A call without an answer may have done its work or not.
    """

    given: list[Answer]
    error: str = ""


def call(
    adapter: Adapter,
    target: str,
    calls: Sequence[Call],
    while_killing: Callable[[], AbstractContextManager[object]] = nullcontext,
    inherited: Sequence[int] = (),
) -> Answers:
    """Call *target* (`module:object`) once for each of *calls*, in one child, and return the answers. Never raise.

    After the timeout the child is killed inside of the context *while_killing*, which may raise. The child keeps the
    descriptors *inherited* open.
    """
    order = {"target": target, "calls": calls}
    given, error = _ask(adapter, order, while_killing, inherited)
    if given and given[0].error:
        return Answers([], given[0].error)
    if not error and len(given) <= len(calls):  # the first answer is about the import
        error = "its process ended before the end of the call"
    # A child that does not end after its last call is an error as well: each tick would wait for it.
    return Answers(given[1:], error)


def not_found(adapter: Adapter, modules: Sequence[str]) -> tuple[list[str], str]:
    """Return those of *modules* that the interpreter does not find, and the reason if it could not be asked.

    No module is imported.
    """
    given, error = _ask(adapter, {"find": modules}, nullcontext, ())
    return [name for name, answer in zip(modules, given, strict=False) if not answer.value], error


def _ask(
    adapter: Adapter,
    order: Mapping[str, Any],
    while_killing: Callable[[], AbstractContextManager[object]],
    inherited: Sequence[int],
) -> tuple[list[Answer], str]:
    """Return the answers to *order*, and the reason if the child did not start, or did not end without an error."""
    paths = [str(adapter.workspace)] if adapter.workspace else []
    document = {**order, "paths": paths, "lifetime": adapter.timeout + MARGIN}
    answers = os.memfd_create("answers")
    try:
        child = _start(adapter, msgspec.json.encode(document), answers, inherited)
        error = _end(child, adapter.timeout, while_killing)
        given = _read(answers, Mask(secrets_of(adapter.environment, {})))
    except OSError as error:
        return [], f"{error.filename or adapter.python}: {error.strerror}"
    except (TypeError, ValueError) as error:  # a text that is not UTF-8, or has a NUL character
        return [], f"cannot be called: {error}"
    finally:
        os.close(answers)
    return given, error


def _read(answers: int, mask: Mask) -> list[Answer]:
    """Return the complete answers in the file *answers*, with secrets masked."""
    lines = os.pread(answers, os.fstat(answers).st_size, 0).splitlines(keepends=True)
    given = [msgspec.json.decode(line, type=Answer) for line in lines if line.endswith(b"\n")]
    return [Answer(answer.value, mask.text(answer.error)) for answer in given]


def _start(adapter: Adapter, document: bytes, answers: int, inherited: Sequence[int]) -> "Popen[bytes]":
    order = os.memfd_create("order")  # not a pipe: to fill one would wait for the child
    try:
        os.pwrite(order, document, 0)
        return Popen(
            [adapter.python, CALL, str(answers)],
            stdin=order,
            stdout=DEVNULL,
            stderr=DEVNULL,
            pass_fds=(answers, *inherited),
            cwd=adapter.directory,
            env=adapter.environment,
            start_new_session=True,
        )
    finally:
        os.close(order)


def _end(
    child: "Popen[bytes]", timeout: float, while_killing: Callable[[], AbstractContextManager[object]]
) -> str:
    """Wait for the end of *child*, kill its group, and return the reason if it did not end by itself."""
    try:
        if _has_ended(child, timeout):
            _kill(child)
            return _exit(child.returncode)
        with suppress(Exception), while_killing():  # rather without the lock than not at all
            _kill(child)
    finally:  # also after an interrupt from the keyboard
        _kill(child)
    return f"no end within {timeout:.0f} s; its process was killed"


def _exit(code: int) -> str:
    if code < 0:
        return f"its process was killed by signal {-code}"
    return f"its process ended with exit code {code}" if code else ""


def _has_ended(child: "Popen[bytes]", timeout: float) -> bool:
    """Wait until *child* ends, for at most *timeout* seconds. It stays a zombie, so that its id is not given away."""
    deadline, pause = time.monotonic() + timeout, 0.002
    while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 2, PAUSE)
    return True


def _kill(child: "Popen[bytes]") -> None:
    """Kill the group of *child*, also processes that it left there, and reap it."""
    if child.returncode is None:
        with suppress(PermissionError):  # a set-user-id program
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
