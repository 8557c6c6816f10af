"""What a tick, the log and queries write about the configuration: with the line, and once for each change."""

import os

import pytest

BAD = '[jobs.good]\ncommand = "true"\n\n[jobs.bad]\ncron = "nonsense"\ncommand = "true"\n'


def log(world):
    path = world.state / "scheduled.log"
    return path.read_text().splitlines() if path.exists() else []


def changes(world):
    written = (line.partition(" | INFO | ")[2] for line in log(world))
    return [text for text in written if text.startswith("configuration_changed ")]


@pytest.mark.parametrize("command", [["status"], ["explain", "bad"], ["jobs"]])
def test_a_problem_has_its_file_line_job_and_key_everywhere(world, command):
    world.configure(BAD)
    ticked = world.run("run")

    done = world.run(*command)

    assert ticked.stderr.startswith(f"scheduled: {world.config}:5: jobs.bad: cron: ")
    assert f"{world.config}:5: jobs.bad: cron: " in done.stdout + done.stderr
    assert [line for line in log(world) if f"| WARNING | {world.config}:5: jobs.bad: cron: " in line]


def test_a_problem_that_moves_to_another_line_is_no_news(world):
    world.configure(BAD)
    assert ":5: jobs.bad" in world.run("run").stderr

    world.configure("# a comment\n" + BAD)

    assert world.run("run").stderr == ""
    assert f"{world.config}:6: jobs.bad: cron: " in world.run("status").stdout


def test_a_command_that_changes_the_configuration_logs_it_at_once_and_the_next_tick_does_not(world):
    world.configure(
        '[jobs.a]\ncommand = "true"\n[jobs.watch]\non = "configuration_changed"\ncommand = "true"\n'
    )
    world.run("run")

    world.run("add", "b", "--cron", "@daily", "--", "true")
    added = changes(world)
    world.run("edit", env={**os.environ, "EDITOR": "sed -i '2s/true/false/'"})
    edited = changes(world)
    world.run("run")

    assert added == ["configuration_changed added=b"]
    assert edited == [*added, "configuration_changed changed=a.command"] == changes(world)
    assert [run["job"] for run in world.json("history")] == ["watch", "watch"]


def test_the_first_command_of_a_new_state_logs_its_change(world):
    world.configure('[jobs.a]\ncommand = "true"\n')

    world.run("add", "b", "--cron", "@daily", "--", "true")
    world.run("run")

    assert changes(world) == ["configuration_changed added=b"]


def test_a_change_that_is_refused_is_not_logged(world):
    world.configure('[jobs.a]\ncommand = "true"\n')
    world.run("run")

    assert world.run("add", "b", "--cron", "nonsense", "--", "true").returncode != 0

    assert changes(world) == []


def test_a_new_zone_of_the_host_is_logged_while_the_configuration_cannot_be_read(world):
    world.configure('[jobs.a]\ncron = "@daily"\ncommand = "true"\n')
    world.run("run", env={**os.environ, "TZ": "Europe/Paris"})
    world.configure("[")

    world.run("run", env={**os.environ, "TZ": "America/New_York"})

    assert "the time zone of the host changed from Europe/Paris to America/New_York" in log(world)[-1]
    world.run("run", env={**os.environ, "TZ": "Europe/Paris"})
    assert "the time zone" not in log(world)[-1]
