"""What proves something is removed or renamed only after the commit that replaces it, for every kind of evidence.

A tick that takes in the files of a killed one is killed itself immediately before it removes or renames such a file: the
ledger must then have all that the file proves.
"""

import json

import pytest

RUNNING = "status IN ('claimed', 'running')"
WRITERS_LOCK = (
    "120"  # the byte that SQLite locks in the index of the write-ahead log during a transaction that writes
)


def orphaned(worlds, until):
    """Return a world with all files of a tick that was killed when it was to read its first results."""
    world, points = worlds.another()
    aim = {"role": "runner", "kind": "open", "nth": 2, "only": ".jsonl", "under": world.root}
    assert world.tick(points.environment(**aim)).returncode < 0
    world.end(until)
    (results,), reports = world.state.glob("results/*.jsonl"), list(world.state.glob("results/*.report"))
    assert reports
    world.killed = results.stem
    return world


def settled(world):
    """Return whether no run that the killed tick claimed still counts as running."""
    return not world.sql(f"SELECT 1 FROM runs WHERE {RUNNING} AND tick = '{world.killed}'")


def append_rubbish(world):
    for path in world.state.glob("results/*.jsonl"):
        path.write_bytes(path.read_bytes() + b"rubbish\n")


def put(world, name, text):
    (world.state / "spool" / name).write_text(text)


def remembered(world):
    [(names,)] = world.sql("SELECT value FROM meta WHERE key = 'spooled'")
    return any(name.startswith("disk_full.2.json:") for name in json.loads(names))


def logged(world):
    logs = [*world.state.glob("*.log"), *world.workspace.glob("system_logs/scheduled.log")]
    return any("broken: " in path.read_text() for path in logs)


def delivered(world):
    """Return whether no notice that has a mark waits in the outbox."""
    waiting = {notice for (notice,) in world.sql("SELECT id FROM outbox")}
    return not waiting.intersection(path.name for path in world.state.glob("delivered/*"))


def damage_ledger(world):
    for path in world.state.glob("ledger.db-*"):
        path.unlink()
    (world.state / "ledger.db").write_bytes(b"rubbish" * 1000)


def kept(name):
    """Return a function that returns whether the damaged file has two names."""
    return lambda world: (world.state / name).exists() and (world.state / name).stat().st_nlink == 2


# For each kind: how the killed tick's state is changed, the call before which the next tick is killed, what must be true.
KINDS = {
    "results": (lambda _: None, ("unlink", ".jsonl"), settled),
    "damaged results": (append_rubbish, ("rename", ".jsonl.damaged"), settled),
    "the report of a handler": (lambda _: None, ("unlink", ".report"), settled),
    "an empty output": (lambda _: None, ("unlink", "/output/"), settled),
    "an event": (lambda world: put(world, "disk_full.2.json", ""), ("unlink", "/spool/disk_full.2"), remembered),
    "an invalid event": (lambda world: put(world, "broken", "{"), ("rename", "/spool/bad/"), logged),
    "the mark of a delivery": (lambda _: None, ("unlink", "/delivered/"), delivered),
    "a damaged ledger": (damage_ledger, ("unlink", "/ledger.db"), kept("ledger.db")),
    "a damaged snapshot": (
        lambda world: (world.state / "scheduled_state.json").write_text("{"),
        ("rename", "/scheduled_state.json"),
        kept("scheduled_state.json"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def first(compound_worlds, until):
    return orphaned(compound_worlds, until)


@pytest.mark.parametrize("kind", KINDS)
def test_what_evidence_proves_is_recorded_before_it_is_removed(compound_worlds, first, kind):
    change, (call, only), is_recorded = KINDS[kind]
    world, points = compound_worlds.another(first)
    world.killed = first.killed
    change(world)

    world.tick(points.environment(role="runner", kind=call, nth=1, only=only, under=world.root))

    assert (points.met(), is_recorded(world)) == (True, True)


@pytest.mark.parametrize("damage", [append_rubbish, lambda world: put(world, "broken", "{")])
def test_no_file_is_removed_or_renamed_while_a_transaction_is_open(compound_worlds, first, damage):
    world, points = compound_worlds.another(first)
    damage(world)
    put(world, "disk_full.2.json", "")
    trace = world.root.with_suffix(".trace")

    world.tick(points.environment(trace=trace))

    writing, early, late = False, [], []
    for line in trace.read_text().splitlines():
        _, _, role, kind, path, old = line.split("\t")
        if role == "runner" and path.endswith("/ledger.db-shm") and old == WRITERS_LOCK:
            writing = kind == "lock"
        elif role == "runner" and kind in ("unlink", "rename"):
            (early if writing else late).append(old or path)
    assert early == []
    assert len(late) > 5
