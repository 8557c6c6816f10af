"""The tools an agent really needs: why, what next, what was, and events."""

from typing import ClassVar

from scheduled import service
from scheduled.interfaces.mcp import schema as words
from scheduled.interfaces.mcp.permissions import Permission, Permits

WAIT = 30.0


class OwnTools:
    """Each is the question of `service` of its name."""

    NAMES: ClassVar[dict[str, Permission | None]] = {
        **dict.fromkeys(("explain", "forecast", "next_slots", "audit", "history", "logs", "incidents", "plan", "check")),
        **dict.fromkeys(("emit", "rerun", "skip", "stop"), "run"),
        **dict.fromkeys(("pause", "resume"), "toggle"),
    }  # fmt: skip

    def __init__(self, permits: Permits) -> None:
        self._permits = permits

    def explain(self, job: words.Job, at: words.Instant = None) -> words.Document:
        """Say why a job ran, did not, or will; with `at`, what became of its slot at or before that instant."""
        return service.explain(self._permits.where, job, at)

    def forecast(
        self,
        first: words.Moment,
        last: words.Moment,
        outages: words.Outages = [],  # noqa: B006 - a schema's default; nobody changes it
        job: words.AnyJob = None,
    ) -> words.Documents:
        """Return what will run from `first` until before `last`, through outages too."""
        return service.forecast(self._permits.where, first, last, outages, job)

    def next_slots(self, job: words.AnyJob = None, limit: words.Limit = 10) -> words.Documents:
        """Return the next slots, of a job or of all."""
        return service.upcoming(self._permits.where, job, limit)

    def audit(self, after: words.Instant = None, until: words.Instant = None) -> words.Document:
        """Prove that every slot is accounted for, or list those that are not."""
        return service.audit(self._permits.where, after, until)

    def history(
        self,
        job: words.AnyJob = None,
        since: words.Since = None,
        status: words.Status = None,
        limit: words.Limit = 20,
    ) -> words.Documents:
        """Return the newest runs, newest first."""
        return service.history(self._permits.where, job, since, status, limit)

    def logs(self, name: words.Job, lines: words.Lines = None) -> words.Document:
        """Return what the run of this id, or the newest run of the job of this name, printed."""
        return service.logs(self._permits.where, name, lines)

    def incidents(self) -> words.Documents:
        """List what is wrong or noteworthy now."""
        return service.incidents(self._permits.where)

    def plan(self) -> words.Documents:
        """Return what a tick would start now, in order and with the reason."""
        return service.plan(self._permits.where)

    def check(self) -> words.Document:
        """Return every fault and doubt in the configuration."""
        return service.check(self._permits.where)

    def emit(self, event: words.EventName, payload: words.Payload = {}) -> words.Document:  # noqa: B006 - as above
        """Tell of an event: the next tick starts the jobs that listen to it."""
        return service.emit(self._permits.where, event, payload)

    async def rerun(self, run_id: words.Run, wait_seconds: words.Wait = WAIT) -> words.Document:
        """Run a run again: its next attempt, or, if it is over, a new run for its instant."""
        return await service.start_again(self._permits.where, run_id, wait=wait_seconds)

    def skip(self, job: words.Job, slot: words.Instant = None) -> words.Document:
        """Let go of a job's open slots, or of one, which may be one to come."""
        return service.skip(self._permits.where, job, slot)

    def stop(self, run_id: words.Run) -> words.Document:
        """End a run that is under way; it is not retried."""
        return service.stop(self._permits.where, run_id)

    def pause(self, jobs: words.Jobs, until: words.Until = None) -> words.Documents:
        """Start nothing, or none of these jobs, for now; what comes due meanwhile is caught up on."""
        return service.pause(self._permits.where, jobs, until)

    def resume(self, jobs: words.Jobs) -> words.Documents:
        """End the pause of all jobs, or those of these."""
        return service.resume(self._permits.where, jobs)
