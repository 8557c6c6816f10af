"""The tools an agent really needs: why, what next, what was, and events."""

from typing import ClassVar

from scheduled import service
from scheduled.interfaces.mcp import schema
from scheduled.interfaces.permissions import Permission, Permissions

WAIT = 30.0


class OwnTools:
    """Each is the question of `service` of its name."""

    NAMES: ClassVar[dict[str, Permission | None]] = {
        **dict.fromkeys(("explain", "forecast", "next_slots", "audit", "history", "logs", "incidents", "plan", "check")),
        **dict.fromkeys(("emit", "rerun", "skip", "stop"), "run"),
        **dict.fromkeys(("pause", "resume"), "toggle"),
    }  # fmt: skip

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions

    def explain(self, job: schema.Job, at: schema.Instant = None) -> schema.Document:
        """Say why a job ran, did not, or will; with `at`, what became of its slot at or before that instant."""
        return service.explain(self._permissions.instance, job, at)

    def forecast(
        self,
        first: schema.Moment,
        last: schema.Moment,
        outages: schema.Outages = [],  # noqa: B006 - a schema's default; nobody changes it
        job: schema.AnyJob = None,
    ) -> schema.Documents:
        """Return what will run from `first` until before `last`, through outages too."""
        return service.forecast(self._permissions.instance, first, last, outages, job)

    def next_slots(self, job: schema.AnyJob = None, limit: schema.Limit = 10) -> schema.Documents:
        """Return the next slots, of a job or of all."""
        return service.upcoming(self._permissions.instance, job, limit)

    def audit(self, after: schema.Instant = None, until: schema.Instant = None) -> schema.Document:
        """Prove that every slot is accounted for, or list those that are not."""
        return service.audit(self._permissions.instance, after, until)

    def history(
        self,
        job: schema.AnyJob = None,
        since: schema.Since = None,
        status: schema.Status = None,
        limit: schema.Limit = 20,
    ) -> schema.Documents:
        """Return the newest runs, newest first."""
        return service.history(self._permissions.instance, job, since, status, limit)

    def logs(self, name: schema.Job, lines: schema.Lines = None) -> schema.Document:
        """Return what the run of this id, or the newest run of the job of this name, printed."""
        return service.logs(self._permissions.instance, name, lines)

    def incidents(self) -> schema.Documents:
        """List what is wrong or noteworthy now."""
        return service.incidents(self._permissions.instance)

    def plan(self) -> schema.Documents:
        """Return what a tick would start now, in order and with the reason."""
        return service.plan(self._permissions.instance)

    def check(self) -> schema.Document:
        """Return every fault and doubt in the configuration."""
        return service.check(self._permissions.instance)

    def emit(self, event: schema.EventName, payload: schema.Payload = {}) -> schema.Document:  # noqa: B006 - as above
        """Tell of an event: the next tick starts the jobs that listen to it."""
        return service.emit(self._permissions.instance, event, payload)

    async def rerun(self, run_id: schema.Run, wait_seconds: schema.Wait = WAIT) -> schema.Document:
        """Run a run again: its next attempt, or, if it is over, a new run for its instant."""
        return await service.start_again(self._permissions.instance, run_id, wait=wait_seconds)

    def skip(self, job: schema.Job, slot: schema.Instant = None) -> schema.Document:
        """Let go of a job's open slots, or of one, which may be one to come."""
        return service.skip(self._permissions.instance, job, slot)

    def stop(self, run_id: schema.Run) -> schema.Document:
        """End a run that is under way; it is not retried."""
        return service.stop(self._permissions.instance, run_id)

    def pause(self, jobs: schema.Jobs, until: schema.Until = None) -> schema.Documents:
        """Start nothing, or none of these jobs, for now; what comes due meanwhile is caught up on."""
        return service.pause(self._permissions.instance, jobs, until)

    def resume(self, jobs: schema.Jobs) -> schema.Documents:
        """End the pause of all jobs, or those of these."""
        return service.resume(self._permissions.instance, jobs)
