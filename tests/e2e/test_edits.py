"""An edit takes effect when it is made; the zone of the host, and that of a shell, is no edit."""

import os
from datetime import UTC, datetime

JOB = '[jobs.job]\ncron = "{}"\ncommand = "echo $SCHEDULED_FOR $SCHEDULED_MISSED >> {}"\n'


def written_at(path, instant):
    seconds = datetime.fromisoformat(instant).replace(tzinfo=UTC).timestamp()
    os.utime(path, (seconds, seconds))


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def in_zone(zone):
    return {"env": {**os.environ, "TZ": zone}}


def reasons(world):
    return world.sql("SELECT job, verdict, reason FROM slots ORDER BY first")


def test_a_job_that_was_added_before_the_machine_was_switched_off_runs_when_it_is_on_again(world):
    out = world.root / "out"
    world.configure('timezone = "UTC"\n')
    when = ("--at", "2026-02-03T22:58")
    world.run("add", "backup", *when, "--", "sh", "-c", f"echo ran >> {out}", at="2026-02-03 22:56:00")

    done = world.run("run", at="2026-02-04 08:00:05")

    assert (done.returncode, lines(out)) == (0, ["ran"])
    assert world.run("audit", at="2026-02-04 08:01:00").returncode == 0


def test_a_slot_between_an_edit_by_hand_and_the_next_tick_is_caught_up(world):
    out = world.root / "out"
    world.configure(JOB.format("30 1 * * *", out))
    world.run("run", at="2026-02-05 12:00:05")
    world.configure(JOB.format("10 23 * * *", out))
    written_at(world.config, "2026-02-05T22:51:00")
    promised = world.json("next", "job", at="2026-02-06 08:00:00")

    world.run("run", at="2026-02-06 08:00:05")

    assert lines(out) == ["2026-02-05T23:10:00+00:00 0"]
    assert promised[0]["scheduled_for"] >= "2026-02-05T23:10"


def test_an_edit_during_a_long_tick_is_seen_by_the_next_one(world, until):
    started, out = world.root / "started", world.root / "out"
    world.configure(
        f'[jobs.long]\ncommand = "touch {started}; sleep 3"\n[jobs.far]\nat = "2999-01-01T00:00"\ncommand = "true"\n'
    )
    world.run("run")
    tick = world.start("run", "long")
    until(started.exists)
    world.configure(world.config.read_text() + JOB.format("* * * * *", out))
    tick.wait()

    world.run("run")

    assert len(lines(out)) == 1


def test_the_name_of_the_zone_and_the_zone_of_a_shell_change_nothing(world):
    out, okay = world.root / "out", world.root / "okay"
    world.configure(
        f"""
        [jobs.x]
        cron = "0 9 * * *"
        command = "test -e {okay} && echo x >> {out}"
        retry = {{max_attempts = 5, delay = "10m"}}
        [jobs.y]
        command = "true"
        """
    )
    world.run("run", at="2026-04-08 08:55:05", **in_zone("UTC"))
    world.run("run", at="2026-04-08 09:00:05", **in_zone("UTC"))
    okay.touch()
    world.run("run", "y", at="2026-04-08 05:03:00", **in_zone("America/New_York"))
    shown = world.run("next", "x", "--json", at="2026-04-08 05:04:00", **in_zone("America/New_York"))
    world.run("run", at="2026-04-08 09:15:05", **in_zone("Etc/UTC"))

    assert lines(out) == ["x"]
    assert "2026-04-09T09:00:00+00:00" in shown.stdout
    assert reasons(world) == [("x", "success", "")]
    assert "time zone" not in (world.state / "scheduled.log").read_text()


def test_after_a_flight_open_slots_run_and_the_log_has_a_line_about_the_zone(world):
    out = world.root / "out"
    world.configure(
        f"""
        [jobs.daily]
        cron = "0 9 * * *"
        command = "echo daily >> {out}"
        [jobs.six]
        every = "6h"
        command = "echo six >> {out}"
        """
    )
    world.run("run", at="2026-04-08 02:00:05", **in_zone("Europe/Paris"))
    world.run("run", at="2026-04-08 08:50:05", **in_zone("Europe/Paris"))
    out.unlink()
    done = world.run("run", at="2026-04-08 14:00:05", **in_zone("America/New_York"))

    assert (done.stdout + done.stderr, sorted(lines(out))) == ("", ["daily", "six"])
    log = (world.state / "scheduled.log").read_text()
    assert "the time zone of the host changed from Europe/Paris to America/New_York" in log
    audit = world.run("audit", at="2026-04-08 14:01:00", **in_zone("America/New_York"))
    assert audit.returncode == 0


def test_the_audit_finds_nothing_after_disable_edit_and_enable_in_one_minute(world):
    world.configure('timezone = "UTC"\n[jobs.j]\ncron = "* * * * *"\ncommand = "true"\n')
    world.run("run", at="2026-02-03 14:00:05")
    world.run("disable", "j", at="2026-02-03 14:00:20")
    world.configure('timezone = "UTC"\n[jobs.j]\ncron = "0 4 * * *"\ncommand = "true"\n')
    world.run("run", at="2026-02-03 14:00:25")
    world.run("enable", "j", at="2026-02-03 14:00:30")
    world.run("run", at="2026-02-03 14:00:40")

    assert world.json("audit", at="2026-02-03 14:00:45")["ok"]
    world.run("run", at="2026-02-03 18:00:45")
    assert world.json("audit", at="2026-02-03 18:01:00")["ok"]


def test_disable_and_enable_count_a_slot_once(world):
    world.configure('timezone = "UTC"\n[jobs.j]\ncron = "* * * * *"\ncommand = "true"\n')
    world.run("run", at="2026-02-03 14:00:05")
    world.run("disable", "j", at="2026-02-03 14:00:20")
    world.run("enable", "j", at="2026-02-03 14:00:30")
    world.run("run", at="2026-02-03 14:00:40")

    found = world.json("audit", at="2026-02-03 14:00:45")
    assert (found["ok"], found["slots"]) == (True, 1)


def test_the_audit_does_not_accuse_a_slot_that_waits_for_the_next_tick_after_a_pause(world):
    world.configure(
        'timezone = "UTC"\n[jobs.j]\ncron = "0 * * * *"\ncommand = "true"\n[jobs.other]\ncommand = "true"\n'
    )
    world.run("run", at="2026-02-03 13:30:05")
    world.run("pause", "j", at="2026-02-03 13:40:00")
    world.run("run", at="2026-02-03 14:00:05")
    world.run("resume", "j", at="2026-02-03 14:10:00")
    resumed = world.json("audit", at="2026-02-03 14:10:10")
    world.run("run", "other", at="2026-02-03 14:11:00")

    assert (resumed["ok"], world.json("audit", at="2026-02-03 14:11:10")["ok"]) == (True, True)
    assert world.sql("SELECT open_reason FROM jobs WHERE job = 'j'") == [("due",)]
    world.run("run", at="2026-02-03 14:15:05")
    assert reasons(world) == [("j", "success", "")]


def test_a_command_that_cannot_write_the_ledger_changes_no_file(world):
    world.configure('timezone = "UTC"\n')
    world.state.mkdir(mode=0o700)
    (world.state / "ledger.db").symlink_to("elsewhere")

    done = world.run("add", "new", "--cron", "58 22 * * *", "--", "true")

    assert (done.returncode, (world.config.parent / "jobs.d" / "new.toml").exists()) == (1, False)
    assert "ledger.db" in done.stderr


def test_check_warns_about_a_shell_in_another_zone_than_the_ticks(world):
    world.configure('[jobs.j]\ncron = "0 9 * * *"\ncommand = "true"\n')
    world.run("run", **in_zone("Europe/Paris"))

    warned = world.run("check", **in_zone("America/New_York"))
    agreed = world.run("check", **in_zone("Europe/Paris"))

    assert (warned.returncode, agreed.stdout) == (0, "ok: 1 job\n")
    assert "this shell has TZ=America/New_York, and ticks are in Europe/Paris" in warned.stdout
