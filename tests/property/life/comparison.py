"""Hold answers against what happened. A difference counts only up to the first broken assumption (see `assumptions`)."""

import re
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from scheduled.core.keys import read_label
from tests.fixtures.oracle import CADENCE
from tests.property.life.kinds import FROM_END
from tests.property.life.witness import label

# Seconds from a beat until the next tick has noted that a run is still under way.
NOTED = CADENCE + 60
ROUND = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")


def instant(text):
    return int(datetime.fromisoformat(text).timestamp())


def slot_of(row):
    """Return the instant for which a predicted run is; None for a run without one."""
    return instant(row["scheduled_for"]) if row["scheduled_for"] else None


def known(label, slot):
    """Return *slot* as far as it is predicted: only to the minute if it counts from the end of a run."""
    return slot // 60 * 60 if slot is not None and name_of(label) == FROM_END else slot


def named(row, name="job"):
    """Return the job of a row of an answer, with its target if it has one."""
    return label(row[name], row.get("target"))


def name_of(label):
    """Return the job of a *label*."""
    return label.partition("@")[0]


def in_zone(text, zone):
    """Return a local time of a sentence with its offset; None if clocks that are set back show it twice."""
    early, late = (datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    return early.isoformat() if early.utcoffset() == late.utcoffset() else None


def shown(seconds):
    if seconds is None:
        return "no slot"
    return f"{datetime.fromtimestamp(seconds, UTC):%m-%d %H:%M:%S}"


def beat(at):
    """Return the full cadence at which the tick that began at *at* was due."""
    return int(at // CADENCE * CADENCE)


def first_beat(at):
    """Return the first full cadence at or after *at*."""
    return int(-(-at // CADENCE) * CADENCE)


class Comparison:
    """Compares the answers of a *life*; *compared* counts the predictions that could be held against reality."""

    def __init__(self, life):
        self.life, self.compared = life, Counter()
        self.end = life.now()
        self._claims = [claim for claim in life.witness.claims if not claim.by_hand]
        self._own = [claim for claim in self._claims if claim.attempt > 1 and claim.at > claim.tick + 1]
        self._questions = {
            "next": self._next, "jobs": self._jobs, "status": self._status, "explain": self._explain,
            "dry run": self._dry_run,
        }  # fmt: skip

    def differences(self, answer):
        """Yield a text for each difference between an answer and what happened."""
        if isinstance(answer.question, tuple):
            return list(self._forecast(answer, *answer.question[1:]))
        return list(self._questions[answer.question](answer))

    def _moment(self, claim):
        """Return the instant at which *claim* is to be predicted: its tick's, or that of a retry that its tick made itself.

        What a tick starts because of such a retry comes with the retry.
        """
        before = [
            own
            for own in self._own
            if own.tick == claim.tick and own.at <= claim.at and self._follows(claim, own)
        ]
        return int(before[-1].at) if before else beat(claim.tick)

    def _follows(self, claim, own):
        job = self.life.runtime().config.jobs.get(claim.job)
        return claim.label == own.label or claim.slot is None or (job is not None and own.job in job.after)

    def _horizon(self, answer, job):
        """Return up to when an answer about *job* counts, and why it ends there."""
        found = self.life.breaks.first_for(name_of(job), answer.at, answer.outages)
        return min(found.at, self.end - CADENCE), found.why

    def _slots_of(self, job, since):
        """Return the claims of slots of *job* after *since*."""
        return [claim for claim in self._of_job(job, since) if claim.slot is not None]

    def _of_job(self, job, since):
        return [claim for claim in self._claims if claim.label == job and claim.at >= since]

    def _text(self, answer, what):
        name = answer.question if isinstance(answer.question, str) else " ".join(map(str, answer.question))
        return f"{shown(answer.at)} {name}: {what}"

    # forecast
    def _forecast(self, answer, first, last, only):
        predicted = Counter()
        for row in answer.document:
            at = instant(row["runs_at"])
            if at >= answer.at - CADENCE:
                predicted[at, named(row), known(named(row), slot_of(row))] += 1
        real = Counter(self._claims_between(answer.at, first, last, only))
        # Start requests that waited are predicted, those to come are not.
        requested = Counter(self._claims_between(answer.at, first, last, only, requested=True))
        for key, number in (predicted - real - requested).items():
            at, job, slot = key
            horizon, _ = self._horizon(answer, job)
            if at + NOTED <= horizon:
                yield self._text(
                    answer, f"{job} runs at {shown(at)} for {shown(slot)}, but did not ({number})"
                )
        for at, job, slot in real - predicted:
            horizon, _ = self._horizon(answer, job)
            if all(claim.at < horizon for claim in self._of(at, job, slot)):
                yield self._text(
                    answer, f"{job} ran at {shown(at)} for {shown(slot)}, which it did not predict"
                )
        self.compared["forecast"] += sum(
            number
            for (at, job, _), number in predicted.items()
            if at + NOTED <= self._horizon(answer, job)[0]
        )

    def _claims_between(self, since, first, last, only, requested=False):
        for claim in self._claims:
            at = self._moment(claim)
            listed = claim.slot is not None or claim.attempt > 1
            if listed != requested and claim.at >= since and first <= at < last and only in (None, claim.job):
                yield at, claim.label, known(claim.label, claim.scheduled_for)

    def _of(self, at, job, slot):
        """Return the claims of a run."""
        return [
            claim
            for claim in self._claims
            if self._moment(claim) == at
            and claim.label == job
            and known(job, claim.scheduled_for) == known(job, slot)
        ]

    # next
    def _next(self, answer):
        listed = {(named(row), known(named(row), slot_of(row))) for row in answer.document}
        last = max((instant(row["runs_at"]) for row in answer.document if row["runs_at"]), default=0)
        for row in answer.document:
            yield from self._next_slot(answer, named(row), slot_of(row), row)
        for claim in self._claims:
            inside = claim.slot is not None and answer.at < claim.at and self._moment(claim) < last
            if (
                inside
                and claim.at < self._horizon(answer, claim.job)[0]
                and (claim.label, known(claim.label, claim.slot)) not in listed
            ):
                yield self._text(answer, f"{claim.run_id} ran, a slot that it does not list")

    def _next_slot(self, answer, job, slot, row):
        horizon, _ = self._horizon(answer, job)
        if row["runs_at"] is None:
            early = [
                claim
                for claim in self._slots_of(job, answer.at)
                if known(job, claim.slot) == known(job, slot) and claim.at < horizon
            ]
            if early:
                yield self._text(answer, f"{job} for {shown(slot)} is {row['reason']}, but it ran")
            return
        due = instant(row["runs_at"])
        if due + NOTED > horizon:
            return
        self.compared["next"] += 1
        claims = [claim for claim in self._slots_of(job, answer.at) if self._moment(claim) == due]
        ran = any(self._of(due, job, slot)) or self._at_once(answer, job, slot)
        if not (ran or self._is_covered(job, slot, claims) or self._is_full(due)):
            yield self._text(answer, f"{job} for {shown(slot)} can run at {shown(due)}, but did not")
        early = [
            claim
            for claim in self._slots_of(job, answer.at)
            if known(job, claim.slot) == known(job, slot) and self._moment(claim) < due
        ]
        if early:
            yield self._text(answer, f"{job} for {shown(slot)} can run at {shown(due)}, but ran before")

    def _at_once(self, answer, job, slot):
        """Return whether the tick that was at work when the question was asked started a run: that is not predicted."""
        claims = (claim for claim in self._of_job(job, answer.at) if claim.tick <= answer.at)
        return any(known(job, claim.scheduled_for) == known(job, slot) for claim in claims)

    def _is_full(self, due):
        """Return whether a tick started as many runs as `max_runs` allows: the next tick starts the others."""
        limit = self.life.max_runs
        return limit is not None and sum(beat(claim.tick) == due for claim in self._claims) >= limit

    def _is_covered(self, job, slot, claims):
        """Return whether a slot was decided in favour of a later slot that ran at the same tick."""
        later = slot is not None and any(claim.slot > slot for claim in claims)
        row = self.life.ledger.row_at(read_label(job), slot) if later else None
        return row is not None and row.span.last >= slot and row.verdict in ("coalesced", "skipped")

    # The next run of a job
    def _jobs(self, answer):
        for row in answer.document:
            if not self._has_targets(row["name"]):  # its line is a summary
                yield from self._next_run(answer, row["name"], row["next_run"])

    def _has_targets(self, job):
        found = self.life.runtime().config.jobs.get(job)
        return found is not None and found.for_each is not None

    def _status(self, answer):
        for row in answer.document["jobs"]:
            yield from self._next_run(answer, named(row, "name"), row["next_run"])

    def _next_run(self, answer, job, text, minutes=0):
        """Compare the instant at which *job* can run next, which may be up to *minutes* later than its text.

        An instant that is over, or that of a slot, means the next tick.
        """
        config = self.life.runtime().config.jobs.get(name_of(job))
        if config is None or not config.is_by_time:
            return
        horizon, _ = self._horizon(answer, job)
        claims = [claim for claim in self._slots_of(job, answer.at) if claim.at < horizon]
        if text is None:
            if claims:
                yield self._text(answer, f"{job} does not run again, but ran as {claims[0].run_id}")
            return
        at = max(instant(text), answer.at)
        wanted = {first_beat(at), first_beat(at + 60 * minutes - 1)} if minutes else {first_beat(at)}
        if not minutes and instant(text) > answer.at:
            wanted = {instant(text)}
        if claims and self._moment(claims[0]) not in wanted and self._moment(claims[0]) < max(wanted):
            yield self._text(answer, f"{job} runs at {text}, but ran before: {shown(claims[0].at)}")
        if max(wanted) + NOTED > horizon:
            return
        self.compared[str(answer.question)] += 1
        claims = self._of_job(job, answer.at)  # it may also be a retry of a run without a slot
        if not any(self._moment(claim) in wanted for claim in claims) and not any(map(self._is_full, wanted)):
            yield self._text(answer, f"{job} runs at {text}, but did not")

    # explain
    def _explain(self, answer):
        document = answer.document
        job, sentence = named(document), document["sentence"]
        found = [in_zone(text, answer.zone) for text in ROUND.findall(sentence)]
        if None in found:
            return
        if sentence.startswith("It waits in"):
            return  # the run of a chain: the sentence is about one of its steps
        if "next tick" in sentence:
            yield from self._next_run(answer, job, datetime.fromtimestamp(answer.at, UTC).isoformat())
        elif sentence.startswith(("It will run at", "It waits: its quiet hours last until")) and found:
            yield from self._next_run(answer, job, found[0], minutes=1)
        elif own := re.search(r"makes the next attempt at (\S+ \S+)\.", sentence):
            yield from self._next_run(answer, job, in_zone(own[1], answer.zone))
        elif "next attempt is due at" in sentence or "a newer slot is due at" in sentence:
            yield from self._next_run(answer, job, found[-1], minutes=1)
        elif "will not run" in sentence:
            yield from self._next_run(answer, job, None)

    # dry run
    def _dry_run(self, answer):
        tick = beat(answer.at)
        predicted = Counter()
        for row in answer.document:
            if "slots" in row and row["scheduled_for"]:
                predicted[named(row), instant(row["scheduled_for"]), row["attempt"], row["slots"]] += 1
        claims = [claim for claim in self._claims if beat(claim.tick) == tick and claim.slot is not None]
        real = Counter((claim.label, claim.slot, claim.attempt, claim.slots) for claim in claims)
        for job, slot, attempt, slots in predicted - real:
            if self._tick_horizon(answer, job) >= tick + NOTED:
                text = f"{job} starts now for {shown(slot)} (attempt {attempt}, {slots} slots), but did not"
                yield self._text(answer, text)
        for claim in claims:
            key = claim.label, claim.slot, claim.attempt, claim.slots
            if key not in predicted and claim.at < self._tick_horizon(answer, claim.job):
                yield self._text(
                    answer, f"{claim.run_id} attempt {claim.attempt} started, which it did not list"
                )
        self.compared["dry run"] += len(claims)

    def _tick_horizon(self, answer, job):
        """Return the horizon of a dry run, which evaluates the gates."""
        found = next(
            (
                found
                for found in self.life.breaks.all
                if found.at >= answer.at
                and found.why != "its gate is closed"
                and (found.jobs is None or name_of(job) in found.jobs)
            ),
            None,
        )
        return self.end if found is None else found.at
