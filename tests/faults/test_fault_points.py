"""Failure of each system call with which a tick reads or changes files: it is reported and recovered from.

A call fails once, or all calls from a point on fail until the fault ends. Each test run takes a sample of the
points, with an error for each, from a printed seed (`POINTS_SEED=N` repeats it). With SCHEDULED_NIGHTLY=1
every point is tested with every error, once and lasting.
"""

import random

import pytest

from tests.fixtures.fault_points import NIGHTLY, SEED, at_each, chosen

DISK = ("EIO", "ENOSPC", "EROFS", "ENOMEM")
# The errors that the kernel may return for each kind of call.
ERRORS = {
    "write": DISK,
    "sync": DISK,
    "rename": (*DISK, "EACCES"),
    "unlink": (*DISK, "EACCES"),
    "make": (*DISK, "EACCES", "EMFILE"),
    "open": ("EIO", "EACCES", "EMFILE", "ENOMEM"),
    "fork": ("EAGAIN", "ENOMEM"),
    "lock": ("EIO", "ENOLCK"),
}
# Faults in jobs are not tested: they are the responsibility of the job.
CALLS = {
    "runner": tuple(ERRORS),
    "supervisor": ("write", "sync", "make", "lock", "fork"),
    "handler": ("write", "sync", "rename", "unlink", "make", "open", "lock"),
}
SAMPLE = 4
DOCUMENTED = (0, 1, 2)
# Ends of messages about damage that a tick repairs itself: it exits with 0.
REPAIRED = ("; it is rewritten from the ledger", "; all files are read again")


def cases_of(role, kind, points):
    """Return (point, error, whether the fault lasts) for the points to test."""
    every = [(nth, error, stays) for nth in points for error in ERRORS[kind] for stays in (False, True)]
    if (role, kind) == ("runner", "lock"):
        # If locks stop working during a tick, SQLite waits as for the lock of another process
        # (test_shortages.py).
        every = [case for case in every if case[1:] != ("ENOLCK", True)]
    if NIGHTLY:
        return every
    chance = random.Random(f"{SEED} {role} {kind}")
    return [chance.choice([case for case in every if case[0] == nth]) for nth in points]


def with_fault(worlds, until, role, kind, nth, error, stays):
    """Let calls fail in one tick, recover with further ticks, and return what is wrong afterwards."""
    world, points = worlds.another()
    fault = world.root / "fault"
    fault.touch()
    how = {"stays": fault} if stays else {}
    aim = {"role": role, "kind": kind, "nth": nth, "errno": error, "under": world.root}
    first = world.tick(points.environment(**aim, **how))
    wrongs = misreported(world, worlds.reference, first) if points.met() else []
    fault.unlink()
    output = world.recover(until, again=role == "handler")
    wrongs += [*world.wrongs(), *world.mails_unlike(worlds.reference), *world.unquiet([first, *output])]
    if role != "handler":
        wrongs += world.unlike(worlds.reference) + world.witnessed_unlike(worlds.reference)
    if kind == "unlink":
        # A temporary file that can't be removed is removed with the next mail in that folder.
        wrongs = [wrong for wrong in wrongs if "/sent/." not in wrong and "/deleted/." not in wrong]
    name = f"{role} {kind} {nth} {error} {'staying' if stays else 'once'}"
    return points.met(), worlds.judge(world, name, wrongs)


def misreported(world, reference, first):
    """Return what is wrong with the exit code and messages of a tick with a fault.

    Only a tick that the fault did not harm may be silent.
    """
    found = [] if first.returncode in DOCUMENTED else [f"exit code {first.returncode}"]
    lines = [line for line in first.stderr.splitlines() if not line.endswith(REPAIRED)]
    if bool(first.returncode) != bool(lines):
        found.append(f"exit code {first.returncode} and {first.stderr!r}")
    if not first.returncode and not world.alarmed():
        found += [f"in silence: {wrong}" for wrong in world.unlike(reference)]
    return found


@pytest.mark.timeout(14400 if NIGHTLY else 120)
@pytest.mark.parametrize(("role", "kind"), [(role, kind) for role in CALLS for kind in CALLS[role]])
def test_any_failing_call_is_reported_leaves_no_partial_file_and_is_recovered(worlds, until, role, kind):
    points = chosen(worlds.failing[role, kind], SAMPLE, f"{role} {kind}")

    cases = [(worlds, until, role, kind, *case) for case in cases_of(role, kind, points)]
    assert at_each(with_fault, cases, f"{role} {kind}") == []
