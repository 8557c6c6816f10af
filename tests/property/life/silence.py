"""Nothing fails in silence: every slot without success is in history, log and events, and `status` is green only if all
is well."""

from collections import defaultdict
from datetime import datetime

from scheduled import service
from scheduled.core.approvals import NOT_IN_TIME
from scheduled.core.audit import audit
from scheduled.core.jobs import keys_of
from scheduled.core.keys import read_label
from scheduled.core.runs import FAILED
from tests.property.life.witness import label

WITHOUT_SUCCESS = ("failed", "skipped")
IN_A_ROW = 3
BY_A_PERSON = ("by hand", "edited", "stopped", "disabled", "removed")
BY_ITS_GATE = "its gate was closed"
EVENTS = {"failed": ("job_failed",), "skipped": ("job_skipped", "job_failed")}


def label_of(event):
    """Return the job of an event, with its target if it has one."""
    return label(event.payload.get("job") or "", event.payload.get("target"))


def instant(text):
    return int(datetime.fromisoformat(text).timestamp())


class Silence:
    """Checks a *life*. It knows from the events which jobs have failed, and from the machine which attempts did."""

    def __init__(self, life):
        self.life, self.checked, self.green = life, 0, 0

    def check_status(self, document):
        """Compare the answer of `status` with the newest ends of runs."""
        wanted = self._failing() | self._asking() | self._kept_from_running()
        shown = {label(row["name"], row["target"]) for row in document["jobs"] if row["failing"]}
        failing = self._failing()
        assert shown == failing, f"status shows {shown} as failing, but {failing} are"
        others = [text for text in document["problems"] if not self._is_about(text, wanted)]
        others = [text for text in others if text not in self._of_ticks()]
        stopped = [text for text in others if "ticks have stopped" in text]
        assert others == stopped, f"status complains of {others}, but {wanted} are failing"
        missing = [name for name in wanted if not any(name in text for text in document["problems"])]
        assert not missing, f"status complains of {document['problems']}, but not of {missing}"
        assert document["healthy"] == (not document["problems"])
        self.green += document["healthy"]

    def _is_about(self, text, names):
        return any(text.startswith(f"{name}:") for name in names)

    def _of_ticks(self):
        """Return the problems that the last tick found: a killed supervisor, an event that it refused."""
        found = self.life.ledger.conditions()
        return [
            item.condition.payload.get("text") for item in found if item.condition.key.startswith("tick:")
        ]

    def _failing(self):
        """Return the enabled jobs of which the newest run that had to succeed did not."""
        newest = {}
        for _, event in self.life.witness.events:
            if event.name in ("job_completed", "job_failed"):
                newest[label_of(event)] = event.name
        return {name for name, end in newest.items() if end == "job_failed" and self._is_enabled(name)}

    def _kept_from_running(self):
        """Return the enabled jobs of which the newest slots were skipped by a rule, so that a person has to look.

        That is the newest slot if another job failed before it, if it was not approved in time or if it was the last one, else three in a row, unless
        the job rests in quiet hours or a pause.
        """
        rows = defaultdict(list)
        for _, event in self.life.witness.events:
            self._decide(rows[label_of(event)], event)
        jobs = self.life.config().jobs
        resting = {
            row.key.display_name
            for row in self.life.ledger.job_rows()
            if row.open_reason in ("quiet", "paused")
        }
        found = set()
        for name, reasons in rows.items():
            if reasons and self._is_enabled(name):
                behind, last = (
                    "which failed" in reasons[-1],
                    jobs[read_label(name).job].schedules[0].kind == "at",
                )
                unanswered = reasons[-1] == NOT_IN_TIME
                often = len(reasons) >= IN_A_ROW and name not in resting
                found |= {name} if behind or last or unanswered or often else set()
        return found

    def _is_enabled(self, name):
        """Return whether a job is enabled and, if *name* has a target, has this target."""
        key = read_label(name)
        job = self.life.config().jobs.get(key.job)
        return job is not None and job.enabled and key in keys_of(job)

    def _decide(self, reasons, event):
        """Update the reasons of the newest skips of a job in a row."""
        reason = event.payload.get("reason")
        wanted = reason in BY_A_PERSON or (reason or "").startswith(BY_ITS_GATE)
        unanswered = reason == NOT_IN_TIME and event.payload.get("slots")
        if event.name == "job_skipped" and (unanswered or not event.payload.get("run_id")) and not wanted:
            reasons.append(reason)
        elif event.name in ("job_completed", "job_failed", "approval_requested") or wanted:
            reasons.clear()

    def _asking(self):
        return {
            run.key.display_name
            for run in self.life.ledger.open_runs()
            if run.status == "waiting_retry" and run.retry_at is None
        }

    def check_slots(self):
        """Check that every slot without success is in history, log and events; and that every slot is accounted for."""
        ledger = self.life.ledger
        rows = self._rows = list(ledger.slot_rows())
        self._read()
        for row in rows:
            if row.verdict in WITHOUT_SUCCESS:
                self._check_row(row)
            elif row.verdict == "coalesced":
                self._check_superseded(row)
        seen = int(ledger.meta("planned"))
        open_runs = [run.run_id for run in ledger.open_runs()]
        found = audit(ledger.epochs(), rows, ledger.job_rows(), open_runs, seen)
        assert not found.problems, f"the audit: {found.problems[:5]}"

    def _read(self):
        self._events, self._history, self._runs = defaultdict(list), defaultdict(list), {}
        self._log = [message for _, _, message in self.life.witness.log]
        for _, event in self.life.witness.events:
            self._events[label_of(event)].append(event)
        for row in service.history(self.life.instance, limit=100_000):
            self._runs[row["run_id"]] = row
            if row["scheduled_for"]:
                self._history[label(row["job"], row["target"])].append((instant(row["scheduled_for"]), row))

    def _check_row(self, row):
        self.checked += 1
        what = f"{row.job}: {row.span.first}..{row.span.last} {row.verdict} ({row.reason})"
        span = range(row.span.first, row.span.last + 1)
        events = [event for event in self._events[row.key.display_name] if self._covers(event, row)]
        assert events, f"{what}: no event"
        kept = [
            run
            for at, run in self._history[row.key.display_name]
            if at in span and run["status"] != "success"
        ]
        assert kept, f"{what}: not in history"
        line = [text for text in self._log if events[0].name in text and row.job in text]
        assert line, f"{what}: not in the log"
        if row.verdict == "skipped":
            assert any(event.payload["reason"] for event in events), f"{what}: an event without a reason"

    def _covers(self, event, row):
        """Return whether an event is about a row: it names the newest of its slots, and how many they are."""
        newest = self._slot_of(event)
        if event.name not in EVENTS[row.verdict] or newest is None or newest < row.span.last:
            return False
        between = [
            other.span.count
            for other in self._rows
            if other.key == row.key
            and other.reason == row.reason
            and row.span.first <= other.span.first <= newest
        ]
        return sum(between) <= event.payload.get("slots", 1)

    def _slot_of(self, event):
        text = event.payload.get("scheduled_for")
        return instant(text) if text else None

    def _check_superseded(self, row):
        """A run that failed and was replaced by a newer one is published as a failure."""
        for at, run in self._history[row.key.display_name]:
            if at == row.span.first and run["status"] in FAILED and run["run_id"] != row.run_id:
                ids = [
                    event.payload.get("run_id")
                    for event in self._events[row.key.display_name]
                    if event.name == "job_failed"
                ]
                assert run["run_id"] in ids, f"{run['run_id']}: superseded while failing, and no event"
