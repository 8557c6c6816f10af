"""What is measured on: houses with jobs and a past, workspaces full of memories and mail. All of it reproducible."""

import json
import os
import random
import sqlite3
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

from benchmarks.measure import NotDoneError, Work, context, fresh, nothing
from scheduled.config.files import load_config
from scheduled.core.jobs import Job, key_of
from scheduled.state.sqlite.ledger import SqliteLedger, using

DAY = 24 * 3600
PROGRAM = str(Path(sysconfig.get_path("purelib"), "scheduled", "__main__.py"))
PYTHON = str(Path(sysconfig.get_path("scripts"), "python"))
HANDLERS = ("health", "memory_rollover", "mail_cleanup", "metrics", "daily_report")


class Runtime:
    """A configuration and a state directory under *root*, as the installed crontab line finds them."""

    def __init__(self, root: Path, toml: str) -> None:
        self.root = root
        self.config, self.state = root / "config" / "scheduled.toml", root / "state"
        self.config.parent.mkdir(parents=True)
        self.config.write_text(toml)
        self.env = {"SCHEDULED_CONFIG": str(self.config), "SCHEDULED_STATE": str(self.state)}

    def command(self, *words: str) -> list[str]:
        """Return a command line as the crontab has it: an isolated interpreter on an absolute file."""
        return [PYTHON, "-I", "-S", PROGRAM, *words]

    def work(
        self,
        label: str,
        *words: str,
        prepare: Callable[[], None] = nothing,
        check: Callable[[str], None] = nothing,
    ) -> Work:
        """Return the work of one invocation."""
        return Work(label, [self.command(*words)], prepare, check, self.env)

    def tick(self, *jobs: str) -> None:
        """Make a tick that nobody measures, of these *jobs* by hand if any are given."""
        subprocess.run(self.command("run", *jobs), env=context(self.env), check=True)

    def jobs(self) -> dict[str, Job]:
        """Return what the configuration says; raises NotDoneError if anything in it is wrong."""
        found = load_config(self.config)
        if found.problems:
            raise NotDoneError("\n".join(found.problems[:3]))
        return found.jobs

    def begin(self, ago: int) -> None:
        """Let every job's schedule have been in force since *ago* seconds before now, and never have run."""
        self.state.mkdir(mode=0o700)
        with using(SqliteLedger(self.state / "ledger.db")) as ledger, ledger.transaction():
            for job in self.jobs().values():
                ledger.begin_epoch(key_of(job), job.schedules, int(time.time()) - ago)
            ledger.remember("pruned", str(time.time()))  # which a tick does once a day

    def keep(self) -> None:
        """Remember the state as it is now."""
        fresh(self.state, self.root / "kept")

    def back(self) -> None:
        """Bring back the state as it was remembered."""
        fresh(self.root / "kept", self.state)

    def ask(self, question: str) -> list[tuple[object, ...]]:
        """Ask the ledger."""
        with closing(sqlite3.connect(self.state / "ledger.db")) as db:
            return db.execute(question).fetchall()


def commands(number: int, when: str) -> str:
    """Return a configuration of *number* jobs that run `true`, all at the same time."""
    tables = (f'[jobs.j{n}]\n{when}\ncommand = ["true"]\n' for n in range(number))
    return f'timezone = "UTC"\n{"".join(tables)}'


def expressions(number: int) -> list[str]:
    """Return different cron expressions, one half like `*/5`, the other once a day."""
    hours = [f"{first}-{last}" for first in range(24) for last in range(first + 1, 24)]
    often = [
        f"{start}-59/{step} {hour} * * *"
        for step, hour in product((5, 10, 15, 20), hours)
        for start in range(step)
    ]
    daily = [
        f"{minute} {hour} * * {weekdays}"
        for weekdays in ("*", "1-5", "0,6", "1,3,5")
        for hour, minute in product(range(24), range(60))
    ]
    chosen = random.Random(1)
    half = number // 2
    return [*chosen.sample(often, half), *chosen.sample(daily, number - half)]


def remember(runtime: Runtime, rows: int) -> None:
    """Give the house's jobs a past of *rows* runs, each with its slot and its attempt."""
    names = list(runtime.jobs())
    now = int(time.time())
    per_job = rows // len(names)
    with closing(sqlite3.connect(runtime.state / "ledger.db")) as db:
        past = [(name, now - DAY - 60 * n) for n in range(per_job) for name in names]
        db.executemany(
            "INSERT INTO runs (run_id, job, slot, slots, triggered_by, attempt, status, tick, boot, host, claimed_at,"
            " started_at, finished_at, duration_ms, exit_code) VALUES (?, ?, ?, 1, 'schedule', 1, 'success', 't', 'b',"
            " 'h', ?, ?, ?, 5, 0)",
            ((f"{job}-{at}", job, at, at + 1, at + 1, at + 2) for job, at in past),
        )
        db.executemany(
            "INSERT INTO slots (job, first, last, count, verdict, run_id, decided_at)"
            " VALUES (?, ?, ?, 1, 'success', ?, ?)",
            ((job, at, at, f"{job}-{at}", at) for job, at in past),
        )
        db.executemany(
            "INSERT INTO attempts (run_id, attempt, status, duration_ms, exit_code) VALUES (?, 1, 'success', 5, 0)",
            ((f"{job}-{at}",) for job, at in past),
        )
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def sweep_house(root: Path, workspace: Path, *handlers: str) -> Runtime:
    """Return a house whose jobs are these *handlers*: they have looked after *workspace* before, and are due again."""
    tables = (f'[jobs.{name}]\nhandler = "{name}"\ncron = "0 0 * * *"\n' for name in handlers)
    runtime = Runtime(root, f'timezone = "UTC"\nworkspace = "{workspace}"\n{"".join(tables)}')
    runtime.begin(DAY)
    runtime.tick(*handlers)
    runtime.keep()
    return runtime


def workspace(root: Path, branches: int, *, lines: int = 400, mails: int = 40) -> None:
    """Fill *root* with branches of two memory files and one inbox each; nothing in it is stale or over a limit."""
    now = datetime.now(UTC)
    (root / "aipass_os" / "AI_CENTRAL").mkdir(parents=True)
    (root / "system_logs").mkdir()
    entries = []
    for number in range(branches):
        name = "DEV_CENTRAL" if number == 0 else f"BRANCH{number}"
        home = root / name.lower()
        _branch(home, name, lines, inbox(mails, now, seed=number))
        entries.append({"name": name, "path": str(home), "email": f"@{name.lower()}"})
    (root / "BRANCH_REGISTRY.json").write_text(json.dumps({"branches": entries}, indent=2))
    settle(root)


def _branch(home: Path, name: str, lines: int, mail: Sequence[dict[str, object]]) -> None:
    (home / "ai_mail.local").mkdir(parents=True)
    (home / "README.md").write_text(f"# {name}\n")
    (home / "DASHBOARD.local.json").write_text("{}\n")
    for kind in ("local", "observations"):
        text = "".join(f'    "line {n} of what {name} remembers, at some length",\n' for n in range(lines))
        (home / f"{name}.{kind}.json").write_text(text)
    (home / "ai_mail.local" / "inbox.json").write_bytes(as_inbox(mail))


def settle(root: Path) -> None:
    """Let the files under *root* be an hour old: what was written a moment ago is looked at again by anyone."""
    before = time.time() - 3600
    for here, _, names in os.walk(root):
        for name in names:
            os.utime(Path(here, name), (before, before))
    time.sleep(2.1)  # the times of their last change of all can't be set


def inbox(mails: int, now: datetime, seed: int = 0, stale: Iterable[int] = ()) -> list[dict[str, object]]:
    """Return *mails* messages of the last day, those numbered in *stale* three days old, as the mail program has them."""
    drawn, old = random.Random(seed), set(stale)
    return [
        {
            "id": f"{drawn.getrandbits(32):08x}",
            "timestamp": f"{now - (timedelta(days=3) if n in old else timedelta(hours=n % 20)):%Y-%m-%d %H:%M:%S}",
            "from": f"@branch{drawn.randrange(2000)}",
            "from_name": "BRANCH",
            "subject": f"Subject number {n}",
            "message": "What there is to say, in a sentence or two.\nAnd a second line.",
            "status": ("new", "opened", "closed")[n % 3] if n not in old else "new",
            "auto_execute": False,
            "priority": "normal",
        }
        for n in range(mails)
    ]


def as_inbox(messages: Sequence[dict[str, object]]) -> bytes:
    """Return an inbox file as the mail program writes it."""
    unread = sum(message["status"] == "new" for message in messages)
    document = {
        "mailbox": "inbox",
        "total_messages": len(messages),
        "unread_count": unread,
        "messages": messages,
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode()
