"""More jobs than the document of the snapshot is written for at every tick: a journal has what changes in between."""

import json

import pytest

from scheduled.state import snapshot_journal

JOBS = "".join(f'[jobs.j{n}]\ncron = "0 0 1 1 *"\ncommand = "true"\n' for n in range(snapshot_journal.MANY))
TEXT = (
    f'timezone = "UTC"\n[jobs.often]\ncron = "* * * * *"\ncommand = "echo $SCHEDULED_FOR >> {{log}}"\n{JOBS}'
)


@pytest.fixture
def many(world):
    world.configure(TEXT.format(log=world.root / "log"))
    world.run("run", at="@2026-12-01 08:00:30")
    return world


def entries(world):
    lines = (world.state / "scheduled_state.journal").read_bytes().splitlines()
    return [json.loads(line.partition(b" ")[2]) for line in lines[1:]]


def log(world):
    return (world.root / "log").read_text().split()


def test_ticks_append_what_has_changed_until_the_document_is_due_again(many):
    document = many.state / "scheduled_state.json"
    before = document.stat().st_ino, document.read_bytes()[256:]
    for minute in (1, 2):
        many.run("run", at=f"@2026-12-01 08:0{minute}:05")
    between = document.stat().st_ino, document.read_bytes()[256:]
    appended = entries(many)
    many.run("run", at="@2026-12-01 08:16:05")

    assert between == before
    assert [list(entry["jobs"]) for entry in appended] == [["often"], ["often"]]
    assert (entries(many), many.snapshot()["jobs"]["often"]["run_count"]) == ([], 4)
    assert log(many) == [f"2026-12-01T08:{minute}:00+00:00" for minute in ("00", "01", "02", "16")]


def test_whether_a_tick_is_idle_depends_on_the_first_line(many):
    many.run("run", at="@2026-12-01 08:01:05")
    document = many.state / "scheduled_state.json"
    header = document.read_bytes()[:256]
    many.run("run", at="@2026-12-01 08:01:30")
    idle = document.read_bytes()[:256]
    many.run("run", at="@2026-12-01 08:02:05")

    assert (idle == header, document.read_bytes()[:256] == header) == (True, False)


def test_a_lost_ledger_is_restored_from_the_document_and_the_journal(many):
    for minute in (1, 2):
        many.run("run", at=f"@2026-12-01 08:0{minute}:05")
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (many.state / name).unlink(missing_ok=True)
    done = many.run("run", at="@2026-12-01 08:03:05")
    audit = many.run("audit", at="@2026-12-01 08:03:10")

    assert f"restored the positions of {snapshot_journal.MANY + 1} jobs" in done.stdout + done.stderr
    assert (log(many)[-2:], audit.returncode) == (
        ["2026-12-01T08:02:00+00:00", "2026-12-01T08:03:00+00:00"], 0,
    ), audit.stdout  # fmt: skip


def test_a_pause_is_in_the_journal_and_holds_back_the_next_tick(many):
    many.run("pause", "often", at="@2026-12-01 08:00:40")
    many.run("run", at="@2026-12-01 08:01:05")
    reason = many.json("explain", "often", at="@2026-12-01 08:01:10")["open_reason"]
    many.run("resume", "often", at="@2026-12-01 08:01:20")
    many.run("run", at="@2026-12-01 08:02:05")

    assert (entries(many)[0]["paused"], reason) == ({"often": None}, "paused")
    assert log(many) == ["2026-12-01T08:00:00+00:00", "2026-12-01T08:02:00+00:00"]


def test_an_edit_by_hand_takes_effect_at_the_next_tick(many):
    many.run("run", at="@2026-12-01 08:01:05")
    text = many.config.read_text().replace("* * * * *", "*/5 * * * *")
    many.config.write_text(text.replace('[jobs.j7]\ncron = "0 0 1 1 *"', '[jobs.j7]\ncron = "3 8 * * *"'))
    many.run("run", at="@2026-12-01 08:03:05")
    many.run("run", at="@2026-12-01 08:05:05")

    assert log(many)[-1] == "2026-12-01T08:05:00+00:00"
    assert "2026-12-01T08:03:00+00:00" not in log(many)
    assert many.json("history", "j7")[0]["status"] == "success"
