"""The output of runs that a tick prints, so that cron mails it as it does for its own jobs: `mail_output` of a job."""

from collections.abc import Collection, Iterable

from scheduled.advice import complete
from scheduled.core.events import Event
from scheduled.core.incidents import Message
from scheduled.core.jobs import job_of
from scheduled.core.keys import JobKey
from scheduled.engine.announcing import ENDS, Printed
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError
from scheduled.execution import masked_output
from scheduled.state.ledger import Ledger

MOST = 1 << 14  # bytes of the output of a run
NAMED = 3  # runs of a notice about many that are printed


def of_incidents(runtime: Runtime, ledger: Ledger, text: str, message: Message) -> list[Printed]:
    """Return the last output of the runs that *message*, with this *text*, is about; none with `mail_output = "never"`.

    Output that several of them have is returned once.
    """
    found = list[Printed]()
    for incident in message.incidents[:NAMED]:
        job, run = job_of(runtime.config.jobs, incident.key), ledger.run(incident.run_id)
        if job is not None and run is not None and job.mail_output != "never":
            printed = _printed(runtime, text, incident.key, run.run_id, run.attempt)
            known = ("", *(one.output for one in found))
            found += [] if printed.output in known else [printed]
    return found


def of_all(runtime: Runtime, events: Iterable[Event], known: Collection[str]) -> list[Printed]:
    """Return the output of the runs with `mail_output = "always"` that have ended by *events*, without the *known* ones."""
    found = []
    for event in events:
        key = JobKey(str(event.payload.get("job", "")), str(event.payload.get("target", "")))
        job, run_id = runtime.config.jobs.get(key.job), str(event.payload.get("run_id", ""))
        if event.name in ENDS and job is not None and job.mail_output == "always" and run_id not in known:
            attempt = int(str(event.payload["attempt"]))
            printed = _printed(
                runtime, f"{key.display_name}: {event.payload['status']}", key, run_id, attempt
            )
            found += [printed] if printed.output else []
    return found


def _printed(runtime: Runtime, text: str, key: JobKey, run_id: str, attempt: int) -> Printed:
    output = masked_output.of(runtime.paths, run_id, attempt)
    try:
        data, size = output.end(MOST, final=not output.is_growing())
    except (OSError, ScheduledError):
        return Printed(text=text, job=key.job, target=key.target, run_id=run_id, output="")
    shown = data.decode(errors="replace")
    if size > len(data):
        cut = shown.partition("\n")[2] or shown
        shown = complete(f"[the last part; `scheduled logs {run_id}` prints all of it]\n") + cut
    return Printed(text=text, job=key.job, target=key.target, run_id=run_id, output=shown)
