"""Heartbeats of jobs and of the tick, with real processes, a fake clock and a receiver on this machine."""

import json
import os
import signal
from pathlib import Path

import pytest

from scheduled.state.locks import is_held
from tests.e2e.test_cli_terminals import on_a_terminal
from tests.fixtures.monitor import black_hole, refusing

pytestmark = pytest.mark.usefixtures("no_proxy")
AT = "@2026-02-03 09:00:05"  # the clock runs on from there
LATER = "@2026-02-03 09:05:05"
FAILS = "for n in 1 2 3; do echo line $n; done; exit 3"
UNTIL_GO = "touch begun; while [ ! -e go ]; do sleep 0.02; done"


def configure(world, url, command="true", more="", tick=""):
    notify = f'[notify]\nheartbeat_url = "{tick}"' if tick else ""
    world.configure(
        f"timezone = 'UTC'\n{notify}\n[jobs.backup]\ncron = '0 9 * * *'\ncwd = '{world.root}'\n"
        f"command = '''{command}'''\nheartbeat_url = '{url}'\n{more}"
    )


def waiting(world):
    rows = world.sql("SELECT value FROM meta WHERE key = 'pings'")
    return json.loads(rows[0][0]) if rows else []


def log(world):
    return (world.state / "scheduled.log").read_text()


def processes(world):
    """Return the processes that were forked by a tick of this world, and still live."""
    return [entry for entry in Path("/proc").iterdir() if world._is_tick(entry)]


# What is sent


def test_a_job_pings_its_start_and_its_success_with_one_id(world, monitor):
    configure(world, f"{monitor.url}/a1")
    assert world.run("run", at=AT).returncode == 0

    (_, _, rid, started), (_, _, same, text) = monitor.pings
    assert (monitor.signals("a1"), rid) == (["start", "success"], same)
    assert started == "backup: started (backup-20260203T090000Z)"
    assert text == "backup: success (backup-20260203T090000Z)"
    assert (waiting(world), monitor.refused) == ([], [])


def test_a_failure_has_the_exit_code_and_the_last_lines(world, monitor):
    configure(world, f"{monitor.url}/a1", FAILS)
    world.run("run", at=AT)

    assert monitor.signals() == ["a1:start", "a1:3"]
    assert monitor.pings[-1][3].splitlines()[2:] == ["line 1", "line 2", "line 3"]
    assert monitor.pings[-1][3].startswith("backup: failed: exit code 3 (backup-2026")


def test_a_timeout_fails(world, monitor):
    configure(world, f"{monitor.url}/a1", "sleep 60", "timeout = '1s'")
    world.run("run", at=AT)

    assert monitor.signals() == ["a1:start", "a1:143"]  # of SIGTERM
    assert monitor.pings[-1][3].startswith("backup: timed_out")


def test_an_attempt_that_is_repeated_is_no_failure_yet(world, monitor):
    configure(world, f"{monitor.url}/a1", "exit 4", "retry = { max_attempts = 2, delay = '2m' }")
    world.run("run", at=AT)
    assert monitor.signals() == ["a1:start", "a1:log"]
    world.run("run", at=LATER)

    assert monitor.signals() == ["a1:start", "a1:log", "a1:start", "a1:4"]
    assert len({rid for _, _, rid, _ in monitor.pings}) == 2


def test_targets_have_addresses_of_their_own(world, monitor):
    configure(world, f"{monitor.url}/key/{{job}}?create=1", more='for_each = ["DB 1", "db2"]')
    world.run("run", at=AT)

    assert monitor.signals("key/backup-db-1") == monitor.signals("key/backup-db2") == ["start", "success"]


def test_a_job_can_do_without_the_address_of_the_defaults(world, monitor):
    world.configure(f"""
        timezone = "UTC"
        [defaults]
        heartbeat_url = "{monitor.url}/key/{{job}}"
        [jobs.a]
        cron = "0 9 * * *"
        command = "true"
        [jobs.b]
        cron = "0 9 * * *"
        command = "true"
        heartbeat_url = false
    """)
    world.run("run", at=AT)

    assert monitor.signals() == ["key/a:start", "key/a:success"]


def test_the_tick_pings_its_exit_code_and_what_it_prints(world, monitor):
    configure(world, f"{monitor.url}/a1", FAILS, tick=f"{monitor.url}/t1")
    done = world.run("run", at=AT)

    assert done.returncode == 1
    assert monitor.signals() == ["t1:start", "a1:start", "a1:3", "t1:1"]
    assert "backup: failed: exit code 3" in monitor.pings[-1][3]


def test_idle_ticks_ping_about_every_ten_minutes(world, monitor):
    configure(world, f"{monitor.url}/a1", tick=f"{monitor.url}/t1")
    for minute in range(1, 31, 2):
        assert world.run("run", at=f"@2026-02-03 09:{minute:02}:02").returncode == 0

    assert monitor.signals("t1") == ["start", "success"] * 3


def test_a_tick_that_cannot_work_pings_why(world, monitor):
    configure(world, f"{monitor.url}/a1", tick=f"{monitor.url}/t1")
    world.run("run", at=AT)
    monitor.pings.clear()
    (world.state / "snapshot.lock").unlink()
    (world.state / "snapshot.lock").mkdir()
    done = world.run("run", at="@2026-02-04 09:00:05")

    assert done.returncode == 1
    assert monitor.signals("t1") == ["start", "1"]
    assert "snapshot.lock" in monitor.pings[-1][3]


# Who sends


def test_a_person_pings_nothing_and_the_next_tick_of_cron_sends_what_a_slot_became(world, monitor):
    configure(world, f"{monitor.url}/a1", tick=f"{monitor.url}/t1", more="catch_up = 'all'")
    world.run("run", "backup", at="@2026-02-03 08:00:00")
    assert (monitor.pings, waiting(world)) == ([], [])

    world.config.write_text(world.config.read_text().replace("0 9 * * *", "* * * * *"))
    assert on_a_terminal(world, "run")[0] == 0
    assert monitor.pings == []
    world.config.write_text(world.config.read_text().replace("* * * * *", "0 9 1 1 *"))
    assert world.run("run").returncode == 0
    assert monitor.signals("a1") == ["success"]
    assert monitor.signals("t1") == ["start", "success"]


def test_a_start_delays_no_job(world, monitor, until):
    """The monitor answers when a later job of the tick has run: a tick that waited for it would not start that in time."""
    configure(
        world, f"{monitor.url}/a1", more="[jobs.next]\nafter = ['backup']\ncommand = 'touch done'\ncwd = '.'"
    )
    world.config.write_text(world.config.read_text().replace("cwd = '.'", f"cwd = '{world.root}'"))
    add, answered = monitor.pings.append, []
    monitor.pings = Recorder(lambda ping: (answered.append(until((world.root / "done").exists)), add(ping)))
    world.run("run", at=AT)

    assert answered == [True, True]
    assert "was not received" not in log(world)


class Recorder(list):
    def __init__(self, append):
        super().__init__()
        self.append = append


@pytest.mark.parametrize("late", [False, True])
def test_after_a_kill_the_next_tick_pings_what_became_of_the_run(world, monitor, until, late):
    configure(world, f"{monitor.url}/a1", UNTIL_GO)
    tick = world.start("run", at=AT)
    until(lambda: monitor.signals() == ["a1:start"])
    _kill(world)
    tick.wait()
    if late:
        (world.root / "go").touch()
        until(lambda: '"ended"' in "".join(p.read_text() for p in world.state.glob("results/*.jsonl")))
        until(lambda: not _held(world))
        world.run("run", at=LATER)
    else:
        world.run("run", at=LATER)
        assert monitor.signals() == ["a1:start"]
        (world.root / "go").touch()
        until(lambda: not _held(world))
        world.run("run", at="@2026-02-03 09:10:05")

    assert monitor.signals() == ["a1:start", "a1:success"]
    assert waiting(world) == []


def _kill(world):
    """Kill the tick alone: its supervisor and the process that sends the pings are in sessions of their own."""
    for entry in processes(world):
        pid = int(entry.name)
        if "faketime" not in (entry / "cmdline").read_text() and (entry / "stat").exists():
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) != pid:  # no leader of a session
                os.kill(pid, signal.SIGKILL)


def _held(world):
    return any(map(is_held, world.state.glob("results/*.jsonl")))


def test_two_ticks_at_once_ping_each_fact_once(world, monitor, until):
    configure(world, f"{monitor.url}/a1", UNTIL_GO)
    tick = world.start("run", at=AT)
    until(lambda: monitor.signals() == ["a1:start"])
    for minute in (1, 2):
        world.run("run", at=f"@2026-02-03 09:0{minute}:05")
    (world.root / "go").touch()
    assert tick.wait() == 0

    assert monitor.signals() == ["a1:start", "a1:success"]
    assert waiting(world) == []


def test_a_monitor_does_not_get_the_address_that_answers_a_run(world, monitor):
    more = 'approve = true\n[web]\nexternal_url = "https://x.example"\n'
    configure(world, f"{monitor.url}/a1", tick=f"{monitor.url}/t1", more=more)
    world.run("run", at="@2026-02-03 08:55:02")
    done = world.run("run", at=AT)

    bodies = [ping[3] for ping in monitor.pings]
    assert "or open https://x.example/answer/backup-" in done.stderr
    assert any("backup: waits for approval" in body for body in bodies)
    assert not any("/answer/" in body for body in bodies)


# A network that does not work


def test_what_is_refused_waits_for_the_next_tick_which_is_not_idle(world, monitor):
    configure(world, f"{refusing()}/a1")
    done = world.run("run", at=AT)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert [entry[4] for entry in waiting(world)] == ["start", "success"]
    assert log(world).count("backup: its heartbeat was not received: Connection refused; it is repeated") == 1

    world.run("run", at="@2026-02-03 09:05:05")
    assert log(world).count("Connection refused") == 1
    configure(world, f"{monitor.url}/a1")
    world.run("run", at="@2026-02-03 09:10:05")
    assert monitor.signals() == ["a1:success"]
    assert log(world).count("backup: its heartbeat is received again") == 1


def test_after_an_hour_it_is_a_trouble_and_not_repeated_any_more(world, monitor):
    configure(world, f"{refusing()}/a1", tick=f"{refusing()}/t1")
    ticks = [world.run("run", at=f"@2026-02-03 {9 + n // 6:02}:{n % 6}0:05") for n in range(8)]
    printed = [tick.stdout + tick.stderr for tick in ticks]

    assert [text for text in printed[:6] if text] == []
    for label in ("backup: its heartbeat", "the heartbeat of the tick"):
        text = f"{label} has not been received since 2026-02-03 09:00: Connection refused"
        assert sum(text in line for line in printed) == 1
        assert any(text in problem for problem in world.json("status", at="@2026-02-03 10:11:00")["problems"])
    assert waiting(world) == []
    assert "heartbeat given up after an hour: backup: success" in log(world)
    configure(world, f"{monitor.url}/a1", tick=f"{monitor.url}/t1")
    world.run("run", at="@2026-02-04 09:00:05")
    world.run("run", at="@2026-02-04 09:05:05")
    assert not any(
        "heartbeat" in text for text in world.json("status", at="@2026-02-04 09:06:00")["problems"]
    )


def test_what_is_too_late_is_not_sent_any_more(world, monitor):
    configure(world, f"{refusing()}/a1")
    world.run("run", at=AT)
    assert len(waiting(world)) == 2
    configure(world, f"{monitor.url}/a1")
    world.run("run", at="@2026-02-03 12:00:05")

    assert (monitor.pings, waiting(world)) == ([], [])
    assert "heartbeat given up after an hour: backup: success" in log(world)


def test_the_tick_does_not_wait_behind_its_jobs(world, monitor):
    jobs = "".join(
        f"[jobs.j{n}]\ncron = '0 9 * * *'\ncommand = 'true'\nheartbeat_url = 'URL/{n}'\n" for n in range(20)
    )
    with black_hole() as url:
        configure(world, f"{url}/a1", more=jobs.replace("URL", url), tick=f"{monitor.url}/t1")
        world.run("run", at=AT)

    assert monitor.signals() == ["t1:start", "t1:success"]


def test_values_of_another_version_are_no_error(world, monitor):
    configure(world, f"{monitor.url}/a1")
    world.run("run", at="@2026-02-03 08:00:05")
    for key in ("pings", "pings_failing", "cron_watch", "last_error"):
        world.sql(f"INSERT OR REPLACE INTO meta VALUES ('{key}', '[[1]')")
    assert world.run("run", at=AT).returncode == 0

    assert monitor.signals() == ["a1:start", "a1:success"]


def test_a_black_hole_fails_nothing_and_leaves_no_process(world, until):
    with black_hole() as url:
        configure(world, f"{url}/a1", "touch done", tick=f"{url}/t1")
        tick = world.start("run", at=AT)
        until((world.root / "done").exists)
        assert tick.wait(timeout=60) == 0
        assert processes(world) == []

    assert world.sql("SELECT status FROM runs") == [("success",)]
    assert "backup: its heartbeat was not received: no answer" in log(world)


@pytest.mark.parametrize("code", [404, 500, 302])
def test_an_answer_that_refuses_is_named(world, monitor, code):
    monitor.code = code
    configure(world, f"{monitor.url}/a1")
    world.run("run", at=AT)

    assert f"its heartbeat was not received: the server answered {code}" in log(world)
    assert len(monitor.refused) == 2 * (3 if code == 500 else 1)


# Secrets


def test_the_address_can_come_from_a_file_or_a_command(world, monitor):
    source = world.root / "url"
    source.write_text(f"{monitor.url}/a1\n")
    source.chmod(0o600)
    for kind, text in (("file", str(source)), ("command", f"cat {source}")):
        monitor.pings.clear()
        configure(world, f"{kind}:{text}", "exit 1" if kind == "command" else "true")
        world.run("run", at=f"@2026-02-0{3 + (kind == 'command')} 09:00:05")
        assert monitor.signals() == ["a1:start", "a1:1" if kind == "command" else "a1:success"]
    assert world.json("show", "backup")["settings"]["heartbeat_url"] == f"command:cat {source}"


def test_a_source_that_fails_is_named_and_fails_no_job(world):
    configure(world, "file:/nowhere/url")
    assert world.run("run", at=AT).returncode == 0

    assert "backup: its heartbeat was not received: secret heartbeat_url (file:/nowhere/url): " in log(world)


def test_the_address_is_in_no_file_and_in_no_answer(world):
    secret = "5f0c3a52-0000-4000-8000-feedfacecafe"
    configure(world, f"{refusing()}/{secret}", FAILS, tick=f"{refusing()}/{secret}?create=1")
    printed = world.run("run", "-v", at=AT)
    texts = [printed.stdout, printed.stderr]
    for words in (
        ("show", "backup"), ("show", "backup", "--json"), ("status",), ("check",), ("history", "--json"),
        ("incidents", "--json"), ("add", "other", "--command", "true", "--dry-run"), ("explain", "backup"),
    ):  # fmt: skip
        done = world.run(*words, at=LATER)
        texts += [done.stdout, done.stderr]
    files = [path for path in world.state.rglob("*") if path.is_file()]

    assert not any(secret in text for text in texts)
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert "***" in world.run("show", "backup").stdout


def test_a_wrong_address_is_refused_without_being_shown(world):
    configure(world, "hc-ping.com/5f0c3a52")
    done = world.run("check")

    assert done.returncode == 2
    assert (
        "jobs.backup: heartbeat_url: must be an address that begins with https:// or http://"
        in done.stdout + done.stderr
    )
    assert "5f0c3a52" not in done.stdout + done.stderr
