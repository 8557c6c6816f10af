"""Each call by which a tick changes the world, or reads it, fails: it is said, nothing is torn, and it heals.

A call fails once, or every one from there on does until the trouble is over. In every run a sample of the points,
each with an error dealt to it by a printed seed (`POINTS_SEED=N` tells it again); with SCHEDULED_NIGHTLY=1 each
point with each error, once and staying.
"""

import random

import pytest

from tests.fixtures.fault_points import NIGHTLY, SEED, at_each, chosen

DISK = ("EIO", "ENOSPC", "EROFS", "ENOMEM")
# What the kernel may answer to each kind of call.
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
# Jobs answer for themselves: what they meet is theirs.
CALLS = {
    "runner": tuple(ERRORS),
    "supervisor": ("write", "sync", "make", "lock", "fork"),
    "handler": ("write", "sync", "rename", "unlink", "make", "open", "lock"),
}
SAMPLE = 4
DOCUMENTED = (0, 1, 2)
# What a tick makes good by itself is said, and no failure.
MENDED = ("; it is rewritten from the ledger", "; all files are looked at anew")


def dealt(role, kind, points):
    """Return points with the errors that they are to meet, and whether these stay."""
    every = [(nth, error, stays) for nth in points for error in ERRORS[kind] for stays in (False, True)]
    if (role, kind) == ("runner", "lock"):
        # Locks that end in the middle of a tick SQLite takes for somebody else's, and waits; see test_shortages.py.
        every = [case for case in every if case[1:] != ("ENOLCK", True)]
    if NIGHTLY:
        return every
    chance = random.Random(f"{SEED} {role} {kind}")
    return [chance.choice([case for case in every if case[0] == nth]) for nth in points]


def troubled(worlds, until, role, kind, nth, error, stays):
    """Let calls fail in one tick, tick on without trouble, and return what is wrong then."""
    world, points = worlds.another()
    trouble = world.root / "trouble"
    trouble.touch()
    how = {"stays": trouble} if stays else {}
    aim = {"role": role, "kind": kind, "nth": nth, "errno": error, "under": world.root}
    first = world.tick(points.environment(**aim, **how))
    wrongs = badly_told(world, worlds.reference, first) if points.met() else []
    trouble.unlink()
    said = world.recover(until, again=role == "handler")
    wrongs += [*world.wrongs(), *world.mails_unlike(worlds.reference), *world.unquiet([first, *said])]
    if role != "handler":
        wrongs += world.unlike(worlds.reference) + world.witnessed_unlike(worlds.reference)
    if kind == "unlink":
        # What can't be removed is removed when the next mail is put there.
        wrongs = [wrong for wrong in wrongs if "/sent/." not in wrong and "/deleted/." not in wrong]
    name = f"{role} {kind} {nth} {error} {'staying' if stays else 'once'}"
    return points.met(), worlds.judge(world, name, wrongs)


def badly_told(world, reference, first):
    """Return what is wrong with how a tick that met trouble ended: silence is for those to whom it did nothing."""
    found = [] if first.returncode in DOCUMENTED else [f"exit code {first.returncode}"]
    lines = [line for line in first.stderr.splitlines() if not line.endswith(MENDED)]
    if bool(first.returncode) != bool(lines):
        found.append(f"exit code {first.returncode} and {first.stderr!r}")
    if not first.returncode and not world.alarmed():
        found += [f"in silence: {wrong}" for wrong in world.unlike(reference)]
    return found


@pytest.mark.timeout(14400 if NIGHTLY else 120)
@pytest.mark.parametrize(("role", "kind"), [(role, kind) for role in CALLS for kind in CALLS[role]])
def test_any_failing_call_is_reported_leaves_no_partial_file_and_is_recovered(worlds, until, role, kind):
    points = chosen(worlds.failing[role, kind], SAMPLE, f"{role} {kind}")

    cases = [(worlds, until, role, kind, *case) for case in dealt(role, kind, points)]
    assert at_each(troubled, cases, f"{role} {kind}") == []
