"""The tools named after functions of `service`: explanations, forecasts, history, events, pauses."""

from typing import ClassVar

from scheduled import service
from scheduled.interfaces.mcp import schema
from scheduled.interfaces.mcp.with_error import from_ledger
from scheduled.interfaces.permissions import Permission, Permissions

WAIT = 30.0


class OwnTools:
    """The tools that call a function of `service`."""

    NAMES: ClassVar[dict[str, Permission | None]] = {
        **dict.fromkeys(("explain", "forecast", "next_slots", "audit", "history", "show_run", "logs", "incidents", "dry_run", "check")),
        **dict.fromkeys(("pause", "resume", "ack", "mute", "unmute"), "override"),
        **dict.fromkeys(("emit", "rerun", "skip", "stop", "approve", "deny"), "run"),
    }  # fmt: skip

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions

    def explain(self, job: schema.Job, at: schema.Instant = None) -> schema.Document:
        """Explain why a job ran, did not run, or will run; with `at`, explain its slot at or before that instant."""
        return from_ledger(self._permissions, lambda instance: service.explain(instance, job, at))

    def forecast(
        self,
        first: schema.Moment,
        last: schema.Moment,
        outages: schema.Outages = [],  # noqa: B006 - the default in the tool's schema; never changed
        job: schema.AnyJobs = None,
    ) -> schema.Documents:
        """Forecast the runs from `first` until before `last`, with optional outages in between."""
        return from_ledger(
            self._permissions, lambda instance: service.forecast(instance, first, last, outages, job)
        )

    def next_slots(self, job: schema.AnyJob = None, limit: schema.Limit = 10) -> schema.Documents:
        """List the next slots of a job, or of all jobs."""
        return from_ledger(self._permissions, lambda instance: service.upcoming(instance, job, limit))

    def audit(self, after: schema.Instant = None, until: schema.Instant = None) -> schema.Document:
        """Check that every slot has a verdict or an open reason, and list the slots that do not."""
        return service.audit(self._permissions.instance, after, until)

    def history(
        self,
        job: schema.AnyJob = None,
        since: schema.Since = None,
        status: schema.Status = None,
        limit: schema.Limit = 20,
    ) -> schema.Documents:
        """List the newest runs, newest first."""
        return from_ledger(
            self._permissions, lambda instance: service.history(instance, job, since, status, limit)
        )

    def show_run(self, run_id: schema.Run) -> schema.Document:
        """Show a run: its result, its attempts and, for the run of a chain, its steps."""
        return from_ledger(self._permissions, lambda instance: service.one_run(instance, run_id))

    def logs(
        self, name: schema.Job, lines: schema.Lines = None, attempt: schema.Attempt = None
    ) -> schema.Document:
        """Return the output of a run, given its run_id, or of the newest run of a job, given its name."""
        return from_ledger(self._permissions, lambda instance: service.logs(instance, name, lines, attempt))

    def incidents(self) -> schema.Documents:
        """List the current incidents."""
        return from_ledger(self._permissions, service.incidents)

    def dry_run(self) -> schema.Documents:
        """Preview what a tick would start now, in order and with the reasons."""
        return service.dry_run(self._permissions.instance)

    def check(self) -> schema.Document:
        """Check the configuration; list its problems and warnings."""
        return service.check(self._permissions.instance)

    def emit(self, event: schema.EventName, payload: schema.Payload = {}) -> schema.Document:  # noqa: B006 - as above
        """Publish an event; the next tick starts the jobs that wait for it."""
        return service.emit(self._permissions.instance, event, payload)

    async def rerun(self, run_id: schema.Run, wait_seconds: schema.Wait = WAIT) -> schema.Document:
        """Start a run again: its next attempt, or, if the run has ended, a new run for the same instant."""
        return await service.start_again(self._permissions.instance, run_id, wait=wait_seconds)

    def skip(
        self, job: schema.Job, slot: schema.Instant = None, undo: schema.Undo = False
    ) -> schema.Document:
        """Skip all open slots of a job, or one slot, which may be in the future; with undo, open them again."""
        return service.skip(self._permissions.instance, job, slot, undo=undo)

    def stop(self, run_id: schema.Run) -> schema.Document:
        """Stop a running run; it is not retried."""
        return from_ledger(self._permissions, lambda instance: service.stop(instance, run_id))

    def pause(self, jobs: schema.Jobs, until: schema.Until = None) -> schema.Documents:
        """Pause all jobs, or the given jobs. Slots that come due during the pause are caught up on afterwards."""
        return service.pause(self._permissions.instance, jobs, until)

    def resume(self, jobs: schema.Jobs) -> schema.Documents:
        """Resume all jobs, or the given jobs."""
        return service.resume(self._permissions.instance, jobs)

    def ack(self, names: schema.Incidents) -> schema.Documents:
        """Acknowledge the open incidents of jobs, or all of them: no more reminders. Their recovery is announced."""
        return service.ack(self._permissions.instance, names)

    def mute(self, jobs: schema.SomeJobs, until: schema.MuteUntil = None) -> schema.Documents:
        """Make no notices about the given jobs for some time. They run as before."""
        return service.mute(self._permissions.instance, jobs, until)

    def unmute(self, jobs: schema.SomeJobs) -> schema.Documents:
        """Make notices about the given jobs again."""
        return service.unmute(self._permissions.instance, jobs)

    async def approve(self, run_id: schema.Run, wait_seconds: schema.Wait = WAIT) -> schema.Document:
        """Approve a run that waits for an answer (open reason `ask`), and start it. Do so only if the user wants it."""
        return await service.start_approved(self._permissions.instance, run_id, wait=wait_seconds)

    def deny(self, run_id: schema.Run) -> schema.Document:
        """Deny a run that waits for an answer (open reason `ask`); it is skipped."""
        return service.deny(self._permissions.instance, run_id)
