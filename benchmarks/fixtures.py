"""The reproducible data of the benchmarks: configurations, ledgers with a history, workspaces with memory files and mail."""

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

from benchmarks.measure import NotDoneError, Work, copy_tree, environment, nothing
from scheduled.config.files import load_config
from scheduled.config.made_from import FINE
from scheduled.core.jobs import Job, key_of
from scheduled.state.sqlite.ledger import SqliteLedger, using

DAY = 24 * 3600
PROGRAM = str(Path(sysconfig.get_path("purelib"), "scheduled", "__main__.py"))
PYTHON = str(Path(sysconfig.get_path("scripts"), "python"))
HANDLERS = ("health", "memory_rollover", "mail_cleanup", "metrics", "daily_report")


class Runtime:
    """A configuration and a state directory under *root*, for calls like those of the installed crontab line."""

    def __init__(self, root: Path, toml: str) -> None:
        self.root = root
        self.config, self.state = root / "config" / "scheduled.toml", root / "state"
        self.config.parent.mkdir(parents=True)
        self.config.write_text(toml)
        self.env = {"SCHEDULED_CONFIG": str(self.config), "SCHEDULED_STATE": str(self.state)}

    def command(self, *words: str) -> list[str]:
        """Return a command line as in the crontab: an isolated interpreter and the absolute path of the program."""
        return [PYTHON, "-I", "-S", PROGRAM, *words]

    def work(
        self,
        label: str,
        *words: str,
        prepare: Callable[[], None] = nothing,
        check: Callable[[str], None] = nothing,
    ) -> Work:
        """Return a work with one call of the program."""
        return Work(label, [self.command(*words)], prepare, check, self.env)

    def tick(self, *jobs: str) -> None:
        """Make a tick that is not measured. With *jobs*, run these jobs manually.

        It is later than the last change of the configuration, as a tick of cron is: otherwise it would not keep what it parsed.
        """
        time.sleep(max(0.0, os.stat(self.config).st_ctime + 2 * FINE - time.time()))
        subprocess.run(self.command("run", *jobs), env=environment(self.env), check=True)

    def jobs(self) -> dict[str, Job]:
        """Return the configured jobs. Raise NotDoneError if the configuration has a problem."""
        found = load_config(self.config)
        if found.problems:
            raise NotDoneError("\n".join(found.problems[:3]))
        return found.jobs

    def begin_epochs(self, ago: int) -> None:
        """Begin the epoch of every job *ago* seconds before now, without any run."""
        self.state.mkdir(mode=0o700)
        with using(SqliteLedger(self.state / "ledger.db")) as ledger, ledger.transaction():
            for job in self.jobs().values():
                ledger.begin_epoch(key_of(job), job.schedules, int(time.time()) - ago)
            ledger.remember("pruned", str(time.time()))  # otherwise the tick prunes the history

    def save_state(self) -> None:
        """Save a copy of the state directory."""
        copy_tree(self.state, self.root / "saved")

    def restore_state(self) -> None:
        """Restore the state directory from the saved copy."""
        copy_tree(self.root / "saved", self.state)

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Return the rows of an SQL query on the ledger."""
        with closing(sqlite3.connect(self.state / "ledger.db")) as db:
            return db.execute(statement).fetchall()


def command_jobs(number: int, schedule: str) -> str:
    """Return a configuration with *number* jobs that run `true`, all with the same *schedule* line."""
    tables = (f'[jobs.j{n}]\n{schedule}\ncommand = ["true"]\n' for n in range(number))
    return f'timezone = "UTC"\n{"".join(tables)}'


def expressions(number: int) -> list[str]:
    """Return *number* different cron expressions: one half several times an hour, the other half once a day."""
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


def add_history(runtime: Runtime, rows: int) -> None:
    """Insert *rows* past runs of the configured jobs into the ledger, each with its slot and its attempt."""
    names = list(runtime.jobs())
    now = int(time.time())
    per_job = rows // len(names)
    with closing(sqlite3.connect(runtime.state / "ledger.db")) as db:
        past = [(name, now - DAY - 60 * n) for n in range(per_job) for name in names]
        db.executemany(
            "INSERT INTO runs (run_id, job, slot, slots, trigger, attempt, status, tick, origin, claimed_at,"
            " started_at, finished_at, duration_ms, exit_code, printed) VALUES (?, ?, ?, 1, 'schedule', 1, 'success', '',"
            " 1, ?, ?, ?, 5, 0, 0)",
            ((f"{job}-{at}", job, at, at + 1, at + 1, at + 2) for job, at in past),
        )
        db.executemany(
            "INSERT INTO slots (job, first, last, count, verdict, run_id, decided_at)"
            " VALUES (?, ?, ?, 1, 'success', ?, ?)",
            ((job, at, at, f"{job}-{at}", at) for job, at in past),
        )
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def handler_runtime(root: Path, workspace: Path, *handlers: str) -> Runtime:
    """Return a runtime with one job for each of *handlers*. They have run on *workspace* once and are due again."""
    tables = (f'[jobs.{name}]\nhandler = "{name}"\ncron = "0 0 * * *"\n' for name in handlers)
    runtime = Runtime(root, f'timezone = "UTC"\nworkspace = "{workspace}"\n{"".join(tables)}')
    runtime.begin_epochs(DAY)
    runtime.tick(*handlers)
    runtime.save_state()
    return runtime


def make_workspace(root: Path, branches: int, *, lines: int = 400, mails: int = 40) -> None:
    """Create *branches* branches in *root*, each with two memory files and an inbox. Nothing is stale or over a limit."""
    now = datetime.now(UTC)
    (root / "aipass_os" / "AI_CENTRAL").mkdir(parents=True)
    (root / "system_logs").mkdir()
    entries = []
    for number in range(branches):
        name = "DEV_CENTRAL" if number == 0 else f"BRANCH{number}"
        directory = root / name.lower()
        _make_branch(directory, name, lines, inbox(mails, now, seed=number))
        entries.append({"name": name, "path": str(directory), "email": f"@{name.lower()}"})
    (root / "BRANCH_REGISTRY.json").write_text(json.dumps({"branches": entries}, indent=2))
    age_files(root)


def _make_branch(directory: Path, name: str, lines: int, mail: Sequence[dict[str, object]]) -> None:
    (directory / "ai_mail.local").mkdir(parents=True)
    (directory / "README.md").write_text(f"# {name}\n")
    (directory / "DASHBOARD.local.json").write_text("{}\n")
    for kind in ("local", "observations"):
        text = "".join(f'    "line {n} of what {name} remembers, at some length",\n' for n in range(lines))
        (directory / f"{name}.{kind}.json").write_text(text)
    (directory / "ai_mail.local" / "inbox.json").write_bytes(encode_inbox(mail))


def age_files(root: Path) -> None:
    """Set the time of all files under *root* back by an hour: the cache does not keep files that have changed recently."""
    hour_ago = time.time() - 3600
    for directory, _, names in os.walk(root):
        for name in names:
            os.utime(Path(directory, name), (hour_ago, hour_ago))
    time.sleep(2.1)  # the change time (ctime) cannot be set, so wait until it is old enough for the cache


def inbox(mails: int, now: datetime, seed: int = 0, stale: Iterable[int] = ()) -> list[dict[str, object]]:
    """Return *mails* messages of the mail program: those with a number in *stale* are three days old, all others at most a day."""
    numbers, old = random.Random(seed), set(stale)
    return [
        {
            "id": f"{numbers.getrandbits(32):08x}",
            "timestamp": f"{now - (timedelta(days=3) if n in old else timedelta(hours=n % 20)):%Y-%m-%d %H:%M:%S}",
            "from": f"@branch{numbers.randrange(2000)}",
            "from_name": "BRANCH",
            "subject": f"Subject number {n}",
            "message": "The text of the mail, in a sentence or two.\nAnd a second line.",
            "status": ("new", "opened", "closed")[n % 3] if n not in old else "new",
            "auto_execute": False,
            "priority": "normal",
        }
        for n in range(mails)
    ]


def encode_inbox(messages: Sequence[dict[str, object]]) -> bytes:
    """Return the bytes of an inbox file as the mail program writes it."""
    unread = sum(message["status"] == "new" for message in messages)
    document = {
        "mailbox": "inbox",
        "total_messages": len(messages),
        "unread_count": unread,
        "messages": messages,
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode()
