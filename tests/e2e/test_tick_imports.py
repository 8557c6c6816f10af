"""What an ordinary tick imports, and a query: the imports are most of their time."""

import os
import subprocess
import sys
import time

import pytest

from scheduled.config.files import load_config
from scheduled.core.jobs import key_of
from scheduled.state.sqlite.ledger import SqliteLedger, using
from tests.fixtures.world import ENTRY

# Large modules of the standard library (`inspect` is also imported by typing_extensions), libraries, and modules for what is rare.
NOT_NEEDED = {
    "dataclasses", "difflib", "inspect", "shlex", "subprocess", "hashlib", "random", "socket", "tempfile", "shutil", "logging", "asyncio",
    "click", "rich", "jinja2", "cronsim", "filelock", "tomlkit", "crontab",
    "scheduled.actions.target_words",
    "scheduled.install.block",
    "scheduled.core.failure_classes",
    "scheduled.engine.gate_checks",
    "scheduled.config.metrics_settings",
    "scheduled.engine.job_metrics",
    "scheduled.engine.journal",
    "scheduled.engine.log_json",
    "scheduled.engine.metrics",
    "scheduled.engine.textfile",
    "scheduled.notify.openmetrics",
    "scheduled.execution.masked_output",
    "scheduled.execution.report_lines",
    "scheduled.notify.conditions",
    "scheduled.notify.routes",
    "scheduled.state.open",
}  # fmt: skip


def make_due(world):
    """Let the epoch of every configured job begin a day ago, so that the next tick starts it."""
    world.state.mkdir(mode=0o700)
    with using(SqliteLedger(world.state / "ledger.db")) as ledger, ledger.transaction():
        for job in load_config(world.config).jobs.values():
            ledger.begin_epoch(key_of(job), job.schedules, int(time.time()) - 24 * 3600)


def imported_by(world, verb):
    command = [sys.executable, "-X", "importtime", "-I", "-S", ENTRY, *world.command(verb)[2:]]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_a_tick_with_a_due_command_imports_nothing_that_is_rarely_needed(world):
    world.configure('[jobs.a]\ncron = "* * * * *"\ncommand = "true"\n')
    make_due(world)

    found = imported_by(world, "run")

    assert world.sql("SELECT status FROM runs") == [("success",)]
    assert sorted(found & NOT_NEEDED) == []


@pytest.mark.parametrize("verb", ["status", "jobs", "next"])
def test_a_query_about_ordinary_jobs_imports_no_statistics(world, verb):
    world.configure('[jobs.a]\ncron = "0 0 1 1 *"\ncommand = "true"\n')
    world.run("run")

    assert "statistics" not in imported_by(world, verb)
