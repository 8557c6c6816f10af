"""The order of the syncs in a tick: it protects against a power cut, which a kill can't imitate."""

import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest

from tests.fixtures.fault_points import calls
from tests.fixtures.world import ENTRY


@pytest.fixture
def trace(worlds):
    """Return the file with the calls of a tick."""
    world, points = worlds.another()
    path = world.root.with_suffix(".trace")
    world.tick(points.environment(trace=path))
    return path


def test_a_replacing_file_is_synced_before_the_rename_and_its_directory_after(trace):
    renamed, unsynced, nameless = 0, set(), {}
    for pid, kind, path, old in calls(trace):
        if kind == "write":
            unsynced.add(path)
        elif kind == "sync":
            unsynced.discard(path)
            nameless.pop((pid, path), None)
        elif kind == "rename" and path.endswith("/parsed_configuration"):
            unsynced.discard(old)  # its checksum shows whether it is complete
        elif kind == "rename":
            renamed += 1
            assert old not in unsynced, f"{old} was put in the place of {path}, and not synced"
            if not path.endswith("scheduled_state.json"):  # the one before it does as well
                nameless[pid, os.path.dirname(path)] = path
    assert renamed > 5
    assert nameless == {}


def depends_on_a_commit(kind, path):
    """Return what a call of the runner needs a durable ledger for, None if for nothing."""
    name = os.path.basename(path)
    if kind == "write" and path.startswith("pipe:"):
        return "orders to start runs"
    if kind == "rename" and name == "scheduled_state.json":
        return "the snapshot of what the ledger has"
    if kind == "rename" and "/state/" not in path:
        return "a mail from the outbox"
    if kind == "unlink" and ("/spool/" in path or name.endswith((".jsonl", ".report"))):
        return "the removal of evidence"
    return None


def test_what_depends_on_a_commit_happens_after_its_sync(trace):
    unsynced, seen = set(), Counter()
    for _, kind, path, _ in calls(trace, role="runner"):
        suffix = path.rpartition("/")[2]
        if suffix in ("ledger.db", "ledger.db-wal") and kind in ("write", "sync"):
            (unsynced.add if kind == "write" else unsynced.discard)(suffix)
        if (needed := depends_on_a_commit(kind, path)) is not None:
            seen[needed] += 1
            assert unsynced == set(), f"{needed} before the sync of {unsynced}: {path}"
        assert (kind, suffix, unsynced) != ("unlink", "ledger.db-wal", {"ledger.db"})
    assert len(seen) == 4, seen


def test_a_result_is_synced_before_the_tick_is_notified(trace):
    lines = [call[1:3] for call in calls(trace, role="supervisor") if call[1] in ("write", "sync")]
    after_sync = [
        path for (kind, file), (_, path) in pairwise(lines) if kind == "sync" and file.endswith(".jsonl")
    ]
    # The supervisor has another pipe, for its own signals.
    ((pipe, times),) = Counter(after_sync).most_common(1)
    relevant = [(kind, path) for kind, path in lines if path == pipe or path.endswith(".jsonl")]

    assert (pipe.startswith("pipe:"), times > 3) == (True, True)
    assert {kind for (kind, _), (_, path) in pairwise(relevant) if path == pipe} == {"sync"}


def test_a_tick_with_one_run_syncs_six_times(points, tmp_path):
    """The claim and the name of the log, the result, the log and the ledger when it is closed, the snapshot."""
    (tmp_path / "scheduled.toml").write_text('[jobs.one]\ncommand = "true"\n')
    program = [sys.executable, ENTRY, "--config", tmp_path / "scheduled.toml", "--state", tmp_path / "state"]
    subprocess.run([*program, "run"], check=True)
    counting = points(tmp_path / "counters")
    subprocess.run([*program, "run", "one"], env=counting.environment(), check=True)

    assert counting.counts()["runner", "sync"] == 5
    # The start has an fsync of its own if the command takes longer, as on a busy machine.
    assert counting.counts()["supervisor", "sync"] in (1, 2)
