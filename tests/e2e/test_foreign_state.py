"""A tick reports a copied state directory or another configuration once, and then works."""

import shutil

import pytest

CONFIG = 'timezone = "UTC"\n[jobs.often]\ncron = "* * * * *"\ncommand = "true"\n'


@pytest.fixture
def bound(world):
    world.configure(CONFIG)
    assert world.run("run").returncode == 0
    return world


def test_history_names_the_host_and_its_id(bound):
    (host,) = {(run["host"], run["host_id"]) for run in bound.json("history")}

    assert host == bound.sql("SELECT host, name FROM hosts")[0][::-1]
    assert [host[1]] == [row[0] for row in bound.sql("SELECT DISTINCT host FROM runs")]


def test_a_tick_with_another_configuration_reports_it_once_and_works(bound):
    other = bound.root / "etc" / "other.toml"
    other.write_text(CONFIG)
    original, bound.config = bound.config, other

    done = [bound.run("run", "often") for _ in range(2)]

    assert [one.returncode for one in done] == [0, 0]
    assert done[0].stderr.count("\n") == 1
    assert (
        f"{bound.state}: was the state of {original}, which still exists, and is the state of {other}"
        in done[0].stderr
    )
    assert done[1].stderr == ""
    assert (bound.state / "scheduled.log").read_text().count("was the state of") == 1


def test_a_tick_on_a_copied_state_reports_it_once_and_works_with_a_new_host_id(bound):
    original, bound.state = bound.state, bound.root / "copy"
    shutil.copytree(original, bound.state)

    done = [bound.run("run", "often") for _ in range(2)]

    assert [(one.returncode, one.stderr.count("\n")) for one in done] == [(0, 1), (0, 0)]
    assert f"{bound.state}: is a copy of {original}, which still exists" in done[0].stderr
    hosts = [run["host_id"] for run in bound.json("history")]
    assert (hosts[0], len(set(hosts)), bound.json("audit")["ok"]) == (hosts[1], 2, True)


def test_a_query_on_a_copied_state_changes_no_binding(bound):
    original, bound.state = bound.state, bound.root / "copy"
    shutil.copytree(original, bound.state)

    done = bound.run("history")

    assert (done.returncode, done.stderr) == (0, "")
    assert (bound.state / "instance.json").read_bytes() == (original / "instance.json").read_bytes()


def test_an_idle_tick_does_not_need_the_binding(bound):
    bound.configure('timezone = "UTC"\n[jobs.later]\nat = "2999-01-01T00:00:00Z"\ncommand = "true"\n')
    assert bound.run("run").returncode == 0
    (bound.state / "instance.json").unlink()

    done = bound.run("run")

    assert (done.returncode, (bound.state / "instance.json").exists()) == (0, False)
