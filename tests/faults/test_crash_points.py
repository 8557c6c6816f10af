"""SIGKILL at every system call with which a tick, its supervisor, handlers or jobs change anything.

Each test run takes a sample of these points, from a printed seed (`POINTS_SEED=N` repeats it). With
SCHEDULED_NIGHTLY=1 all points are tested.
"""

import re
import shutil
import subprocess

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
