"""The supervisor: it starts, times, kills and reaps the jobs of a tick, and may outlive the tick.

It reads orders from a pipe, appends records to the result file of the tick and notifies the tick through a
second pipe. While it is alive, it holds a lock on the result file, which it has inherited from the tick.
"""

import os
import select
import signal
import time
from collections import deque
from contextlib import suppress

from scheduled.core.runs import AttemptStatus
from scheduled.execution import process, stop_orders
from scheduled.execution.attempt import CHECKS, Attempt, closed, code_of, has_steps, is_left, result_of
from scheduled.execution.protocol import Ended, NotStarted, Spec, Started, Stop, decode_order
from scheduled.execution.result_file import ResultFile
from scheduled.execution.secret_runs import SecretRuns
from scheduled.execution.starter import Starter

CHECK_SOON, CHECK_LATER = 0.05, 0.5  # seconds between checks of the outputs; a job may write 1 GB per second
STORM = 4  # from this number of queued runs on, the load of the machine limits how many start at once
# Seconds that a record may wait, so that several share an fsync: while a job runs, and in a storm of short jobs.
SYNC_DELAY, SYNC_DELAY_IN_STORM = 0.02, 1.0


class Supervisor:
    """The jobs of one tick.

    *orders* and *notify* are the ends of the pipes from and to the tick, *results* is the open result file.
    At most *max_parallel* attempts run at a time. After *start_within* seconds only urgent ones are started.
    """

    def __init__(
        self, orders: int, notify: int, results: int, max_parallel: int, start_within: float | None = None
    ) -> None:
        self._orders: int | None = orders
        self._results = ResultFile(results, notify)
        self._running: list[Attempt] = []
        self._secrets = SecretRuns()
        self._starter = Starter(self._results.sync_now, self._running)
        self._max_parallel = max_parallel
        self._start_until = None if start_within is None else time.monotonic() + start_within
        self._queue: deque[Spec] = deque()
        self._partial = b""
        self._check_after = CHECK_SOON
        self._pressed, self._check_pressure_at = False, 0.0
        self._to_stop = False

    def serve(self) -> None:
        """Execute orders until their pipe is closed, all attempts have ended and all records are on disk."""
        wakeup, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        process.make_ready()
        while self._orders is not None or self._is_busy() or self._results.pending():
            self._wait(wakeup)
            if self._to_stop:
                self._stop()
            self._obey()
            self._reap()
            self._enforce()
            self._collect_secrets()
            self._start_queued()
            self._results.sync(within=self._sync_delay())

    def _is_busy(self) -> bool:
        return bool(self._running or self._queue or self._secrets)

    def _sync_delay(self) -> float:
        if not self._running:
            return 0.0
        return SYNC_DELAY_IN_STORM if len(self._queue) >= STORM else SYNC_DELAY

    def _on_sigterm(self, *_: object) -> None:
        """Stop in the next round: now a record may be half written, or a run taken from the queue and not started."""
        self._to_stop = True

    def _wait(self, wakeup: int) -> None:
        poll = select.poll()
        poll.register(wakeup, select.POLLIN)
        if self._orders is not None:
            poll.register(self._orders, select.POLLIN)
        for running in self._running:
            if running.host is not None and not running.host.disconnected:
                poll.register(running.host, select.POLLIN)
        self._secrets.register(poll)
        ready = {fd for fd, _ in poll.poll(self._poll_timeout())}
        if wakeup in ready:
            with suppress(BlockingIOError):
                os.read(wakeup, 4096)
        if self._orders in ready:
            self._read_orders()

    def _poll_timeout(self) -> float | None:
        """Return the milliseconds until the next timeout, output check or sync; None if there is none."""
        moments = [*(running.deadline for running in self._running), *self._secrets.moments()]
        if self._running or self._secrets:
            moments.append(time.monotonic() + (self._check_after if self._running else CHECK_LATER))
        if self._results.pending():
            moments.append(self._results.sync_at)
        return max(0.0, (min(moments) - time.monotonic()) * 1000) if moments else None

    def _read_orders(self) -> None:
        assert self._orders is not None
        data = os.read(self._orders, 1 << 20)
        if not data:
            os.close(self._orders)
            self._orders = None
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            order = decode_order(line)
            if isinstance(order, Stop):
                self._stop()
            else:
                self._queue.append(order)

    def _obey(self) -> None:
        """End the attempts that were ordered to stop; a check goes on."""
        for running in self._running:
            if stop_orders.taken(running.spec) and running.cause is None and running.step not in CHECKS:
                self._kill(running, "stopped", time.monotonic())
        for spec in self._secrets.stop(stop_orders.taken) if self._secrets else ():
            self._results.append(stop_orders.not_begun(spec))

    def _start_queued(self) -> None:
        held_back = []
        while self._queue and len(self._running) + self._secrets.places < self._max_parallel:
            spec = self._queue.popleft()
            if stop_orders.taken(spec):
                self._results.append(stop_orders.not_begun(spec))
            elif not spec.urgent and self._start_until is not None and time.monotonic() > self._start_until:
                self._record_not_started(
                    spec, "the tick's time limit (max_minutes) was reached", deferred=True
                )
            elif not spec.urgent and self._running and len(self._queue) >= STORM and self._is_pressed():
                held_back.append(spec)
                break  # checked again when an attempt ends, or with the next check of the outputs
            elif (spec.group and spec.group in self._groups()) or not self._has_begun(spec):
                held_back.append(spec)
        self._queue.extendleft(reversed(held_back))

    def _groups(self) -> list[str]:
        """Return the groups of the attempts that run, and of those that wait for their secrets."""
        return [*(running.spec.group for running in self._running), *self._secrets.groups()]

    def _has_begun(self, spec: Spec) -> bool:
        """Start *spec*, or begin to get its secrets; return False if it has to wait for that."""
        if not spec.secret_sources:
            self._start(spec)
            return True
        try:
            return self._secrets.begin(spec)
        except OSError as error:
            self._record_not_started(spec, f"its secrets can't be read: {error.strerror}")
            return True

    def _collect_secrets(self) -> None:
        """Put the attempts that have got their secrets at the head of the queue; record which do not start."""
        for found in self._secrets.collect():
            if isinstance(found, Spec):
                self._queue.appendleft(found)
            else:
                self._results.append(found)

    def _is_pressed(self) -> bool:
        now = time.monotonic()
        if now >= self._check_pressure_at:
            from scheduled.execution.pressure import pressed  # most ticks don't need it

            self._pressed, self._check_pressure_at = pressed(), now + CHECK_SOON
        return self._pressed

    def _start(self, spec: Spec) -> None:
        found = self._starter.start(spec)
        if not isinstance(found, Attempt):
            self._results.append(found)
            return
        self._running.append(found)
        self._check_after = CHECK_SOON
        self._record_started(found)

    def _record_started(self, running: Attempt, *, follows: bool = False) -> None:
        self._results.append(
            Started(
                run_id=running.spec.run_id,
                attempt=running.spec.attempt,
                pid=running.pid,
                born=process.born(running.pid),
                at=running.started_at,
                moment=time.monotonic() if follows else running.started,
                follows=follows,
                so_far=running.so_far if running.step == "post" else None,
            )
        )

    def _record_not_started(self, spec: Spec, reason: str, *, deferred: bool = False) -> None:
        self._results.append(
            NotStarted(run_id=spec.run_id, attempt=spec.attempt, reason=reason, deferred=deferred)
        )

    def _reap(self) -> None:
        for running in list(self._running):
            code = code_of(running)
            if code is not None:
                self._running.remove(running)
                self._finish(running, code)
        self._starter.reap()

    def _finish(self, running: Attempt, code: int) -> None:
        if running.cause is not None:
            process.signal_group(running.pid, signal.SIGKILL)  # members of the group that ignored SIGTERM
        elif running.step in ("pre", "command", "expect") and stop_orders.announced(running.spec):
            running.cause = "stopped"  # by the tick of a newer slot, which waits for the others of the group
        self._starter.ended(running)
        if has_steps(running.spec):
            self._continue(running, code)
        else:
            self._results.append(Ended(attempt_result=result_of(running, code)))

    def _continue(self, running: Attempt, code: int) -> None:
        """Start the next step of an attempt, or record its result after the last one."""
        from scheduled.execution import steps

        found = steps.following(running, code, self._starter.process)
        if isinstance(found, Attempt):
            self._running.append(found)
            if found.step not in CHECKS:
                self._record_started(found, follows=True)
        else:
            self._results.append(Ended(attempt_result=closed(running, found)))

    def _enforce(self) -> None:
        now = time.monotonic()
        for running in self._running:
            if now >= running.deadline:
                self._kill(running, "timed_out", now)
        if self._running:
            self._results.beat()
        grew = [running.output.grew() for running in self._running]
        self._check_after = CHECK_SOON if any(grew) else min(2 * self._check_after, CHECK_LATER)

    def _kill(self, running: Attempt, cause: AttemptStatus, now: float) -> None:
        first = running.cause is None and running.spec.kill_after > 0
        process.signal_group(running.pid, signal.SIGTERM if first else signal.SIGKILL)
        process.signal_group(running.pid, signal.SIGCONT)  # a stopped process does not handle SIGTERM
        running.cause = running.cause or cause
        running.deadline = now + (running.spec.kill_after or CHECK_LATER)

    def _stop(self) -> None:
        self._to_stop = False
        for spec in [*self._queue, *self._secrets.stop()]:
            self._record_not_started(spec, "the tick was stopped", deferred=True)
        self._queue.clear()
        for running in self._running:
            if running.cause is None and not is_left(running):
                self._kill(running, "interrupted", time.monotonic())
