"""SIGKILL at every system call with which a tick, its supervisor, handlers or jobs change anything.

Each test run takes a sample of these points, from a printed seed (`POINTS_SEED=N` repeats it). With
SCHEDULED_NIGHTLY=1 all points are tested.
"""

import os
import re
import shutil
import subprocess
from collections import Counter
from itertools import pairwise

import pytest

from tests.fixtures.fault_points import NIGHTLY, at_each, chosen

CHANGES = {
    "runner": ("write", "sync", "rename", "unlink", "fork", "make"),
    "supervisor": ("write", "sync", "rename", "unlink", "fork", "make"),
    "handler": ("write", "sync", "rename", "unlink", "make"),
    "job": ("write", "fork", "make"),
}
SAMPLE = 7  # points per role and kind of call


def killed(worlds, until, role, kind, nth):
    """Kill a tick at one point, recover with further ticks, and return what is wrong afterwards."""
    world, points = worlds.another()
    world.tick(points.environment(role=role, kind=kind, nth=nth))
    wrongs = [f"just after: {wrong}" for wrong in world.overtaken()]
    output = world.recover(until)
    wrongs += [*world.wrongs(), *world.unlike(worlds.reference), *world.unquiet(output)]
    if role == "runner":
        # The death of the tick interrupts no job: no attempt is repeated.
        wrongs += world.witnessed_unlike(worlds.reference)
    return points.met(), worlds.judge(world, f"{role} {kind} {nth}", wrongs)


@pytest.mark.timeout(7200 if NIGHTLY else 120)
@pytest.mark.parametrize(("role", "kind"), [(role, kind) for role in CHANGES for kind in CHANGES[role]])
def test_killed_at_any_point_nothing_is_lost_torn_doubled_or_left_behind(worlds, until, role, kind):
    points = chosen(worlds.counts[role, kind], SAMPLE, f"{role} {kind}")

    cases = [(worlds, until, role, kind, nth) for nth in points]
    assert at_each(killed, cases, f"{role} {kind}") == []


def killed_at_first(worlds, until, kind, nth):
    """Kill the very first tick at one point, run further ticks, and return what is wrong afterwards."""
    world, points = worlds.another()
    shutil.rmtree(world.state)
    world.tick(points.environment(role="runner", kind=kind, nth=nth))
    output = world.recover(until)
    known = {job for (job,) in world.sql("SELECT job FROM epochs WHERE ends_at IS NULL")}
    wrongs = [*world.damage(), *world.unquiet(output)]
    configured = {job["name"] for job in world.json("jobs")}
    wrongs += [] if known == configured else [f"{known} are known of {configured}"]
    return points.met(), worlds.judge(world, f"first tick, {kind} {nth}", wrongs)


@pytest.mark.timeout(7200 if NIGHTLY else 120)
@pytest.mark.parametrize("kind", ["write", "sync", "rename", "make"])
def test_after_a_kill_in_the_very_first_tick_the_next_one_starts_from_scratch(worlds, until, kind):
    world, counting = worlds.another()
    shutil.rmtree(world.state)
    assert world.tick(counting.environment()).returncode == 0
    points = chosen(counting.counts()["runner", kind], SAMPLE, f"first tick, {kind}")

    assert (
        at_each(killed_at_first, [(worlds, until, kind, nth) for nth in points], f"first tick, {kind}") == []
    )


def test_a_replacing_file_is_synced_before_the_rename_and_its_directory_after(worlds):
    """A kill can't test this: the order of the syncs protects against a power cut."""
    world, points = worlds.another()
    trace = world.root.with_suffix(".trace")
    world.tick(points.environment(trace=trace))

    renamed, unsynced, nameless = 0, set(), {}
    for pid, kind, path, old in calls(trace):
        if kind == "write":
            unsynced.add(path)
        elif kind == "sync":
            unsynced.discard(path)
            nameless.pop((pid, path), None)
        elif kind == "rename":
            renamed += 1
            assert old not in unsynced, f"{old} was put in the place of {path}, and not synced"
            nameless[pid, os.path.dirname(path)] = path
    assert renamed > 5
    assert nameless == {}


def test_a_result_is_synced_before_the_tick_is_notified(worlds):
    world, points = worlds.another()
    trace = world.root.with_suffix(".trace")
    world.tick(points.environment(trace=trace))

    lines = [call[1:3] for call in calls(trace, role="supervisor") if call[1] in ("write", "sync")]
    after_sync = [path for (kind, _), (_, path) in pairwise(lines) if kind == "sync"]
    # The supervisor has another pipe, for its own signals.
    ((pipe, times),) = Counter(after_sync).most_common(1)
    relevant = [(kind, path) for kind, path in lines if path == pipe or path.endswith(".jsonl")]

    assert (pipe.startswith("pipe:"), times > 3) == (True, True)
    assert {kind for (kind, _), (_, path) in pairwise(relevant) if path == pipe} == {"sync"}


def calls(trace, role=""):
    """Yield the pid, the kind, the path and, for a rename, the old path of every counted call."""
    for line in trace.read_text().splitlines():
        _, pid, actor, kind, path, old = line.split("\t")
        if role in ("", actor):
            yield int(pid), kind, path, old


@pytest.mark.system
@pytest.mark.skipif(shutil.which("strace") is None, reason="NOT RUN: needs strace")
def test_no_call_that_strace_sees_is_missed(worlds):
    """The points are counted in libc; system calls of a program that bypasses it would be missed."""
    world, points = worlds.another()
    seen = world.root.with_suffix(".strace")
    names = {
        "write": "write,pwrite64,writev,pwritev,ftruncate",
        "sync": "fsync,fdatasync,sync_file_range",
        "rename": "rename,renameat,renameat2",
        "unlink": "unlink,unlinkat,rmdir",
    }
    watching = [
        "strace",
        "-f",
        "-qq",
        "-y",
        "-e",
        f"trace={','.join(names.values())}",
        "-e",
        "signal=none",
        "-o",
        seen,
    ]

    world.preload(points.environment())
    subprocess.run([*watching, *world.command("run")], env=points.environment(), check=True)

    lines = seen.read_text().splitlines()
    for kind, calls in names.items():
        pattern = re.compile(rf"^\d+ +({calls.replace(',', '|')})\(")
        counted = sum(count for (_, known), count in points.counts().items() if known == kind)
        missed = [line for line in lines if pattern.match(line)]
        assert counted == len(missed), kind
