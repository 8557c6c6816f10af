"""Write the metrics into the file that node_exporter reads (`[metrics] textfile`), at the end of a tick that was not idle."""

import errno
import os
import pwd
from collections.abc import Iterator

from scheduled.config.metrics_settings import file_of
from scheduled.core.troubles import Trouble
from scheduled.engine import heartbeat, metrics
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError
from scheduled.notify.openmetrics import Labels, text
from scheduled.state.files import RefusedError, read_regular, write_atomically
from scheduled.state.ledger import Ledger, Meta
from scheduled.state.locks import exclusive

MODE = 0o644  # node_exporter runs as another user
REMARK = "# Written by scheduled for "
FAILED = "metrics_error"  # key in the ledger's meta: why the file could not be written the last time, '' if it could
ADVICE = {
    errno.ENOENT: "create the directory",
    errno.EACCES: "let this user write to the directory",
    errno.EPERM: "let this user write to the directory",
}


def export(runtime: Runtime, ledger: Ledger, beat: int | None, now: float) -> bool:
    """Write the metrics at *now*; *beat* is the heartbeat of this tick, None if it is not one.

    Return whether the problem with the file has changed: see `problems`. A failure makes the tick exit with 1.
    """
    failure = _failure(runtime, ledger, beat, now)
    if failure:
        runtime.unrecorded = True
        runtime.log_line("ERROR", failure)
    if failure == (ledger.meta(FAILED) or ""):
        return False
    with ledger.transaction(durable=False):
        ledger.remember(FAILED, failure)
    return True


def problems(ledger: Meta) -> dict[str, Trouble]:
    """Return the trouble that the file could not be written the last time, by its key."""
    failure = ledger.meta(FAILED)
    return {"metrics:": Trouble(text=failure, kind="metrics")} if failure else {}


def _failure(runtime: Runtime, ledger: Ledger, beat: int | None, now: float) -> str:
    """Write the file; return why that is not possible, '' if it was."""
    path = file_of(str(runtime.config.metrics.textfile))
    try:
        # Of two ticks at once, the one that reads the ledger later writes later: no counter goes back.
        with exclusive(runtime.paths.root / "metrics.lock"):
            _write(runtime, ledger, beat, now)
    except (OSError, RefusedError) as error:
        words = getattr(error, "strerror", None) or str(error)
        advice = ADVICE.get(getattr(error, "errno", 0) or 0)
        words = words if words.startswith(str(path)) else f"{path}: {words}"
        return f"metrics: can't be written: {words}" + (
            f"; {advice}, or change [metrics] textfile" if advice else ""
        )
    except ScheduledError as error:
        return f"metrics: can't be written: {error}"
    return ""


def _write(runtime: Runtime, ledger: Ledger, beat: int | None, now: float) -> None:
    path = file_of(str(runtime.config.metrics.textfile))
    remark = f"{REMARK.removeprefix('# ')}{runtime.paths.root}"
    _refuse_other(os.fspath(path), remark)
    last = heartbeat.last(ledger, runtime.paths.snapshot)
    beats = [one for one in (beat, last) if one is not None and one <= now * 1e9]
    families = metrics.collect(ledger, runtime.config, now, max(beats, default=None))
    write_atomically(
        path, text(families, labels_of(runtime.config.metrics.labels), remark).encode(), mode=MODE
    )


def _refuse_other(path: str, remark: str) -> None:
    """Raise RefusedError if the file has the metrics of another instance, which would replace these at its next tick."""
    try:
        first = read_regular(path).partition(b"\n")[0].decode(errors="replace")
    except FileNotFoundError:
        return
    if first.startswith(REMARK) and first != f"# {remark}":
        raise RefusedError(
            f"{path}: has the metrics of another instance, {first.removeprefix(REMARK)}; "
            "name another file, with the suffix .prom, in [metrics] textfile"
        )


def doubts(source: str, textfile: str) -> Iterator[str]:
    """Yield a warning about the file that *textfile* means, if a tick could not write it; *source* names the configuration."""
    directory = file_of(textfile).parent
    if not directory.is_dir():
        yield f"{source}: metrics.textfile: {directory} is not a directory; create it, or change the key"
    elif not os.access(directory, os.W_OK | os.X_OK):
        yield f"{source}: metrics.textfile: this user may not write to {directory}; change its mode, or the key"


def labels_of(configured: Labels | None) -> Labels:
    """Return the labels of all metrics: those that are *configured*, otherwise the name of the user.

    Several users of a host write to the same directory, and node_exporter refuses two samples of the same name and labels.
    """
    if configured is not None:
        return configured
    try:
        return {"user": pwd.getpwuid(os.geteuid()).pw_name}
    except KeyError:
        return {"user": str(os.geteuid())}
