"""The steps of an attempt that has more than its command: `pre`, the command, the search of its output, what is expected, `post`.

Each step is a process with the same output, which holds the run's lock. They follow each other in the supervisor, so they
do not depend on the tick.
"""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from scheduled.core.runs import IN_PRE, AttemptResult
from scheduled.execution import process
from scheduled.execution.attempt import (
    Attempt,
    Step,
    ending,
    judged,
    masked,
    not_startable,
    recognised,
)
from scheduled.execution.protocol import Spec
from scheduled.execution.search import Search

if TYPE_CHECKING:
    from scheduled.execution.handler_host import HandlerHost

SEARCH_PATIENCE = 600.0  # seconds for a search, which has a limit of processor time as well
Process = tuple[int, "HandlerHost | None"]
Start = Callable[[Spec, int, int | None], Process]
"""Start what a specification executes, with its output and its standard error; return its pid and the handler process.

Raise OSError or another error if it can't be started.
"""


def begin(spec: Spec, output: int, start: Start) -> tuple[Step, Process, int | None]:
    """Start the first step of an attempt; return its name, its process and the descriptor of its standard error."""
    if spec.pre:
        return "pre", start(hook(spec, spec.pre), output, None), None
    return ("command", *_command(spec, output, start))


def following(running: Attempt, code: int, start: Start) -> Attempt | AttemptResult:
    """Given that a step has ended with *code*, start the next one and return it, or return the result of the attempt."""
    if running.step == "pre":
        return _after_pre(running, code, start)
    if running.step == "post":
        return _after_post(running, code)
    if running.step == "search":
        result = _after_search(running, code)
    elif running.step in ("fresh", "expect"):
        from scheduled.execution import expected  # few jobs have `expect`

        result = expected.after(running, code)
    else:
        result = judged(running, code)
        search, result = _checked(running, result)
        if search is not None:
            return search
    return _post_or_check(running, result, start)


def _post_or_check(running: Attempt, result: AttemptResult, start: Start) -> Attempt | AttemptResult:
    """Start the next check of what is expected, or `post`; return it, or the *result* of the attempt."""
    if running.spec.expect is not None:
        from scheduled.execution import expected

        found = expected.next_check(running, result, lambda spec: start(spec, running.output.fd, None)[0])
        if isinstance(found, Attempt):
            return found
        result = found
    return _post(running, result, start)


def _command(spec: Spec, output: int, start: Start) -> tuple[Process, int | None]:
    """Start the command; return its process, and the descriptor of its standard error if it must be known apart."""
    if spec.fails_if is None or not spec.fails_if.stderr or spec.task is not None:
        return start(spec, output, None), None
    stderr = process.second_output(output)
    try:
        return start(spec, output, stderr), stderr
    except BaseException:
        os.close(stderr)
        raise


def prepare_search(running: Attempt, start: int = 0) -> None:
    """Have the output of the command, after *start*, searched before a part of it is dropped, if that is wanted."""
    wanted = _expressions(running.spec)
    if running.step == "command" and wanted:
        running.output.search = Search(running.output.fd, wanted, start)


def _expressions(spec: Spec) -> tuple[str, ...]:
    """Return what is searched for in the output: the expression of `fails_if` first, then that of `expect`."""
    return tuple(found.output for found in (spec.fails_if, spec.expect) if found is not None and found.output)


def hook(spec: Spec, argv: tuple[str, ...], **env: str) -> Spec:
    """Return the order to execute a hook of *spec*: it reads nothing."""
    return msgspec.structs.replace(spec, argv=argv, task=None, stdin=None, env={**spec.env, **env})


def _after_pre(running: Attempt, code: int, start: Start) -> Attempt | AttemptResult:
    spec = running.spec
    if code or running.cause is not None:
        status = running.cause or ("deferred" if code == os.EX_TEMPFAIL else "failed")
        result = judged(running, code)
        return msgspec.structs.replace(
            result,
            status=status,
            reason=f"{IN_PRE}{ending(running, code)}",
            failure_class=recognised(running, status),
        )
    before = os.fstat(running.output.fd).st_size
    try:
        (pid, host), stderr = _command(spec, running.output.fd, start)
    except Exception as error:  # noqa: BLE001 - the reason is in the result
        return not_startable(spec, running.started_at, error)
    found = msgspec.structs.replace(running, step="command", pid=pid, host=host, stderr=stderr)
    prepare_search(found, before)
    return found


def _checked(running: Attempt, result: AttemptResult) -> tuple[Attempt | None, AttemptResult]:
    """Check a success by its output; return the search of the output if it is needed first, and the result so far."""
    search = running.output.search
    wrote = running.stderr is not None and os.lseek(running.stderr, 0, os.SEEK_CUR) > 0
    if running.stderr is not None:
        os.close(running.stderr)
        running.stderr = None
    if search is not None:
        search.cancel()
    if result.status != "success":
        return None, result
    if wrote:
        return None, _failed(running, result, "it wrote to standard error")
    if search is None or search.is_over:
        return None, result if search is None else _of_search(running, result, search)
    try:
        pid = search.begin_last(os.fstat(running.output.fd).st_size)
    except OSError:
        search.failed = True
        return None, _of_search(running, result, search)
    deadline = time.monotonic() + SEARCH_PATIENCE
    return following_step(running, "search", pid, result, deadline), result


def _after_search(running: Attempt, code: int) -> AttemptResult:
    search, result = running.output.search, running.so_far
    assert search is not None
    assert result is not None
    search.ended(code)
    return _of_search(running, result, search)


def _of_search(running: Attempt, result: AttemptResult, search: Search) -> AttemptResult:
    wanted = running.spec.fails_if
    expression = "" if wanted is None else wanted.output
    if expression in search.found:
        return _failed(running, result, f'its output matches "{expression}"')
    if expression and search.failed:
        return _failed(running, result, f'its output could not be searched for "{expression}" in time')
    if running.spec.expect is not None and running.spec.expect.output not in {"", *search.found}:
        from scheduled.execution import expected

        return expected.without_output(running, result)
    return result


def _failed(running: Attempt, result: AttemptResult, why: str) -> AttemptResult:
    return msgspec.structs.replace(
        result,
        status="failed",
        reason=masked(running.spec, f"exit code {result.exit_code}, but {why}"),
        failure_class=recognised(running, "failed"),
    )


def _post(running: Attempt, result: AttemptResult, start: Start) -> Attempt | AttemptResult:
    """Start the command after that of the job, if there is one, with the result of the attempt so far."""
    spec = running.spec
    if not spec.post:
        return result
    env = {"SCHEDULED_STATUS": result.status, "SCHEDULED_EXIT_CODE": str(result.exit_code)}
    running.output.search = None
    try:
        pid, _ = start(hook(spec, spec.post, **env), running.output.fd, None)
    except Exception as error:  # noqa: BLE001 - the reason is in the result
        return with_post(spec, result, not_startable(spec, running.started_at, error).reason)
    patience = spec.kill_after if result.status == "interrupted" else spec.timeout
    return following_step(running, "post", pid, result, time.monotonic() + patience)


def _after_post(running: Attempt, code: int) -> AttemptResult:
    assert running.so_far is not None
    return running.so_far if code == 0 else with_post(running.spec, running.so_far, ending(running, code))


def with_post(spec: Spec, result: AttemptResult, why: str) -> AttemptResult:
    """Return the *result* of an attempt of which `post` failed for the reason *why*: it is no success any more."""
    before = "" if result.status == "success" else result.reason  # that of another code of `success_codes`
    reason = masked(spec, "; ".join(filter(None, [before, f"post: {why}"])))
    status = "failed" if result.status == "success" else result.status
    return msgspec.structs.replace(result, status=status, reason=reason)


def following_step(running: Attempt, step: Step, pid: int, so_far: AttemptResult, deadline: float) -> Attempt:
    """Return *running* with its next *step*, in the process *pid*."""
    return msgspec.structs.replace(
        running, step=step, pid=pid, host=None, so_far=so_far, deadline=deadline, cause=None
    )
