"""Commands between the loss of the ledger and the next tick: they name the loss, and predict what the tick does."""

import pytest

JOB = '[jobs.a]\ncron = "0 0 1 1 *"\ncommand = "true"\n'


@pytest.fixture
def lost(world):
    """A world with a snapshot and a lost ledger."""
    world.configure(JOB)
    assert world.run("run").returncode == 0
    for file in world.state.glob("ledger.db*"):
        file.unlink()
    return world


@pytest.mark.parametrize(
    "command", [["explain", "a"], ["audit"], ["history"], ["next"], ["run", "--dry-run"]]
)
def test_a_query_names_the_loss(lost, command):
    done = lost.run(*command)

    assert (done.returncode, "ledger.db: is lost" in done.stderr) == (1, True), done
    assert "the next tick restores the position of 1 job" in done.stderr


def test_status_names_the_loss_instead_of_a_missing_first_tick(lost):
    done = lost.run("status")

    assert (done.returncode, "is lost" in done.stdout, "no tick has run" in done.stdout) == (1, True, False)


@pytest.mark.parametrize(
    "command",
    [["pause", "a"], ["disable", "a"], ["add", "b", "--cron", "@daily", "--", "true"], ["emit", "x"]],
)
def test_a_command_that_restores_the_ledger_names_what_it_restored(lost, command):
    done = lost.run(*command)

    assert done.returncode == 0, done
    assert done.stderr.count("was lost; restored the position of 1 job") == 1, done
    assert "is lost" not in done.stderr


def test_before_the_first_tick_nothing_is_lost(world):
    world.configure(JOB)

    assert "lost" not in world.run("next").stderr
