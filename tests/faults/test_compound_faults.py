"""A fault in one tick, then another one in the tick after it: a crash, SIGTERM, a full disk, a disk error.

Each test run takes a sample of 300 pairs, from a printed seed (`POINTS_SEED=N` repeats it). With SCHEDULED_NIGHTLY=1 all
first faults that leave different states are combined with all faults of the next tick.
"""

import random

import pytest

from scheduled.state.files import TEMP_PREFIX
from tests.fixtures.compound_world import BROKEN, DOCUMENTED, FULL, KILL, TERM, Firsts
from tests.fixtures.fault_points import NIGHTLY, SEED, at_each

FIRSTS = [
    *((KILL, "runner", kind) for kind in ("write", "sync", "rename", "unlink", "make")),
    *((KILL, "supervisor", kind) for kind in ("write", "sync", "make", "fork")),
    *((KILL, "handler", kind) for kind in ("write", "unlink")),
    (KILL, "job", "write"),
    *((TERM, role, "write") for role in ("runner", "supervisor")),
    *((FULL, role, "write") for role in ("runner", "supervisor")),
    *((BROKEN, "runner", kind) for kind in ("sync", "open")),
    *((BROKEN, "supervisor", kind) for kind in ("sync", "make")),
]
PAIRS = 300


def again(first, until, role, kind, nth, how):
    """Let the tick after *first* have a fault too, recover with further ticks, and return what is wrong afterwards."""
    world, points = first.another()
    done = world.faulty_tick(points, role, kind, nth, how)
    wrongs = misreported(world, done, how)
    world.end(until)
    fails = how in (FULL, BROKEN)
    ticks = world.recover(until, again=fails and role == "handler")
    reference = first.reference
    wrongs += [*world.wrongs(), *world.mails_unlike(reference), *world.unquiet([done, *ticks])]
    if not fails or role != "handler":
        wrongs += world.unlike(reference)
    if (how, role, kind) == (BROKEN, "handler", "unlink"):
        # The mail is written, and the next mail in this folder removes the temporary file.
        wrongs = [wrong for wrong in wrongs if not (wrong.startswith("left over: ") and TEMP_PREFIX in wrong)]
    name = f"{first.name}, then {role} {kind} {nth} {how}"
    return points.met(), first.judge(world, name, wrongs)


def misreported(world, done, how):
    """Return what is wrong with the exit code and the messages of a tick with a fault."""
    if how in (KILL, TERM) and done.returncode < 0:
        return []
    found = [] if done.returncode in DOCUMENTED else [f"exit code {done.returncode}"]
    # A problem that the first tick has printed is not printed again.
    known = done.returncode > 0 and world.sql("SELECT 1 FROM conditions WHERE key LIKE 'tick:%'")
    return found + (
        ["a failure without a message"] if done.returncode > 0 and not (done.stderr or known) else []
    )


@pytest.mark.timeout(86_400 if NIGHTLY else 600)
@pytest.mark.parametrize(("how", "role", "kind"), FIRSTS)
def test_after_any_two_faults_nothing_is_lost_torn_doubled_or_left_behind(
    compound_worlds, until, how, role, kind
):
    firsts, name, known = Firsts(compound_worlds, until), f"{role} {kind} {how}", set()
    last = firsts.points(how, role, kind)
    for nth in range(1, last + 1) if NIGHTLY else [random.Random(f"{SEED} {name}").randint(1, last)]:
        first = firsts.after(how, role, kind, nth)
        if (left := first.world.state_left()) in known:
            continue
        known.add(left)
        cases = [(first, until, *second) for second in first.chosen(PAIRS // len(FIRSTS))]
        assert at_each(again, cases, f"{first.name}, then") == []
