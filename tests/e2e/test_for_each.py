"""One job for many targets: real ticks, with lists that are written, printed by a command, or the branches of a workspace."""

import json
import os

import pytest

from tests.fixtures.sample_workspace import Sample
from tests.fixtures.supervised import gone

WRITTEN = """
timezone = "UTC"
[jobs.sync]
cron = "2 * * * *"
for_each = {targets}
command = 'echo "$SCHEDULED_TARGET" >> {out}; test "$SCHEDULED_TARGET" != bad'
{more}
"""


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def written(world, *targets, more=""):
    out = world.root / "out"
    world.configure(WRITTEN.format(targets=json.dumps(targets), out=out, more=more))
    return out


def printing(world, *targets, more=""):
    """Configure a job with the targets that a command prints; it counts its calls in the file `asked`."""
    members = world.root / "members"
    members.write_text("".join(f"{target}\n" for target in targets))
    out, command = world.root / "out", f"echo x >> {world.root}/asked; cat {members}"
    text = WRITTEN.format(targets="LIST", out=out, more=more)
    world.configure(text.replace("LIST", f"{{ command = {json.dumps(command)} }}"))
    return out, members


def asked(world):
    return len(lines(world.root / "asked"))


def verdicts(world):
    found = world.sql(
        "SELECT target, strftime('%H:%M', first, 'unixepoch'), verdict, reason FROM slots ORDER BY first, target"
    )
    return [tuple(filter(None, row)) for row in found]


def test_every_target_has_its_own_run_retries_and_verdict(world):
    more = "retry = { max_attempts = 2, delay = '10m' }\n[jobs.report]\ncron = '2 * * * *'\nafter = ['sync']\ncommand = 'true'\n"
    out = written(world, "a", "bad", "c d", more=more)
    world.run("run", at="2026-02-03 14:00:05")

    first = world.run("run", at="2026-02-03 14:05:05")
    waiting = verdicts(world)
    second = world.run("run", at="2026-02-03 14:16:05")

    assert (sorted(lines(out)[:3]), lines(out)[3:]) == (["a", "bad", "c d"], ["bad"])
    assert waiting == [("a", "14:02", "success"), ("bad", "14:02"), ("c d", "14:02", "success")]
    assert (first.returncode, first.stdout) == (0, "")
    assert second.returncode == 1
    assert "sync@bad: failed: exit code 1" in second.stderr
    assert ("14:02", "skipped", "after sync@bad, which failed") in verdicts(world)
    history = world.json("history", "sync", at="2026-02-03 14:17:00")
    assert {run["target"] for run in history} == {"a", "bad", "c d"}
    assert world.run("audit", at="2026-02-03 14:17:00").returncode == 0


def test_a_job_that_gets_changes_and_loses_its_targets_accounts_for_every_slot(world):
    out = world.root / "out"
    plain = WRITTEN.format(targets='["a"]', out=out, more="").replace('for_each = ["a"]\n', "")
    world.configure(plain)
    world.run("run", at="2026-02-03 14:00:05")
    world.run("run", at="2026-02-03 14:05:05")
    for hour, targets in ((15, ["a", "b"]), (16, ["b", "c"])):
        written(world, *targets)
        os.utime(world.config, (0, 0))
        world.run("run", at=f"2026-02-03 {hour}:00:05")
        world.run("run", at=f"2026-02-03 {hour}:05:05")
    world.configure(plain)
    world.run("run", at="2026-02-03 17:00:05")
    world.run("run", at="2026-02-03 17:05:05")

    found = [(lines(out)[0], *sorted(lines(out)[1:3]), *sorted(lines(out)[3:5]), *lines(out)[5:])]
    assert found == [("", "a", "b", "b", "c", "")]
    assert {row[-1] for row in verdicts(world)} == {"success"}
    assert world.run("audit", at="2026-02-03 17:06:00").returncode == 0


def test_a_list_is_read_when_a_slot_is_due_and_its_new_target_takes_part(world):
    out, members = printing(world, "a", "b")
    world.run("run", at="2026-02-03 13:59:05")
    first = asked(world)
    members.write_text("b\nc\n")
    world.run("run", at="2026-02-03 14:00:05")  # idle
    queries = [("status",), ("next",), ("explain", "sync"), ("run", "--dry-run"), ("check",), ("jobs",)]
    for query in queries:
        world.run(*query, at="2026-02-03 14:04:00")
    idle = asked(world)

    done = world.run("run", at="2026-02-03 14:05:05")

    assert (first, idle, asked(world)) == (1, 1, 2)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(lines(out)) == ["b", "c"]
    assert verdicts(world) == [("b", "14:02", "success"), ("c", "14:02", "success")]
    assert world.run("audit", at="2026-02-03 14:06:00").returncode == 0


def test_a_list_that_cannot_be_read_keeps_the_last_known_targets_and_is_a_problem(world):
    out, members = printing(world, "a", "b")
    world.run("run", at="2026-02-03 14:00:05")
    members.unlink()

    failed = world.run("run", at="2026-02-03 14:05:05")
    status = world.run("status", at="2026-02-03 14:06:00")
    members.write_text("a\nb\n")
    again = world.run("run", at="2026-02-03 15:05:05")

    problem = "sync: for_each: its command exited with 1; its last known targets stay"
    assert (failed.returncode, problem in failed.stderr) == (0, True)
    assert (status.returncode, problem in status.stdout) == (1, True)
    assert sorted(lines(out)) == ["a", "a", "b", "b"]
    assert (again.returncode, again.stderr, world.run("status", at="2026-02-03 15:06:00").returncode) == (
        0,
        "",
        0,
    )


def test_a_job_without_a_known_target_has_its_list_read_again_at_its_next_slot(world):
    out, members = printing(world)
    first = world.run("run", at="2026-02-03 14:00:05")
    world.run(
        "run", at="2026-02-03 14:00:07"
    )  # the first one has printed something, so that another one is due at once
    due = world.snapshot()["next_due"]
    by_hand = world.run("run", "sync", at="2026-02-03 14:00:10")
    members.write_text("a\n")

    world.run("run", at="2026-02-03 14:01:05")  # idle
    before = asked(world)
    world.run("run", at="2026-02-03 14:02:05")

    assert "sync: for_each: its command printed no target" in first.stderr
    assert (by_hand.returncode, by_hand.stderr) == (
        2, "scheduled: sync: no target is known: its command printed no target\n",
    )  # fmt: skip
    assert due == "2026-02-03T14:02:00+00:00"
    assert (before, asked(world), lines(out)) == (3, 4, ["a"])


def test_running_a_job_by_hand_reads_its_list_and_means_all_targets(world):
    out, members = printing(world, "a", more="[jobs.other]\ncommand = 'true'\n")
    world.run("run", at="2026-02-03 14:00:05")
    members.write_text("a\nb\n")

    world.run("run", "other", at="2026-02-03 14:01:00")
    before = asked(world)
    done = world.run("run", "sync", "sync@a", at="2026-02-03 14:01:10")

    assert done.returncode == 0
    assert (before, asked(world), sorted(lines(out))) == (1, 2, ["a", "b"])
    assert verdicts(world) == []


def test_the_branches_of_the_workspace_are_targets_without_the_retired_ones(world, sample: Sample):
    out = world.root / "out"
    text = WRITTEN.format(targets='"branches"', out=out, more="")
    world.configure(f'workspace = "{sample.root}"\n{text}')
    registry = sample.root / "BRANCH_REGISTRY.json"
    document = json.loads(registry.read_text())
    names = [entry["name"] for entry in document["branches"] if entry.get("status") != "retired"]
    world.run("run", at="2026-02-03 14:00:05")
    for entry in document["branches"]:
        entry["status"] = "retired" if entry["name"] == names[0] else entry.get("status", "active")
    registry.write_text(json.dumps(document))

    world.run("run", at="2026-02-03 14:05:05")
    registry.write_text("{")
    failed = world.run("run", at="2026-02-03 15:05:05")

    assert sorted(lines(out)) == sorted([*names[1:], *names[1:]])
    assert "its last known targets stay" in failed.stderr
    assert world.run("audit", at="2026-02-03 15:06:00").returncode == 0


def test_targets_that_were_not_started_before_a_kill_start_with_the_next_tick(world, until):
    out = world.root / "out"
    world.configure(
        f"""
        timezone = "UTC"
        max_parallel = 1
        [jobs.sync]
        cron = "2 * * * *"
        for_each = ["a", "b", "c"]
        command = 'echo "$SCHEDULED_TARGET" >> {out}; test -e {world.root}/go || {{ touch {world.root}/waits; exec sleep 300; }}'
        """
    )
    world.run("run", at="2026-02-03 14:00:05")
    tick = world.start("run", at="2026-02-03 14:05:05")
    until((world.root / "waits").exists)  # else the job might find `go` before it is killed
    world.kill_all(tick)
    (world.root / "go").touch()

    world.run("run", at="2026-02-03 14:10:05")
    world.run("run", at="2026-02-03 14:15:05")

    assert (lines(out)[0], sorted(lines(out))) == ("a", ["a", "a", "b", "c"])
    assert [row[:3] for row in verdicts(world)] == [(target, "14:02", "success") for target in "abc"]
    assert world.run("audit", at="2026-02-03 14:16:00").returncode == 0


def test_a_target_that_a_shell_could_interpret_fails_without_executing_anything(world):
    text = WRITTEN.format(targets='{ command = "cat members" }', out="-", more=f'cwd = "{world.root}"')
    world.configure(
        text.replace(text[text.index("command = 'echo") :].splitlines()[0], "command = 'touch {target}'")
    )
    (world.root / "members").write_text("good\n$(touch evil)\n;touch evil\n")
    world.run("run", at="2026-02-03 14:00:05")

    done = world.run("run", at="2026-02-03 14:05:05")

    assert done.returncode == 1
    assert done.stderr.count('write "$SCHEDULED_TARGET" instead') == 2
    assert {"good", "evil"} & {path.name for path in world.root.iterdir()} == {"good"}


def test_after_the_clock_went_back_targets_are_due_again_within_one_period(world):
    out, members = printing(world, "a", "b")
    world.run("run", at="2026-02-03 14:00:05")
    world.run("run", at="2026-02-03 14:05:05")
    members.write_text("b\nc\n")

    world.run("run", at="2026-02-01 10:00:05")
    world.run("run", at="2026-02-01 11:05:05")

    assert sorted(lines(out)[:2]) == ["a", "b"]
    assert sorted(lines(out)[-2:]) == ["b", "c"]
    assert world.run("audit", at="2026-02-01 11:06:00").returncode == 0


@pytest.mark.parametrize(("group", "at_once"), [("", True), ('group = "one"', False)])
def test_targets_run_side_by_side_unless_they_have_a_group(world, group, at_once):
    meet = f"touch {world.root}/at-$SCHEDULED_TARGET; sleep {20 if at_once else 0.3} & wait=$!; "
    meet += f"while kill -0 $wait 2>/dev/null; do test $(ls {world.root} | grep -c ^at-) -lt 2 || break; sleep 0.05; done; "
    meet += f"test $(ls {world.root} | grep -c ^at-) -{'ge' if at_once else 'lt'} 2 || exit 1; kill $wait 2>/dev/null; "
    end = f"touch {world.root}/done-$SCHEDULED_TARGET" if at_once else f"rm {world.root}/at-$SCHEDULED_TARGET"
    world.configure(
        f"""
        timezone = "UTC"
        [jobs.sync]
        for_each = ["a", "b"]
        {group}
        command = '{meet}{end}'
        """
    )

    done = world.run("run", "sync")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_lost_ledger_keeps_the_targets_that_its_snapshot_has(world):
    out, members = printing(world, "a", "b")
    world.run("run", at="2026-02-03 14:00:05")
    world.run("run", at="2026-02-03 14:05:05")
    for path in world.state.glob("ledger.db*"):
        path.unlink()
    members.unlink()

    world.run("run", at="2026-02-03 15:05:05")

    assert sorted(lines(out)) == ["a", "a", "b", "b"]
    assert world.run("audit", at="2026-02-03 15:06:00").returncode == 0


def test_a_list_command_does_not_outlive_a_tick_that_is_killed(world, until):
    command = f"echo $$ > {world.root}/pid; exec sleep 300"
    world.configure(WRITTEN.format(targets=f"{{ command = '{command}' }}", out="/dev/null", more=""))
    tick = world.start("run")
    pid = int(until(lambda: (world.root / "pid").exists() and (world.root / "pid").read_text()))

    tick.kill()
    tick.wait()

    until(lambda: gone(pid))
    members = world.root / "members"
    members.write_text("a\n")
    world.configure(
        WRITTEN.format(targets=f"{{ command = 'cat {members}' }}", out=world.root / "out", more="")
    )
    assert world.run("run", "sync").returncode == 0
    assert lines(world.root / "out") == ["a"]


def test_two_ticks_at_once_start_each_target_once_and_the_later_list_counts(world, until):
    out, members, slow = world.root / "out", world.root / "members", world.root / "slow"
    members.write_text("a\nb\n")
    command = f"cat {members}; test ! -e {slow} || {{ mv {slow} {slow}.seen; until test -e {world.root}/go; do sleep 0.05; done; }}"
    world.configure(WRITTEN.format(targets=f"{{ command = {json.dumps(command)} }}", out=out, more=""))
    world.run("run", at="2026-02-03 14:00:05")
    slow.touch()
    first = world.start("run", at="2026-02-03 14:05:05")
    until((world.root / "slow.seen").exists)
    members.write_text("b\nc\n")
    second = world.start("run", at="2026-02-03 14:05:10")
    until(lambda: len(lines(out)) == 2)
    (world.root / "go").touch()

    assert (first.wait(), second.wait()) == (0, 0)
    assert sorted(lines(out)) == ["b", "c"]
    assert verdicts(world) == [("b", "14:02", "success"), ("c", "14:02", "success")]


@pytest.mark.parametrize("ends", ["list", "disable", "disable job"])
def test_a_target_that_ends_during_its_run_gets_a_verdict_and_no_retry(world, until, ends):
    out, members = printing(world, "a", "bad", more="retry = { max_attempts = 3, delay = '30m' }\n")
    slow = world.config.read_text().replace(
        "test ", f"until test -e {world.root}/go; do sleep 0.05; done; test "
    )
    world.configure(slow)
    world.run("run", at="2026-02-03 14:00:05")
    runner = world.start("run", at="2026-02-03 14:02:05")
    until(lambda: sorted(lines(out)) == ["a", "bad"])

    if ends == "list":
        members.write_text("a\n")
        world.run("run", at="2026-02-03 15:02:05")  # reads the list
    else:
        world.run("disable", "sync@bad" if ends == "disable" else "sync", at="2026-02-03 14:03:05")
    (world.root / "go").touch()
    runner.wait(60)

    assert ("bad", "14:02", "failed", "exit code 1") in verdicts(world)
    assert world.sql("SELECT target FROM runs WHERE status = 'waiting_retry'") == []
    assert world.run("audit", at="2026-02-03 15:03:00").returncode == 0
