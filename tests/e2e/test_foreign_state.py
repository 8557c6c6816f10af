"""A copied state directory is reported once, and another configuration is refused until it adopts the state."""

import shutil

import pytest

from scheduled import advice
from tests.fixtures.in_process_cli import invoke
from tests.fixtures.world import World

CONFIG = 'timezone = "UTC"\n[jobs.often]\ncron = "* * * * *"\ncommand = "true"\n'


@pytest.fixture
def bound(world):
    world.configure(CONFIG)
    assert world.run("run").returncode == 0
    return world


def test_history_names_the_host_and_its_id(bound):
    (host,) = {(run["host"], run["host_id"]) for run in bound.json("history")}

    assert host == bound.sql("SELECT host, name FROM hosts")[0][::-1]
    assert [host[1]] == [
        row[0] for row in bound.sql("SELECT DISTINCT host FROM runs JOIN origins ON origins.id = origin")
    ]


@pytest.fixture
def other(bound):
    """The same world with another configuration, which has the same job and one of its own."""
    found = World(bound.root / "second")
    found.state = bound.state
    found.configure(CONFIG + '[jobs.mine]\ncron = "* * * * *"\ncommand = "true"\n')
    return found


@pytest.fixture(autouse=True)
def second(tmp_path):
    (tmp_path / "second").mkdir()


def content(world):
    """Return the bytes of the files of the state, without those that every command may touch."""
    kept = {path: path.read_bytes() for path in world.state.rglob("*") if path.is_file()}
    return {path: data for path, data in kept.items() if path.suffix not in (".lock", ".log")}


def test_a_tick_with_another_configuration_is_refused_each_time_and_leaves_the_first_one_alone(bound, other):
    before, heartbeat = content(bound), (bound.state / "scheduled_state.json").stat().st_mtime_ns

    done = [other.run("run") for _ in range(2)]

    assert [one.returncode for one in done] == [2, 2]
    for one in done:
        assert one.stderr == (
            f"scheduled: {bound.state}: belongs to the configuration {bound.config}, which still exists, and not to"
            f" {other.config}; choose another state with --state DIR, or let this configuration have it with"
            f" `scheduled --config {other.config} --state {bound.state} state adopt`\n"
        )
    assert content(bound) == before
    assert (bound.state / "scheduled_state.json").stat().st_mtime_ns == heartbeat
    assert (bound.state / "scheduled.log").read_text().count("| ERROR | no job ran: ") == 2
    assert (bound.run("run", "often").returncode, bound.json("audit")["ok"]) == (0, True)


def test_an_unreadable_configuration_does_not_set_the_heartbeat_of_another_one(bound, other):
    other.config.write_text("not toml")
    heartbeat = (bound.state / "scheduled_state.json").stat().st_mtime_ns

    assert other.run("run").returncode == 2
    assert (bound.state / "scheduled_state.json").stat().st_mtime_ns == heartbeat


VERBS = [
    ["status"], ["jobs"], ["next"], ["history"], ["logs", "often"], ["audit"], ["incidents"], ["notices"], ["report"],
    ["explain", "often"], ["forecast", "--from", "2026-01-01", "--to", "2026-01-02"], ["show", "often"], ["run", "--dry-run"], ["pause"], ["resume"],
    ["disable", "often"], ["enable", "often"], ["skip", "often"], ["emit", "news"], ["stop", "often-x"],
    ["rerun", "often-x"], ["try", "often"], ["add", "x", "--command", "true"], ["remove", "often"],
    ["state", "backup", "b.tgz"], ["install", "--dry-run"],
]  # fmt: skip


def test_every_command_that_uses_the_state_refuses_another_configuration_and_changes_nothing(
    bound, other, monkeypatch
):
    monkeypatch.chdir(bound.root)
    monkeypatch.setattr(advice, "_instance", [])  # `invoke` sets it, for this process
    before, written = content(bound), other.config.read_bytes()

    for words in VERBS:
        done = invoke(other, *words)
        assert (done.code, done.err.count("\n")) == (2, 1), (words, done.err)
        assert f"{bound.state}: belongs to the configuration {bound.config}" in done.err, words
        assert f"--config {other.config} --state {bound.state} state adopt`" in done.err, words

    assert (content(bound), other.config.read_bytes()) == (before, written)
    assert not (bound.root / "b.tgz").exists()


@pytest.mark.usefixtures("bound")
def test_check_validates_a_draft_and_warns_that_it_does_not_have_the_state(other):
    found = other.json("check")

    assert (found["ok"], found["jobs"]) == (True, 2)
    assert any("belongs to the configuration" in warning for warning in found["warnings"])


def test_a_command_before_the_first_tick_binds_the_state_already(world):
    first, world.config = world.config, world.config.with_name("b.toml")
    first.write_text(CONFIG)
    world.configure(CONFIG)
    assert world.run("add", "x", "--command", "true").returncode == 0

    world.config = first

    assert world.run("run").returncode == 2


def test_adopt_moves_the_state_and_the_first_configuration_is_refused_from_then_on(bound, other):
    before = content(bound)
    assert (other.run("state", "adopt", "--dry-run").returncode, content(bound)) == (0, before)

    done = other.run("state", "adopt")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{bound.state}: belongs to {other.config}, and no longer to {bound.config}\n"
    assert [other.run("run").returncode, bound.run("run").returncode] == [0, 2]
    assert {run["job"] for run in other.json("history")} == {"often", "mine"}
    assert other.json("audit")["ok"]


def test_a_configuration_that_was_moved_keeps_its_state(bound):
    moved = bound.config.with_name("moved.toml")
    bound.config.rename(moved)
    old, bound.config = bound.config, moved

    assert [(one.returncode, one.stderr) for one in (bound.run("status"), bound.run("run"))] == [(0, "")] * 2
    log = (bound.state / "scheduled.log").read_text()
    assert log.count(f"{bound.state}: belonged to {old}, and belongs to {moved} from now on") == 1


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
