"""The heartbeats of jobs and of the tick, which a monitor outside of this machine gets (`heartbeat_url`).

What is to be sent is recorded in the transaction of the fact itself, and removed when it was sent: the next tick of cron
sends what a killed tick could not. Only a tick of cron sends anything.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from scheduled import clock
from scheduled.advice import complete
from scheduled.clock import minute
from scheduled.core import pings
from scheduled.core.events import Event
from scheduled.core.jobs import job_of
from scheduled.core.keys import JobKey
from scheduled.core.pings import KEPT, Ping
from scheduled.core.troubles import Trouble
from scheduled.errors import EXIT_BUSY, EXIT_OK, ScheduledError
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger, Meta
from scheduled.state.locks import is_held

if TYPE_CHECKING:
    from scheduled.engine.runtime import Runtime
    from scheduled.execution.ping_sender import PingSender

WAITING = "pings"  # the pings that are not sent yet
FAILING = "pings_failing"  # since when, and why, those of a job are not received; '' is the tick
SENT_AT = "tick_pinged_at"
LAST_LINES = 9_000  # bytes of the output
TOTAL, LEFT = 10.0, 4.0  # seconds for all pings of a tick after its jobs, and those that are left for its own
BY_HAND = "manual"
SIGN = "heartbeats are not received"  # of all of them: they have one cause, most likely, and share notices

_waiting = msgspec.json.Decoder(list[Ping]).decode
_failing = msgspec.json.Decoder(dict[str, tuple[Instant, str]]).decode


def is_wanted(runtime: "Runtime") -> bool:
    """Return whether a heartbeat is configured, of a job or of the tick."""
    return bool(runtime.config.notify.heartbeat_url or runtime.config.jobs.with_heartbeat)


class Pings:
    """The heartbeats of the tick *tick*. *sends*: it is one of cron, so that it sends them; others only record them."""

    def __init__(self, runtime: "Runtime", tick: str, *, sends: bool) -> None:
        self._runtime, self._tick = runtime, tick
        self._noted: list[Ping] = []  # recorded, and sent when they are committed
        self._sent: dict[int, Ping] = {}
        self._problems: dict[int, str] = {}
        self._took_over = False
        self._until: float | None = None  # when no answer is waited for any more
        self._sender = self._forked() if sends else None
        if self._sender is not None:
            runtime.bus.subscribe(Event, self._flush)
            self._send_of_tick("start", None, "tick: started")

    def _forked(self) -> "PingSender | None":
        from scheduled.execution.ping_sender import PingSender  # only a tick of cron

        try:
            return PingSender(lambda: self._runtime.environment)
        except OSError as error:
            self._runtime.add_problem("WARNING", f"no heartbeat is sent by this tick: {error.strerror}")
            return None

    def note(self, ledger: Ledger, events: Iterable[Event]) -> None:
        """Record, in the transaction of *events*, what is to be sent of them, and take over what other ticks left."""
        now = int(clock.now())
        owner = "" if self._sender is None else self._tick
        new = [ping for event in events if (ping := pings.ping_of(event, owner, now)) is not None]
        new = [ping for ping in new if self._is_sent(ledger, ping)]
        sent = self._sent_so_far()
        if not (new or sent) and (self._took_over or self._sender is None):
            return
        found = _read(ledger)
        waiting = [ping for ping in found if (ping.name, ping.signal) not in sent]
        if self._sender is not None and not self._took_over:
            waiting = self._take_over(waiting, new)
        self._noted += new
        if new or waiting != found:
            _write(ledger, [*waiting, *new][-pings.MOST :])

    def _sent_so_far(self) -> set[tuple[str, str]]:
        """Return the attempts and signals of the pings that have arrived: a later tick must not send them again."""
        self._wait(self._sent.keys(), 0.0)
        return {(ping.name, ping.signal) for number, ping in self._sent.items() if self._was_sent(number)}

    def _is_sent(self, ledger: Ledger, ping: Ping) -> bool:
        """Return whether *ping* is about a job with a heartbeat, and about a run that no person started."""
        job = job_of(self._runtime.config.jobs, ping.key)
        if job is None or not job.heartbeat_url:
            return False
        run = ledger.run(ping.run_id)
        return run is not None and run.trigger != BY_HAND

    def _take_over(self, waiting: Sequence[Ping], new: Sequence[Ping]) -> list[Ping]:
        """Return *waiting*, in which this tick now has those of ticks that have ended; it sends these, before the *new* ones."""
        self._took_over = True
        alive = {name: name and is_held(self._runtime.paths.results_of(name)) for name in _ticks(waiting)}
        left = [ping for ping in waiting if not alive[ping.tick]]
        # A late success would hide that nothing has come since.
        mine = pings.to_repeat([ping for ping in left if not self._is_too_old(ping)], new)
        taken = [msgspec.structs.replace(ping, tick=self._tick) for ping in mine]
        self._noted += taken
        return [*(ping for ping in waiting if alive[ping.tick]), *taken]

    def _is_too_old(self, ping: Ping) -> bool:
        """Return whether *ping* waits for too long to be sent, with a line in the log if it does.

        If the clock was set back, its age is not known: it is sent rather than lost.
        """
        if int(clock.now()) - ping.at < KEPT:
            return False
        self._runtime.log_line("WARNING", f"heartbeat given up after an hour: {ping.text}")
        return True

    def _flush(self, _event: Event) -> None:
        """Send what was noted: an event is published after the commit."""
        noted, self._noted = self._noted, []
        for ping in noted:
            self._send(ping)

    def _send(self, ping: Ping) -> None:
        job = self._runtime.config.jobs.get(ping.job)
        if self._sender is None or job is None:
            return
        output = "" if ping.signal in ("start", "success") else self._last_lines(ping)
        number = self._sender.send(
            job.heartbeat_url,
            pings.slug(ping.key),
            ping.signal,
            ping.exit_code,
            ping.name,
            pings.body(ping.text, output),
        )
        self._sent[number] = ping

    def _last_lines(self, ping: Ping) -> str:
        from scheduled.execution import masked_output

        output = masked_output.of(self._runtime.paths, ping.run_id, ping.attempt)
        with suppress(OSError, ScheduledError):  # it was pruned, or can't be masked
            return output.end(LAST_LINES, final=True)[0].decode(errors="replace")
        return ""

    def _send_of_tick(self, signal: pings.Signal, exit_code: int | None, text: str) -> int | None:
        url = self._runtime.config.notify.heartbeat_url
        if self._sender is None or not url:
            return None
        place = pings.slug(JobKey("scheduled"))
        return self._sender.send(
            url, place, signal, exit_code, f"tick.{self._tick}", pings.body(text), first=True
        )

    def settle(self, ledger: Ledger) -> None:
        """Wait a while for the answers, and record what was sent and what was not. Call it after the jobs."""
        if self._sender is None:
            return
        self._flush(Event(name=""))
        self._until = time.monotonic() + TOTAL
        self._wait(self._sent.keys(), self._until - LEFT)
        with ledger.transaction(durable=False):
            self._record(ledger, int(clock.now()))
            if self._runtime.config.notify.heartbeat_url:
                ledger.remember(SENT_AT, str(int(clock.now())))

    def _wait(self, numbers: Iterable[int], until: float) -> None:
        """Wait for the answers to the orders *numbers* until *until*; take those that are there in any case."""
        missing = set(numbers) - self._problems.keys()
        while missing and self._sender is not None:
            left = max(0.0, until - time.monotonic())
            answers = self._sender.answers(left)
            if answers is None or (not answers and not left):
                return
            for answer in answers:
                self._problems[answer.number] = answer.problem
                missing.discard(answer.number)

    def _record(self, ledger: Ledger, now: Instant) -> None:
        """Remove what was sent from what waits; what was not is left to the next tick, for a while."""
        sent = self._sent_so_far()
        kept = []
        for ping in _read(ledger):
            if ping.tick != self._tick:
                kept.append(ping)
            elif (ping.name, ping.signal) not in sent and not self._is_too_old(ping):
                kept.append(msgspec.structs.replace(ping, tick=""))
        if self._sent:
            _write(ledger, kept)
        for label, number in {str(ping.key): number for number, ping in self._sent.items()}.items():
            self._note_state(ledger, label, self._problem(number), now)

    def _was_sent(self, number: int) -> bool:
        return self._problems.get(number) == ""

    def _problem(self, number: int) -> str:
        return self._problems.get(number, "no answer in time")

    def _note_state(self, ledger: Ledger, label: str, problem: str, now: Instant) -> None:
        """Record whether the pings of *label* are received, with a line in the log when that changes."""
        failing = failing_in(ledger)
        if not problem and label in failing:
            del failing[label]
            self._runtime.log_line("INFO", f"{_what(label)} is received again")
        elif problem and label not in failing:
            failing[label] = (now, problem)
            self._runtime.log_line("WARNING", f"{_what(label)} was not received: {problem}; it is repeated")
        else:
            return
        ledger.remember(FAILING, msgspec.json.encode(failing).decode())

    def end(self, exit_code: int, problems: Sequence[str]) -> None:
        """Send how the tick ended, as the last thing that it does, and end the process that sends."""
        well = exit_code in (EXIT_OK, EXIT_BUSY)
        text = f"tick: {'success' if well else f'exit code {exit_code}'}"
        body = complete("\n".join([text, *problems]))
        number = self._send_of_tick("success" if well else "fail", exit_code, body)
        if number is not None:
            self._wait([number], time.monotonic() + LEFT if self._until is None else self._until)
            self._note_tick(self._problem(number))
        self.close()

    def _note_tick(self, problem: str) -> None:
        """Record whether the ping of the tick was received, if that has changed; the next tick is not idle then."""
        with suppress(ScheduledError), self._runtime.ledger() as ledger:
            if bool(problem) != ("" in failing_in(ledger)):
                with ledger.transaction(durable=False):
                    self._note_state(ledger, "", problem, int(clock.now()))

    def close(self) -> None:
        """End the process that sends."""
        if self._sender is not None:
            self._sender.close()
            self._sender = None


def _what(label: str) -> str:
    return f"{label}: its heartbeat" if label else "the heartbeat of the tick"


def _ticks(waiting: Iterable[Ping]) -> set[str]:
    return {ping.tick for ping in waiting}


def _read(ledger: Meta) -> list[Ping]:
    with suppress(msgspec.MsgspecError):  # another version of the program wrote another form
        return _waiting(ledger.meta(WAITING) or "[]")
    return []


def _write(ledger: Meta, waiting: Sequence[Ping]) -> None:
    ledger.remember(WAITING, msgspec.json.encode(waiting).decode())


def failing_in(ledger: Meta) -> dict[str, tuple[Instant, str]]:
    """Return since when (UTC seconds), and why, the pings of a job or target ('': the tick) are not received."""
    with suppress(msgspec.MsgspecError):  # as in `_read`
        return _failing(ledger.meta(FAILING) or "{}")
    return {}


def next_due(runtime: "Runtime", ledger: Meta, now: Instant) -> list[Instant]:
    """Return when a tick of cron must not be idle: to repeat a ping, and to show that ticks come."""
    found = [now] if any(not ping.tick for ping in _read(ledger)) else []
    if runtime.config.notify.heartbeat_url:
        found.append(int(ledger.meta(SENT_AT) or 0) + pings.EVERY)
    return found


def troubles(runtime: "Runtime", ledger: Meta, now: float) -> dict[str, Trouble]:
    """Return a trouble for each job, and for the tick, of which no ping was received for an hour."""
    found = {}
    for label, (since, problem) in failing_in(ledger).items():
        key = _key_of(runtime, label)
        if key is None or now - since < KEPT:
            continue
        at = minute(since, runtime.zone)
        where = f"scheduled show {key.job}" if label else "scheduled check"
        text = f"{_what(label)} has not been received since {at}: {problem} ({where})"
        name = f"heartbeat:{label}" if label else "tick:heartbeat"
        found[name] = Trouble(text=text, kind="heartbeat", subject=key, priority="normal", sign=SIGN)
    return found


def _key_of(runtime: "Runtime", label: str) -> JobKey | None:
    """Return what *label* names, None if it has no heartbeat any more."""
    from scheduled.core.keys import read_label

    if not label:
        return JobKey("") if runtime.config.notify.heartbeat_url else None
    key = read_label(label)
    job = job_of(runtime.config.jobs, key)
    return key if job is not None and job.heartbeat_url else None
