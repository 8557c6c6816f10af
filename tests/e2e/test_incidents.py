"""Each trouble is announced once, with the output of its run, and once when it is over."""

import pytest

from tests.fixtures.world import World

DAY = "2026-03-0{} {}"

pytestmark = pytest.mark.system


def at(time: str, day: int = 2) -> str:
    return f"2026-03-0{day} {time}:00"


class Troubled:
    """A world in which a job fails as long as the file `bad` is there."""

    def __init__(self, world: World, settings: str = "", jobs: str = "") -> None:
        self.world, self.bad = world, world.config.parent / "bad"
        world.configure(
            f"""
            timezone = "UTC"
            {settings}
            [jobs.backup]
            every = "5m"
            command = "echo line $SCHEDULED_RUN_ID; echo refused >&2; [ ! -e {self.bad} ]"
            """
            + jobs
        )
        world.run("run", at=at("09:00"))

    def tick(self, time: str, day: int = 2) -> str:
        """Run a tick and return what it prints."""
        done = self.world.run("run", at=at(time, day))
        assert done.stdout == ""
        return done.stderr

    def fail(self) -> None:
        self.bad.touch()

    def mend(self) -> None:
        self.bad.unlink()


@pytest.fixture
def troubled(world: World) -> Troubled:
    return Troubled(world)


def test_a_failure_is_printed_once_with_the_output_of_its_run_and_its_recovery_once(
    troubled: Troubled,
) -> None:
    troubled.fail()
    first, silent = troubled.tick("09:05"), troubled.tick("09:10") + troubled.tick("10:00")
    troubled.mend()
    over, later = troubled.tick("12:05"), troubled.tick("12:10")

    assert "scheduled: backup: failed: exit code 1 (scheduled " in first
    assert "\n    line backup-20260302T090" in first
    assert first.endswith("\n    refused\n")
    assert (silent, later) == ("", "")
    assert over == "scheduled: backup: up again after 3h, 3 failed runs\n"


def test_a_reminder_comes_after_a_day_by_default_also_if_nothing_else_is_due(world: World) -> None:
    world.configure(
        '[jobs.once]\nat = "2026-03-02T09:05"\ntimezone = "UTC"\ncommand = "false"\nretry = false\n'
    )
    found = [
        world.run("run", at=at(time, day)).stderr
        for time, day in (("09:00", 2), ("09:05", 2), ("09:05", 3), ("09:06", 3), ("09:10", 3), ("09:15", 3))
    ]

    assert [bool(text) for text in found].count(True) == 2
    assert "once: failed: exit code 1" in found[1]
    reminder = next(text for text in found[2:] if text)
    assert "; since 2026-03-02 09:05, 1 failed run" in reminder


@pytest.mark.parametrize(
    ("value", "shown"), [("on_failure", [True, False]), ("always", [True, True]), ("never", [False, False])]
)
def test_mail_output_decides_which_output_is_printed(world: World, value: str, shown: list[bool]) -> None:
    troubled = Troubled(world)
    world.configure(world.config.read_text() + f'mail_output = "{value}"\n')
    troubled.fail()
    failed = troubled.tick("09:05")
    troubled.mend()
    well = troubled.tick("09:10")

    assert ["    line backup-" in text for text in (failed, well)] == shown
    assert ("backup: failed" in failed, "up again" in well) == (True, True)


def test_in_the_quiet_window_nothing_is_printed_until_it_ends(world: World) -> None:
    troubled = Troubled(world, '[notify]\nquiet = ["09:04", "11:00"]')
    troubled.fail()

    assert (troubled.tick("09:05"), troubled.tick("10:30")) == ("", "")
    assert "backup: failed" in troubled.tick("11:00")


def test_a_critical_job_is_printed_in_the_quiet_window(world: World) -> None:
    troubled = Troubled(world, '[notify]\nquiet = ["09:04", "11:00"]')
    world.configure(world.config.read_text() + 'priority = "critical"\n')
    troubled.fail()

    assert "backup: failed" in troubled.tick("09:05")


def test_a_chain_that_fails_with_its_step_is_part_of_the_notice(world: World) -> None:
    chain = '\n            [jobs.nightly]\n            cron = "5 9 * * *"\n            chain = ["backup"]\n'
    troubled = Troubled(world, jobs=chain)
    troubled.fail()
    printed = troubled.tick("09:05") + troubled.tick("09:06")

    assert [line for line in printed.splitlines() if line.startswith("scheduled: ")] == [
        line
        for line in printed.splitlines()
        if "backup: failed" in line and "; because of it also: nightly (scheduled " in line
    ]
    assert printed.count("scheduled: ") == 1


def test_incidents_are_sentences_with_the_last_lines_and_what_to_do(troubled: Troubled) -> None:
    world = troubled.world
    troubled.tick("09:05")
    troubled.fail()
    for time in ("09:10", "09:15", "09:20"):
        troubled.tick(time)
    shown = world.run("incidents", at=at("09:30")).stdout
    (found,) = world.json("incidents", at=at("09:30"))

    assert shown.startswith("! backup: failed: exit code 1\n    for 2")
    assert "m: since 2026-03-02 09:" in shown
    assert ", 3 failed runs; the last success was at 2026-03-02 09:0" in shown
    assert "    | refused\n" in shown
    assert " logs backup`" in shown
    assert (found["kind"], found["failed_runs"], found["output"][-1]) == ("failed", 3, "refused")
    assert found["to_do"] == [f"scheduled {text} backup" for text in ("logs", "run", "ack")]


def test_an_acknowledged_incident_gets_no_reminder_and_a_recovery(troubled: Troubled) -> None:
    world = troubled.world
    troubled.fail()
    troubled.tick("09:05")
    preview = world.run("ack", "backup", "--dry-run", at=at("09:07")).stdout
    done = world.json("ack", "backup", at=at("09:07"))
    later = [troubled.tick("09:10", day) for day in (3, 4)]
    troubled.mend()

    assert preview.startswith("would be acknowledged: backup: failed")
    assert (done[0]["job"], done[0]["key"]) == ("backup", "job:backup")
    assert later == ["", ""]
    assert "backup: up again after 2d" in troubled.tick("09:15", 4)
    again = world.run("ack", "backup", at=at("09:20", 4))
    assert (again.returncode, "has no open incident" in again.stderr) == (2, True)


def test_a_muted_job_is_silent_until_the_mute_ends(troubled: Troubled) -> None:
    world = troubled.world
    done = world.run("mute", "backup", "--for", "2h", at=at("09:01"))
    troubled.fail()

    assert done.stdout == "backup is muted until 2026-03-02 11:01\n"
    assert "muted      backup until 2026-03-02 11:01" in world.run("status", at=at("09:02")).stdout
    assert (troubled.tick("09:05"), troubled.tick("10:00")) == ("", "")
    assert "; muted until" in world.run("incidents", at=at("10:00")).stdout
    assert "backup: failed" in troubled.tick("11:05")


def test_unmuting_announces_what_is_still_troubled(troubled: Troubled) -> None:
    world = troubled.world
    world.run("mute", "backup", at=at("09:01"))
    troubled.fail()
    silent = troubled.tick("09:05")
    world.run("unmute", "backup", at=at("09:06"))

    assert (silent, "backup: failed" in troubled.tick("09:07")) == ("", True)


def test_a_job_that_is_disabled_ends_its_incident_without_a_recovery(troubled: Troubled) -> None:
    troubled.fail()
    troubled.tick("09:05")
    troubled.world.run("disable", "backup", at=at("09:06"))

    assert (troubled.tick("09:10"), troubled.world.json("incidents", at=at("09:11"))) == ("", [])


@pytest.mark.parametrize("document", ["xx", '{"name": "job:backup", "since": 1e300}'])
def test_a_damaged_record_is_named_and_the_trouble_is_not_announced_again(
    troubled: Troubled, document: str
) -> None:
    world = troubled.world
    troubled.fail()
    first = troubled.tick("09:05")
    world.sql(f"UPDATE incidents SET incident = '{document}'")
    listed = world.run("incidents", at=at("09:07"))
    second, third = troubled.tick("09:10"), troubled.tick("09:15")
    troubled.mend()

    assert (listed.returncode, "backup: failed" in first, "backup: failed" in listed.stdout) == (
        0,
        True,
        True,
    )
    assert "the record of the incident job:backup was damaged" in second
    assert ("backup: failed" in second, third) == (False, "")
    assert "backup: up again after 20m" in troubled.tick("09:25")


def test_a_trouble_that_an_older_version_announced_is_not_announced_again(troubled: Troubled) -> None:
    world = troubled.world
    troubled.fail()
    troubled.tick("09:05")
    world.sql("DROP TABLE incidents")
    world.sql("DROP TABLE mutes")
    world.sql("PRAGMA user_version = 7")
    silent = troubled.tick("09:10")
    reminder = troubled.tick("09:05", 3)
    troubled.mend()

    assert silent == ""
    assert "backup: failed: exit code 1; since 2026-03-02 09:05" in reminder
    assert "backup: up again after 1d" in troubled.tick("09:10", 3)


def test_a_refused_configuration_is_printed_once_a_day_until_it_is_corrected(troubled: Troubled) -> None:
    world = troubled.world
    good = world.config.read_text()
    world.config.write_text("[jobs\n")
    found = [
        world.run("run", at=at(time, day))
        for time, day in (("09:05", 2), ("09:10", 2), ("09:10", 3), ("09:15", 3))
    ]
    world.config.write_text(good)
    troubled.tick("09:20", 3)
    world.config.write_text("[jobs\n")
    again = world.run("run", at=at("09:25", 3))

    assert [done.returncode for done in (*found, again)] == [2] * 5
    assert [bool(done.stderr) for done in (*found, again)] == [True, False, True, False, True]
