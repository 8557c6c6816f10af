import json
import os

import pytest

from scheduled import idle
from scheduled.core.keys import JobKey
from scheduled.errors import StateError
from scheduled.schedules.schedule import Schedule
from scheduled.state import snapshot
from scheduled.state.snapshot import Restored, Switches
from tests.fixtures.ledgers import HOUR, HOURLY, LEDGERS, an_ending, claimed, end

NOW = 1_770_127_200.75  # 2026-02-03T14:00:00.75Z


@pytest.fixture
def path(tmp_path):
    (tmp_path / "state").mkdir()
    return tmp_path / "state" / "scheduled_state.json"


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        ledger.begin_epoch(JobKey("job"), HOURLY, 0)
    yield ledger
    ledger.close()


def published(path, document, **values):
    snapshot.publish(
        path, document, **{"next_due": 1_770_130_800, "edited": 7, "now": NOW, "zone": "UTC", **values}
    )
    return json.loads(path.read_bytes())


# Publishing


def test_what_is_published_can_be_read_and_carries_the_idle_answer(path):
    document = published(path, {"jobs": {"a": 1}})

    assert {key: document[key] for key in ("version", "written_at", "next_due", "jobs")} == {
        "version": 1,
        "written_at": "2026-02-03T14:00:00+00:00",
        "next_due": "2026-02-03T15:00:00+00:00",
        "jobs": {"a": 1},
    }
    assert (snapshot.read(path), int(snapshot.heartbeat(path))) == (document, int(NOW))
    due, seal, *rest, _ = idle.parse(path.read_bytes()[: idle.SIZE])
    assert (due, seal) == (1_770_130_800, idle.sealed(7, due, *rest))


def test_without_anything_to_come_nothing_is_ever_due(path):
    document = published(path, {}, next_due=None)

    assert (document["next_due"], idle.parse(path.read_bytes()[: idle.SIZE])[0]) == (None, idle.NEVER)


def test_keys_of_others_are_kept_and_our_own_are_written_anew(path):
    published(path, {"jobs": {"a": 1}})
    document = snapshot.read(path)
    path.write_text(json.dumps({**document, "jobs": "forged", "theirs": {"x": [1]}, "note": "ä"}))

    found = published(path, {"jobs": {"a": 2}})

    assert (found["jobs"], found["theirs"], found["note"]) == ({"a": 2}, {"x": [1]}, "ä")


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[1]", b"\xff\xfe", b"null", b'{"a":' * 100_000])
def test_rubbish_in_its_place_is_replaced(path, rubbish):
    path.write_bytes(rubbish)

    assert published(path, {"jobs": {}})["jobs"] == {}


def test_it_is_for_the_owners_eyes_only_and_leaves_nothing_beside_it(path):
    published(path, {})

    assert (path.stat().st_mode & 0o777, os.listdir(path.parent)) == (0o600, [path.name])


def test_a_reader_finds_the_old_or_the_new_one_whole(path):
    published(path, {"jobs": {"old": 1}})
    with path.open("rb") as reader:
        published(path, {"jobs": {"new": 1}})
        old = json.load(reader)

    assert (old["jobs"], snapshot.read(path)["jobs"]) == ({"old": 1}, {"new": 1})


def test_what_cannot_be_written_is_named_and_the_old_one_stays(path):
    published(path, {"jobs": {"old": 1}})
    before = path.read_bytes()
    (path.parent / f".{path.name}.tmp").symlink_to("/dev/full")

    with pytest.raises(StateError, match=f"{path}: "):
        published(path, {})

    assert path.read_bytes() == before


# Reading


def test_a_snapshot_as_it_was_published_is_not_tampered_with(path):
    published(path, {"jobs": {}})
    os.utime(path)

    assert snapshot.tampering(path, NOW) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data.replace(b'"jobs"', b'"sobj"'), "edited by hand"),
        (lambda data: data.replace(b"\n}", b',\n"x": 1}'), "edited by hand"),
        (lambda data: data[:-20], "damaged"),
        (lambda data: b"{}", "damaged"),  # noqa: ARG005
        (lambda data: data.replace(b"_idle", b"_busy"), "damaged"),
    ],
)
def test_what_somebody_else_did_to_it_is_said(path, change, expected):
    published(path, {"jobs": {}})
    path.write_bytes(change(path.read_bytes()))

    assert snapshot.tampering(path, NOW).startswith(f"{path}: {expected}")


def test_a_snapshot_that_is_not_there_is_nobodys_fault(path):
    assert (snapshot.tampering(path, NOW), snapshot.read(path), snapshot.heartbeat(path)) == (
        None,
        None,
        None,
    )


def test_a_directory_in_its_place_is_named(path):
    path.mkdir()

    assert snapshot.tampering(path, NOW).startswith(
        f"{path}: not a regular file; moved aside to {path}.damaged-"
    )


def test_the_last_tick_is_known_to_be_idle_until_something_is_due(path):
    published(path, {}, next_due=int(NOW) + 100)
    idle_at = []
    for beat in (0, 99, 100, 500):
        os.utime(path, (0, int(NOW) + beat))
        idle_at.append(snapshot.idle_until(path))

    assert idle_at == [int(NOW), int(NOW) + 99, None, None]


# What it gives back to a ledger that was lost


def test_positions_and_schedules_survive(path, ledger):
    claimed(ledger, HOUR)
    end(ledger, an_ending("run-3600"), "success")
    with ledger.transaction():
        ledger.advance(JobKey("job"), HOUR)
        ledger.succeeded(JobKey("job"), HOUR)
    published(path, snapshot.summary(ledger, {}, "UTC", 0))

    assert snapshot.essentials(path) == [Restored("job", HOUR, HOURLY, HOUR)]


def test_what_is_known_of_targets_survives(path, ledger):
    keys = [JobKey("job", "a/b"), JobKey("job", "x" * 500), JobKey("mail@flow"), JobKey("mail", "flow")]
    with ledger.transaction():
        for place, key in enumerate(keys):
            ledger.begin_epoch(key, HOURLY, place)
            ledger.override(key, enabled=bool(place % 2))
            ledger.pause(key, None)
    published(path, snapshot.summary(ledger, {}, "UTC", 0))

    assert {found.key: found.position for found in snapshot.essentials(path)} == {
        JobKey("job"): 0, keys[0]: 0, keys[1]: 1, keys[2]: 2, keys[3]: 3,
    }  # fmt: skip
    assert snapshot.switches(path) == Switches(
        {key: bool(place % 2) for place, key in enumerate(keys)}, dict.fromkeys(keys)
    )


def test_what_is_no_label_of_a_job_is_left_out(path):
    good = {"position": 7, "schedules": HOURLY, "window_start": None}
    labels = ("a@", "a@b@c", "a@%ff", "a@b/c", "a@x")
    published(
        path,
        {
            "jobs": dict.fromkeys(labels, good),
            "overridden": dict.fromkeys(labels, True),
            "paused": dict.fromkeys(labels),
        },
    )

    key = JobKey("a", "x")
    assert [found.key for found in snapshot.essentials(path)] == [key]
    assert snapshot.switches(path) == Switches({key: True}, {key: None})


def test_bad_entries_are_left_out_and_the_others_stand(path):
    good = {"position": 7, "schedules": [{"kind": "cron", "expression": "@daily"}], "window_start": None}
    published(path, {"jobs": {"a": good, "b": 3, "c": {"position": "x"}, "d": {**good, "schedules": 1}}})

    assert snapshot.essentials(path) == [Restored("a", 7, (Schedule("cron", "@daily"),), None)]


def test_what_was_switched_survives(path, ledger):
    with ledger.transaction():
        ledger.override(JobKey("job"), False)
        ledger.pause(JobKey(""), HOUR)
        ledger.pause(JobKey("job"), None)
    published(path, snapshot.summary(ledger, {}, "Europe/Berlin", HOUR - 1))

    assert snapshot.switches(path) == Switches(
        {JobKey("job"): False}, {JobKey(""): HOUR, JobKey("job"): None}
    )


def test_bad_switches_are_left_out_and_the_others_stand(path):
    paused = {"a": "soon", "b": 7, "c": None, "d": "9999-12-31T23:59:59+00:00", "e": [], "f": "x" * 9999}
    published(path, {"overridden": {"a": True, "b": 1, "c": None}, "paused": paused})

    assert snapshot.switches(path) == Switches({JobKey("a"): True}, {JobKey("c"): None})


@pytest.mark.parametrize("rubbish", [[], "x", None, 3])
def test_switches_that_are_none_restore_nothing(path, rubbish):
    published(path, {"overridden": rubbish, "paused": rubbish})

    assert snapshot.switches(path) == Switches({}, {})


@pytest.mark.parametrize("jobs", [[], "x", None, 3])
def test_jobs_that_are_none_restore_nothing(path, jobs):
    published(path, {"jobs": jobs})

    assert snapshot.essentials(path) == []


# The document


def test_the_document_has_the_shape_that_others_read(ledger):
    assert snapshot.summary(ledger, {}, "UTC", 0) == {
        "last_run": {"hourly": None, "daily_report": None},
        "memory_rollover": {"notified_files": [], "last_check": None},
        "mail_cleanup": {"last_run": None, "stats": {"auto_opened_total": 0, "auto_closed_total": 0}},
        "health_check": {"last_run": None, "last_status": {"healthy": 0, "warnings": 0, "errors": 0}},
        "jobs": {
            "job": {
                "next_run": None,
                "last_run": None,
                "last_status": None,
                "run_count": 0,
                "failure_count": 0,
                "position": 0,
                "window_start": None,
                "schedules": HOURLY,
            }
        },
        "overridden": {},
        "paused": {},
    }


def test_the_document_tells_what_the_built_in_jobs_found(ledger):
    with ledger.transaction():
        ledger.count(JobKey("job"), "auto_opened", 4)
    claimed(ledger, HOUR)
    result = {"healthy": 3, "warnings": 1, "errors": 2, "notified_files": ["/a"]}
    end(ledger, an_ending("run-3600", finished_at=NOW), "success", result=result)

    handlers = dict.fromkeys(("health", "memory_rollover", "mail_cleanup"), JobKey("job"))
    found = snapshot.summary(ledger, handlers, "Europe/Berlin", int(NOW))

    ran = "2026-02-03T15:00:00+01:00"
    assert found["last_run"] == {"hourly": ran, "daily_report": None}
    assert found["memory_rollover"] == {"notified_files": ["/a"], "last_check": ran}
    assert found["mail_cleanup"] == {
        "last_run": ran,
        "stats": {"auto_opened_total": 4, "auto_closed_total": 0},
    }
    assert found["health_check"] == {
        "last_run": ran,
        "last_status": {"healthy": 3, "warnings": 1, "errors": 2},
    }
