"""`[metrics] textfile` and `scheduled metrics`, with real ticks: complete, readable, and no reason for a job to fail."""

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROMETHEUS = Path(__file__).parents[2] / "docs" / "prometheus"
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="!!! NOT TESTED: the format of the metrics and the alert rules need promtool (Debian: prometheus) !!!",
)
USER = pwd.getpwuid(os.geteuid()).pw_name
KILLED_WHILE_WRITING = """
import os, signal, sys
from scheduled.state import files
from scheduled.cli.main import main
write_all, directory = files.write_all, sys.argv.pop()
def half(fd, data):
    if os.readlink(f"/proc/self/fd/{fd}").startswith(directory):
        write_all(fd, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write_all(fd, data)
files.write_all = half
main()
"""

KILLED_BEFORE_IT_PRINTS = """
import os, signal
from scheduled.instance import Instance
from scheduled.cli import reply
from scheduled.cli.main import main
from scheduled.commands import ticked
ticked._document = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


@pytest.fixture
def metered(world):
    """A world with a directory for the metrics; `world.file` is the file in it."""
    directory = world.root / "textfiles"
    directory.mkdir()
    world.file = directory / "scheduled.prom"
    world.configure(f"""
        timezone = "UTC"
        [metrics]
        textfile = "{directory}"
        [jobs.good]
        command = "true"
        [jobs.bad]
        command = "exit 3"
        [jobs.each]
        for_each = ["a\\\\b", 'e"f']
        command = "true"
    """)
    return world


def values(text):
    """Return the value of each series of *text*."""
    found = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {series.replace(f',user="{USER}"', ""): float(value) for series, _, value in found}


@needs_promtool
def test_promtool_accepts_the_file_and_what_the_command_prints(metered):
    metered.run("run")
    metered.run("run", "good", "bad", "each")
    printed = metered.run("metrics")

    for text in (metered.file.read_text(), printed.stdout):
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert printed.stderr == ""


@needs_promtool
@pytest.mark.parametrize("words", [("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml")])
def test_promtool_accepts_the_alert_rules_and_their_tests(words):
    done = subprocess.run(["promtool", *words], cwd=PROMETHEUS, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_tick_writes_a_file_that_every_user_can_read(metered):
    done = metered.run("run", "bad", umask=0o77)

    text = metered.file.read_text()
    assert (done.returncode, metered.file.stat().st_mode & 0o777) == (1, 0o644)
    assert text.startswith(f"# Written by scheduled for {metered.state}\n")
    assert values(text)['scheduled_job_runs_total{job_name="bad",status="failed"}'] == 1
    assert values(text)['scheduled_job_last_run_exit_code{job_name="bad"}'] == 3
    assert [path.name for path in metered.file.parent.iterdir()] == ["scheduled.prom"]


def test_the_document_has_the_numbers_of_the_text(metered):
    metered.run("run", "good")
    families = metered.json("metrics")

    assert {family["name"]: family["type"] for family in families}["scheduled_runs_total"] == "counter"
    [runs] = [one["samples"] for one in families if one["name"] == "scheduled_runs_total"]
    assert runs == [
        {"labels": {"status": "success", "user": USER}, "value": 1.0},
        {"labels": {"status": "failed", "user": USER}, "value": 0.0},
    ]


def test_an_idle_tick_leaves_the_file_alone(metered):
    metered.run("run")
    before = metered.file.read_bytes(), metered.file.stat().st_mtime_ns, metered.file.stat().st_ino
    idle = subprocess.run(metered.command("run"), stdin=subprocess.DEVNULL, capture_output=True, check=True)
    found = metered.file.read_bytes(), metered.file.stat().st_mtime_ns, metered.file.stat().st_ino
    assert (idle.stdout, idle.stderr) == (b"", b"")
    assert found == before


def test_a_file_that_cannot_be_written_is_printed_once_and_stops_no_job(metered):
    shutil.rmtree(metered.file.parent)
    first, second = (metered.run("run", "good") for _ in range(2))
    status = metered.json("status")["problems"]
    metered.file.parent.mkdir()
    third = metered.run("run", "good")

    problem = (
        f"metrics: can't be written: {metered.file}: No such file or directory; "
        "create the directory, or change [metrics] textfile"
    )
    assert (first.returncode, first.stderr) == (1, f"scheduled: {problem}\n")
    assert (second.returncode, second.stderr) == (1, "")
    assert problem in status
    assert third.returncode == 0
    what = re.escape(problem.partition("; ")[0])
    assert re.fullmatch(rf"scheduled: over after \d+s: {what}\n", third.stderr)
    assert "WARNING" not in (metered.state / "scheduled.log").read_text()
    assert metered.json("status")["problems"] == [
        text for text in metered.json("status")["problems"] if "metrics" not in text
    ]
    assert [run["status"] for run in metered.json("history")] == ["success"] * 3
    assert values(metered.file.read_text())['scheduled_job_runs_total{job_name="good",status="success"}'] == 3


def test_what_the_tick_announced_before_is_kept_with_the_problem_of_the_file(metered):
    """Both are printed by the next tick if this one is killed before it prints them."""
    shutil.rmtree(metered.file.parent)
    words = ["--config", str(metered.config), "--state", str(metered.state), "run", "bad"]
    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_IT_PRINTS, *words], check=False)

    assert killed.returncode == -9
    printed = metered.run("run").stderr
    assert "bad: failed: exit code 3" in printed
    assert "metrics: can't be written" in printed
    assert "File exists" not in (metered.state / "scheduled.log").read_text()


def test_a_notice_about_the_file_is_delivered_by_the_tick_that_found_it(metered):
    lines = metered.root / "notices"
    metered.config.write_text(
        f"""{metered.config.read_text()}
        [notify.channels]
        all = "command:sh -c 'cat >> {lines}'"
        [[notify.routes]]
        to = ["all"]
        """
    )
    shutil.rmtree(metered.file.parent)
    metered.run("run", "good")

    assert "metrics: can't be written" in lines.read_text()


def test_the_metrics_of_another_instance_are_not_replaced(metered):
    metered.file.write_text("# Written by scheduled for /home/bob/state\nscheduled_jobs 1\n")
    done = metered.run("run", "good")

    assert (done.returncode, metered.file.read_text().count("\n")) == (1, 2)
    assert "has the metrics of another instance, /home/bob/state; name another file" in done.stderr


def test_ticks_at_once_never_move_a_counter_back(metered):
    series = 'scheduled_job_runs_total{job_name="good",status="success"}'
    metered.run("run", "good")
    ticks = [metered.start("run", "good") for _ in range(4)]
    seen = [1.0]
    while any(tick.poll() is None for tick in ticks):
        text = metered.file.read_text()
        assert text.endswith("\n")
        assert len(re.findall("# TYPE", text)) == len(re.findall("# HELP", text)) > 20
        seen.append(values(text)[series])
    done = metered.json("history")

    assert seen == sorted(seen)
    assert values(metered.file.read_text())[series] == len(done)


def test_a_tick_that_is_killed_while_it_writes_leaves_the_old_file(metered):
    metered.run("run", "good")
    before = metered.file.read_bytes()
    words = ["--config", str(metered.config), "--state", str(metered.state), "run", "good"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_WRITING, *words, str(metered.file.parent)], check=False
    )

    assert killed.returncode == -9
    assert metered.file.read_bytes() == before
    assert len([*metered.file.parent.iterdir()]) == 2
    metered.run("run", "good")
    assert [path.name for path in metered.file.parent.iterdir()] == ["scheduled.prom"]
    assert values(metered.file.read_text())['scheduled_job_runs_total{job_name="good",status="success"}'] == 3


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('textfile = "metrics"', "metrics.textfile: must be an absolute path, got 'metrics'"),
        ('labels = { "a-b" = "x" }', "metrics.labels: 'a-b' is not the name of a label"),
        ('labels = { job = "x" }', "metrics.labels: 'job' has a meaning already"),
        ("max_jobs = 0", "metrics.max_jobs: must be from 1 to"),
    ],
)
def test_a_key_that_cannot_be_used_is_named(world, table, problem):
    world.configure(f"[metrics]\n{table}\n")
    done = world.run("run")

    assert (done.returncode, problem in done.stderr) == (2, True), done.stderr


def test_no_metrics_are_made_without_the_key(world):
    world.configure("[jobs.good]\ncommand = 'true'\n")
    done = world.run("run", "good")

    assert (done.returncode, [*world.root.rglob("*.prom")], (world.state / "metrics.lock").exists()) == (
        0,
        [],
        False,
    )
    assert json.loads(world.run("metrics", "--json").stdout)


def test_check_warns_of_a_directory_that_does_not_exist(metered):
    shutil.rmtree(metered.file.parent)
    warnings = metered.json("check")["warnings"]
    metered.file.parent.mkdir()

    assert [text for text in warnings if "metrics" in text] == [
        f"{metered.config}:4: metrics.textfile: {metered.file.parent} is not a directory; create it, or change the key"
    ]
    assert [text for text in metered.json("check")["warnings"] if "metrics" in text] == []


def test_a_full_file_system_is_named_and_the_old_file_stays(metered):
    """On a file system of its own, which only this test fills."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("NOT RUN: needs root and unshare to mount a disk of its own")
    verb = " ".join(metered.command("run", "good"))
    script = f"""
        mount -t tmpfs -o size=64k tmpfs {metered.file.parent}
        {verb}; cp {metered.file} {metered.root}/first
        head -c 1000000 /dev/zero > {metered.file.parent}/fill 2>/dev/null
        {verb}; echo "$?"; cmp {metered.file} {metered.root}/first && ls -A {metered.file.parent}
        rm {metered.file.parent}/fill; {verb}; echo "$?"
    """
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["1", "fill", "scheduled.prom", "0"]
    problem = f"metrics: can't be written: {metered.file}: No space left on device"
    assert (
        re.sub(r"\d+s", "0s", done.stderr) == f"scheduled: {problem}\nscheduled: over after 0s: {problem}\n"
    )
