"""Row `sweep`: the built-in handlers on a large workspace, the first time and without changes since then."""

import json
import shutil
from collections.abc import Iterator
from math import inf
from pathlib import Path

from benchmarks.fixtures import HANDLERS, Runtime, handler_runtime, make_workspace
from benchmarks.measure import Figure, NotDoneError, Work, compare

LINES, MAILS = 400, 40
HOURLY = tuple(name for name in HANDLERS if name != "daily_report")


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare all handlers in one tick with basic tools that read the same files."""
    branches, runs = (500, 3) if quick else (2_000, 7)
    runtime, workspace = with_all_handlers(root / "large", branches)
    what = f"{branches:,} branches"
    tools = basic_tools(workspace, branches)
    first = handler_tick(runtime, workspace, branches, f"all handlers over {what}, first time", first=True)
    yield compare("sweep", first, tools, limit=0.75, gate=4.0, runs=runs)
    again = handler_tick(runtime, workspace, branches, f"all handlers over {what}, nothing changed")
    yield compare("sweep", again, first, limit=1.0, gate=0.95, runs=runs)
    yield compare("sweep", again, tools, limit=0.25, gate=3.0, runs=runs)
    runtime = handler_runtime(root / "hourly", workspace, *HOURLY)
    hourly = handler_tick(runtime, workspace, branches, f"the hourly handlers over {what}, nothing changed")
    yield compare("sweep", hourly, tools, limit=inf, gate=3.0, runs=runs)
    single = handler_tick(*with_all_handlers(root / "small", 1), 1, "all handlers over a single branch")
    yield compare("sweep", single, tools, limit=inf, gate=inf, runs=runs)


def with_all_handlers(root: Path, branches: int) -> tuple[Runtime, Path]:
    """Return a runtime in which every handler is due, and its workspace."""
    workspace = root / "workspace"
    make_workspace(workspace, branches, lines=LINES, mails=MAILS)
    return handler_runtime(root / "runtime", workspace, *HANDLERS), workspace


def handler_tick(
    runtime: Runtime, workspace: Path, branches: int, label: str, *, first: bool = False
) -> Work:
    """Return a tick in which every handler is due, with a check that each one processed all branches."""
    inbox = workspace / "dev_central" / "ai_mail.local" / "inbox.json"
    kept = workspace.with_name("inbox.json")
    if not kept.exists():
        shutil.copy2(inbox, kept)
    central = workspace / "aipass_os" / "AI_CENTRAL"

    def prepare() -> None:
        runtime.restore_state()
        for name in ("METRICS", "HEALTH"):
            (central / f"{name}.central.json").unlink(missing_ok=True)
        shutil.copy2(kept, inbox)  # the previous run delivered the daily report to it
        for path in runtime.state.glob("seen*") if first else ():
            path.unlink()

    def check_counts(_: str) -> None:
        metrics = json.loads((central / "METRICS.central.json").read_text())
        health = json.loads((central / "HEALTH.central.json").read_text())
        found = (
            metrics["memory"]["total_lines"],
            metrics["mail"]["total_messages"] // MAILS,
            len(health["details"]),
        )
        if found != (2 * branches * LINES, branches, branches):
            raise NotDoneError(f"the handlers counted {found}")

        done = runtime.sql("SELECT count(*) FROM runs WHERE trigger = 'schedule' AND status = 'success'")
        if done != [(len(runtime.jobs()),)]:
            raise NotDoneError(f"not every handler succeeded in its slot: {done}")

    return runtime.work(label, "run", prepare=prepare, check=check_counts)


def basic_tools(workspace: Path, branches: int) -> Work:
    """Return `wc -l` over the memory files and one `jq` over the inboxes."""
    memories = f"find {workspace} -name '*.local.json' ! -name 'DASHBOARD*' -o -name '*.observations.json'"
    script = (
        f"{{ {memories}; }} | tr '\\n' '\\0' | xargs -0 -s 2000000 wc -l | tail -n 1;"
        f" find {workspace} -name inbox.json -print0 | xargs -0 -s 2000000 jq -n '[inputs.messages | length] | add'"
    )

    def check_counts(printed: str) -> None:
        lines, _, mails = printed.split()
        if (int(mails) // MAILS, int(lines)) != (branches, 2 * branches * LINES):
            raise NotDoneError(f"the basic tools counted {printed}")

    return Work("`find | xargs wc -l` and one `jq`", [["sh", "-c", script]], check=check_counts)
