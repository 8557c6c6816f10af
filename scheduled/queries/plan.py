"""What the next tick starts, planned round after round, as a tick goes on. Runs are taken to succeed.

What the ends of these runs bring about (steps of chains, events) is not foreseen.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from scheduled import clock
from scheduled.clock import stamp
from scheduled.core import planner
from scheduled.core.jobs import Instant, Job, Jobs
from scheduled.core.planner import Around, JobPlan, Start
from scheduled.core.runs import Standing, TriggerRow
from scheduled.engine import chains, claims
from scheduled.engine import event_spool as spool
from scheduled.engine import intake as past
from scheduled.engine.runtime import House
from scheduled.state.ledger import Ledger
from scheduled.state.open import read_only


class Foreseen(msgspec.Struct, kw_only=True):
    """The *starts* of a tick in their order, and what becomes of every job by then."""

    starts: list[Start] = []
    plans: dict[str, JobPlan] = {}


def plan(house: House) -> list[dict[str, Any]]:
    """Return what a tick would start now, in order and with the reason; nothing is changed (gates are asked)."""
    jobs, now = house.config.jobs, int(clock.now())
    with read_only(house.paths) as ledger:
        house.config.switch(ledger.toggles())
        gates = claims.ask_gates(ledger, house.config, now)
        around = claims.surroundings(ledger, now, gates=gates, budget=house.config.max_runs)
        around = msgspec.structs.replace(around, triggers=(*around.triggers, *_taken_in(ledger, house)))
        standings = claims.foreseen(ledger, house.config, now)
    found = _rounds(jobs, standings, now, around)
    held = around.closed | around.unasked
    return [
        *(_start(jobs[start.claim.job], start, house.zone) for start in found.starts),
        *(_wait(jobs[name], found.plans, held) for name, job in found.plans.items() if job.waits),
    ]


def _taken_in(ledger: Ledger, house: House) -> Iterator[TriggerRow]:
    """Yield what the next tick is asked for by the events that it finds: a boot, those of the spool."""
    for event in (*spool.waiting(ledger, house.paths), *past.boot_since(ledger, clock.boot_id())):
        for name in chains.listeners(house.config.jobs, event):
            yield TriggerRow(id=0, job=name, event=event.name, payload=dict(event.payload), depth=1)


def _rounds(jobs: Jobs, standings: Mapping[str, Standing], now: Instant, around: Around) -> Foreseen:
    found, standings, told = Foreseen(), dict(standings), set(jobs)
    while told:
        # Whoever comes after others can't be planned without them.
        told |= {other for name in told for other in jobs[name].after}
        mine = {name: standing for name, standing in standings.items() if name in told}
        planned = planner.plan(jobs, mine, now, around=around)
        found.starts += planned.starts
        found.plans |= planned.jobs
        standings |= {start.claim.job: _ran(standings[start.claim.job], start) for start in planned.starts}
        around = _left(around, planned.starts)
        started = {start.claim.job for start in planned.starts}
        told = started | {name for job in started for name in jobs.coming_after.get(job, ())}
    return found


def _ran(standing: Standing, start: Start) -> Standing:
    claim = start.claim
    others = tuple(run for run in standing.others if run.run_id != claim.run_id)
    ran = msgspec.structs.replace(standing, others=others, last_status="success")
    if claim.slot is None:
        return ran
    position = max(standing.position, claim.slot)
    return msgspec.structs.replace(ran, position=position, open_run=None, window_start=claim.slot)


def _left(around: Around, starts: Collection[Start]) -> Around:
    """Return what holds back the next round; every start has taken the oldest that asked for its job."""
    triggers = list(around.triggers)
    for start in starts:
        if start.trigger is not None:
            triggers.remove(next(row for row in triggers if row.job == start.claim.job))
    slots = sum(start.claim.slot is not None for start in starts)
    budget = None if around.budget is None else max(0, around.budget - slots)
    return msgspec.structs.replace(around, triggers=tuple(triggers), budget=budget)


def _start(job: Job, start: Start, zone: str) -> dict[str, Any]:
    after = f", after {' and '.join(job.after)}" if job.after and start.claim.slot is not None else ""
    return {
        "job": job.name,
        "scheduled_for": stamp(start.claim.scheduled_for, zone),
        "slots": start.claim.slots,
        "attempt": start.claim.attempt,
        "why": planner.why(start) + after,
    }


def _wait(job: Job, plans: Mapping[str, JobPlan], held: Collection[str]) -> dict[str, Any]:
    waits = plans[job.name].waits
    if waits == "gate" and job.after and job.name not in held:
        return {"job": job.name, "waits": waits, "why": f"waits for {' and '.join(job.after)}"}
    return {"job": job.name, "waits": waits}
