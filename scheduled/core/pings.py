"""Heartbeats of jobs as values: which facts are sent to a monitor, and in which form (the protocol of Healthchecks)."""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from scheduled.core.events import Event
from scheduled.core.keys import JobKey
from scheduled.schedules.zones import HOUR, MINUTE, Instant

# A monitor sees a start, a success and a failure; a log line changes nothing but is kept there.
Signal = Literal["start", "success", "fail", "log"]
PLACE = "{job}"  # in an address: the job, and the target, of which the run is
LARGEST = 10_000  # bytes of a body: what a Healthchecks of one's own keeps by default
MOST_CODE = 255
# How often a tick of cron pings if there is nothing to do, less the time by which one tick may come earlier than another.
EVERY = 10 * MINUTE - 30
KEPT = HOUR  # how long a ping is repeated, and how long pings fail until that is a trouble
MOST = 1_000  # pings that wait
SIGNALS: dict[str, Signal] = {
    "job_started": "start",
    "job_completed": "success",
    "job_failed": "fail",
    "job_interrupted": "fail",  # it waits for a decision of the user
    "job_retry_scheduled": "log",
    "job_skipped": "log",
}


class Ping(msgspec.Struct, frozen=True, array_like=True):
    """A fact about an attempt that is to be sent, noted at *at* (UTC seconds).

    *tick* is the tick that sends it, '' if the next one of cron does. *text* is what a person reads at the monitor.
    """

    job: str
    target: str
    run_id: str
    attempt: int
    signal: Signal
    exit_code: int | None
    text: str
    at: Instant
    tick: str = ""

    @property
    def key(self) -> JobKey:
        """The job and target."""
        return JobKey(self.job, self.target)

    @property
    def name(self) -> str:
        """The attempt, for which a monitor has one id: by it a start and an end belong together."""
        return f"{self.run_id}.{self.attempt}"


def ping_of(event: Event, tick: str, at: Instant) -> Ping | None:
    """Return what *event* is for a monitor; None if it is not about a run."""
    signal, found = SIGNALS.get(event.name), event.payload
    if signal is None or not found.get("run_id"):
        return None
    status, reason, code = (found.get(name) for name in ("status", "reason", "exit_code"))
    if status == "skipped" and event.name == "job_skipped":
        signal = "success"  # the run came to its end: there was nothing to do
    key = JobKey(str(found["job"]), str(found.get("target") or ""))
    text = f"{key.display_name}: {status or 'started'}{f': {reason}' if reason else ''} ({found['run_id']})"
    number = found.get("attempt")
    return Ping(
        job=key.job,
        target=key.target,
        run_id=str(found["run_id"]),
        attempt=number if isinstance(number, int) else 1,
        signal=signal,
        exit_code=code if isinstance(code, int) else None,
        text=text,
        at=at,
        tick=tick,
    )


def to_repeat(pings: Sequence[Ping], new: Sequence[Ping] = ()) -> list[Ping]:
    """Return *pings* without the starts of attempts of which the end is among them or *new*: it is too late for these."""
    ended = {ping.name for ping in (*pings, *new) if ping.signal != "start"}
    return [ping for ping in pings if ping.signal != "start" or ping.name not in ended]


def slug(key: JobKey) -> str:
    """Return how the address of a monitor names *key*: with the letters a-z, digits, `-` and `_`."""
    name = f"{key.job}-{key.target}" if key.target else key.job
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-") or "job"


def address(url: str, signal: Signal, exit_code: int | None, rid: str) -> str:
    """Return the address to which a *signal* is sent; *url* may have a query, and *rid* is the id of the attempt."""
    path, _, query = url.partition("?")
    end = f"/{signal}" if signal != "success" else ""
    if signal == "fail" and exit_code is not None and 0 < exit_code <= MOST_CODE:
        end = f"/{exit_code}"
    return f"{path.rstrip('/')}{end}?{query}{'&' if query else ''}rid={rid}"


def body(text: str, output: str = "") -> bytes:
    """Return what a monitor shows with a ping: *text*, and the end of the *output*, with LARGEST bytes at most."""
    head = text.encode(errors="replace")[: LARGEST // 2]
    left = LARGEST - len(head) - 2
    tail = output.encode(errors="replace")[-left:].decode(errors="ignore").encode()
    return head.decode(errors="ignore").encode() + (b"\n\n" + tail if tail else b"")
