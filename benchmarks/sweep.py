"""The built-in handlers over a large workspace: the first time, and when nothing has changed since."""

import json
import shutil
from collections.abc import Iterator
from math import inf
from pathlib import Path

from benchmarks.measure import Figure, NotDoneError, Work, compare
from benchmarks.worlds import HANDLERS, Runtime, sweep_house, workspace

LINES, MAILS = 400, 40
HOURLY = tuple(name for name in HANDLERS if name != "daily_report")


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare all handlers in one tick with the plainest tools that read the same files."""
    branches, runs = (500, 3) if quick else (2_000, 7)
    runtime, place = looked_after(root / "large", branches)
    what = f"{branches:,} branches"
    theirs = plain_tools(place, branches)
    first = swept(runtime, place, branches, f"all handlers over {what}, first time", first=True)
    yield compare("sweep", first, theirs, limit=1.0, gate=4.0, runs=runs)
    again = swept(runtime, place, branches, f"all handlers over {what}, nothing changed")
    yield compare("sweep", again, first, limit=1.0, gate=0.95, runs=runs)
    yield compare("sweep", again, theirs, limit=0.1, gate=3.0, runs=runs)
    runtime = sweep_house(root / "hourly", place, *HOURLY)
    hourly = swept(runtime, place, branches, f"the hourly handlers over {what}, nothing changed")
    yield compare("sweep", hourly, theirs, limit=inf, gate=3.0, runs=runs)
    single = swept(*looked_after(root / "small", 1), 1, "all handlers over a single branch")
    yield compare("sweep", single, theirs, limit=inf, gate=inf, runs=runs)


def looked_after(root: Path, branches: int) -> tuple[Runtime, Path]:
    """Return a house with every handler due, and its workspace."""
    place = root / "workspace"
    workspace(place, branches, lines=LINES, mails=MAILS)
    return sweep_house(root / "house", place, *HANDLERS), place


def swept(runtime: Runtime, place: Path, branches: int, label: str, *, first: bool = False) -> Work:
    """Return a tick in which every handler is due, and see whether each has counted everything."""
    inbox = place / "dev_central" / "ai_mail.local" / "inbox.json"
    kept = place.with_name("inbox.json")
    if not kept.exists():
        shutil.copy2(inbox, kept)
    central = place / "aipass_os" / "AI_CENTRAL"

    def prepare() -> None:
        runtime.back()
        for name in ("METRICS", "HEALTH"):
            (central / f"{name}.central.json").unlink(missing_ok=True)
        shutil.copy2(kept, inbox)  # the daily report was delivered to it
        for path in runtime.state.glob("seen*") if first else ():
            path.unlink()

    def counted(_: str) -> None:
        metrics = json.loads((central / "METRICS.central.json").read_text())
        health = json.loads((central / "HEALTH.central.json").read_text())
        found = (
            metrics["memory"]["total_lines"],
            metrics["mail"]["total_messages"] // MAILS,
            len(health["details"]),
        )
        if found != (2 * branches * LINES, branches, branches):
            raise NotDoneError(f"the sweep has counted {found}")

        done = runtime.ask("SELECT count(*) FROM runs WHERE triggered_by = 'schedule' AND status = 'success'")
        if done != [(len(runtime.jobs()),)]:
            raise NotDoneError(f"not every handler was due, and did its work: {done}")

    return runtime.work(label, "run", prepare=prepare, check=counted)


def plain_tools(place: Path, branches: int) -> Work:
    """Return `wc -l` over the memory files and one `jq` over the inboxes."""
    memories = f"find {place} -name '*.local.json' ! -name 'DASHBOARD*' -o -name '*.observations.json'"
    script = (
        f"{{ {memories}; }} | tr '\\n' '\\0' | xargs -0 -s 2000000 wc -l | tail -n 1;"
        f" find {place} -name inbox.json -print0 | xargs -0 -s 2000000 jq -n '[inputs.messages | length] | add'"
    )

    def counted(printed: str) -> None:
        lines, _, mails = printed.split()
        if (int(mails) // MAILS, int(lines)) != (branches, 2 * branches * LINES):
            raise NotDoneError(f"the plain tools have counted {printed}")

    return Work("`find | xargs wc -l` and one `jq`", [["sh", "-c", script]], check=counted)
