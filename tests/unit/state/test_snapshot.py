import json
import os
from zlib import crc32

import pytest

from scheduled import idle
from scheduled.core.keys import JobKey
from scheduled.errors import StateError
from scheduled.schedules.schedule import Schedule
from scheduled.state import essentials, snapshot, snapshot_summary, snapshot_tampering
from scheduled.state.essentials import Restored, SavedOverrides
from tests.fixtures.ledgers import HOUR, HOURLY, LEDGERS, an_attempt_result, claimed, end

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


def test_a_published_snapshot_can_be_read_and_has_the_idle_header(path):
    document = published(path, {"jobs": {"a": 1}})

    assert {key: document[key] for key in ("version", "written_at", "next_due", "jobs")} == {
        "version": 1,
        "written_at": "2026-02-03T14:00:00+00:00",
        "next_due": "2026-02-03T15:00:00+00:00",
        "jobs": {"a": 1},
    }
    assert (snapshot.read(path), snapshot.header(path)[0]) == (document, int(NOW) * 10**9)
    due, seal, *rest, _ = idle.parse(path.read_bytes()[: idle.SIZE])
    assert (due, seal) == (1_770_130_800, idle.sealed(7, due, *rest))


def test_without_a_next_due_instant_nothing_is_ever_due(path):
    document = published(path, {}, next_due=None)

    assert (document["next_due"], idle.parse(path.read_bytes()[: idle.SIZE])[0]) == (None, idle.NEVER)


def test_keys_of_other_programs_are_kept_and_own_keys_are_rewritten(path):
    published(path, {"jobs": {"a": 1}})
    document = snapshot.read(path)
    path.write_text(json.dumps({**document, "jobs": "forged", "other": {"x": [1]}, "note": "ä"}))

    found = published(path, {"jobs": {"a": 2}})

    assert (found["jobs"], found["other"], found["note"]) == ({"a": 2}, {"x": [1]}, "ä")


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"null", b'{"a":' * 100_000])
def test_an_invalid_file_is_replaced(path, content):
    path.write_bytes(content)

    assert published(path, {"jobs": {}})["jobs"] == {}


def test_the_snapshot_is_private_and_leaves_no_temporary_file(path):
    published(path, {})

    assert (path.stat().st_mode & 0o777, os.listdir(path.parent)) == (0o600, [path.name])


def test_a_reader_sees_the_complete_old_or_new_snapshot(path):
    published(path, {"jobs": {"old": 1}})
    with path.open("rb") as reader:
        published(path, {"jobs": {"new": 1}})
        old = json.load(reader)

    assert (old["jobs"], snapshot.read(path)["jobs"]) == ({"old": 1}, {"new": 1})


def test_a_failed_write_names_the_snapshot_and_keeps_the_old_one(path):
    published(path, {"jobs": {"old": 1}})
    before = path.read_bytes()
    (path.parent / f".{path.name}.tmp").symlink_to("/dev/full")

    with pytest.raises(StateError, match=f"{path}: "):
        published(path, {})

    assert path.read_bytes() == before


# Reading


def test_a_published_snapshot_does_not_count_as_changed(path):
    published(path, {"jobs": {}})
    os.utime(path)

    assert snapshot_tampering.found(path, NOW) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data.replace(b'"jobs"', b'"sobj"'), "edited manually"),
        (lambda data: data.replace(b"2026", b"2027"), "edited manually"),
        (lambda data: data[:-20], "damaged"),
        (lambda data: b"[]", "damaged"),  # noqa: ARG005
        (lambda data: b"{}", "edited manually"),  # noqa: ARG005
        (lambda data: data.replace(b"_idle", b"_busy"), "edited manually"),
    ],
)
def test_a_change_by_another_program_is_reported(path, change, expected):
    published(path, {"jobs": {}})
    path.write_bytes(change(path.read_bytes()))

    assert snapshot_tampering.found(path, NOW).startswith(f"{path}: {expected}")


DOCUMENT = {
    "mail_cleanup": {"last_run": None, "stats": {"auto_opened_total": 3}},
    "jobs": {"a": {"run_count": 5, "position": 1_770_127_200.0, "schedules": HOURLY}},
    "other": "\u00e4",
}


@pytest.mark.parametrize(
    "layout", [{"indent": 4}, {"indent": None}, {"sort_keys": True}, {"ensure_ascii": False}]
)
def test_a_snapshot_that_another_program_rewrote_is_not_reported_and_its_keys_are_kept(path, layout):
    document = published(path, DOCUMENT)
    document["my_key"] = document["mail_cleanup"]["mine"] = document["jobs"]["a"]["note"] = {"n": 1}
    path.write_text(json.dumps(document, **layout))

    assert snapshot_tampering.found(path, NOW) is None
    found = published(path, DOCUMENT)

    kept = (found["my_key"], found["mail_cleanup"]["mine"], found["jobs"]["a"]["note"], found["other"])
    assert kept == ({"n": 1}, {"n": 1}, {"n": 1}, "\u00e4")
    assert snapshot_tampering.found(path, NOW) is None


@pytest.mark.parametrize(
    ("value", "kept"),
    [(float("nan"), None), (float("inf"), None), ("\ud83d", "?"), ([float("-inf"), "a"], [None, "a"])],
)
def test_what_only_other_json_tools_write_is_read_too(path, value, kept):
    document = published(path, DOCUMENT)
    document["my_key"] = value
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(document, indent=2).replace("\n", "\r\n").encode())

    assert snapshot_tampering.found(path, NOW) is None
    assert published(path, DOCUMENT)["my_key"] == kept


def test_a_changed_value_is_reported_also_in_another_layout(path):
    document = published(path, DOCUMENT)
    document["jobs"]["a"]["run_count"] = 6
    path.write_text(json.dumps(document, indent=2))

    assert snapshot_tampering.found(path, NOW).startswith(f"{path}: edited manually")


def test_the_keys_of_a_job_that_is_gone_are_dropped(path):
    document = published(path, DOCUMENT)
    document["jobs"]["a"]["note"] = 1
    path.write_text(json.dumps(document))

    assert published(path, {"jobs": {}})["jobs"] == {}


def test_a_snapshot_of_an_earlier_version_does_not_count_as_changed(path):
    published(path, {"jobs": {}})
    data = path.read_bytes()
    *head, _ = idle.parse(data[: idle.SIZE])
    for checksum in (crc32(data[idle.SIZE :] + repr(head).encode()), crc32(data[idle.SIZE :])):
        numbers = b" ".join(b"%d" % number for number in (*head, checksum))
        path.write_bytes(idle.PREFIX + numbers.ljust(idle.SIZE - 14) + idle.SUFFIX + data[idle.SIZE :])

        assert len(path.read_bytes()) == len(data)
        assert snapshot_tampering.found(path, NOW) is None


def test_a_missing_snapshot_is_not_reported(path):
    assert (snapshot_tampering.found(path, NOW), snapshot.read(path), snapshot.header(path)[0]) == (
        None,
        None,
        None,
    )


def test_a_directory_with_its_name_is_moved_aside(path):
    path.mkdir()

    assert snapshot_tampering.found(path, NOW).startswith(
        f"{path}: not a regular file; moved aside to {path}.damaged-"
    )


def test_the_last_tick_was_idle_until_something_was_due(path):
    published(path, {}, next_due=int(NOW) + 100)
    idle_at = []
    for beat in (0, 99, 100, 500):
        os.utime(path, (0, int(NOW) + beat))
        idle_at.append(snapshot.idle_until(path))

    assert idle_at == [int(NOW), int(NOW) + 99, None, None]


# Restoring a lost ledger


def test_positions_and_schedules_are_restored(path, ledger):
    claimed(ledger, HOUR)
    end(ledger, an_attempt_result("run-3600"), "success")
    with ledger.transaction():
        ledger.advance(JobKey("job"), HOUR)
        ledger.succeeded(JobKey("job"), HOUR)
    published(path, snapshot_summary.summary(ledger, {}, "UTC", 0))

    assert essentials.of_jobs(path) == [Restored("job", HOUR, HOURLY, HOUR)]


def test_the_state_of_targets_is_restored(path, ledger):
    keys = [JobKey("job", "a/b"), JobKey("job", "x" * 500), JobKey("mail@flow"), JobKey("mail", "flow")]
    with ledger.transaction():
        for place, key in enumerate(keys):
            ledger.begin_epoch(key, HOURLY, place)
            ledger.override(key, enabled=bool(place % 2))
            ledger.pause(key, None)
    published(path, snapshot_summary.summary(ledger, {}, "UTC", 0))

    assert {found.key: found.position for found in essentials.of_jobs(path)} == {
        JobKey("job"): 0, keys[0]: 0, keys[1]: 1, keys[2]: 2, keys[3]: 3,
    }  # fmt: skip
    assert essentials.saved_overrides(path) == SavedOverrides(
        {key: bool(place % 2) for place, key in enumerate(keys)}, dict.fromkeys(keys)
    )


def test_an_invalid_label_is_ignored(path):
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
    assert [found.key for found in essentials.of_jobs(path)] == [key]
    assert essentials.saved_overrides(path) == SavedOverrides({key: True}, {key: None})


def test_invalid_entries_are_ignored_and_the_others_are_restored(path):
    good = {"position": 7, "schedules": [{"kind": "cron", "expression": "@daily"}], "window_start": None}
    published(path, {"jobs": {"a": good, "b": 3, "c": {"position": "x"}, "d": {**good, "schedules": 1}}})

    assert essentials.of_jobs(path) == [Restored("a", 7, (Schedule("cron", "@daily"),), None)]


def test_overrides_and_pauses_are_restored(path, ledger):
    with ledger.transaction():
        ledger.override(JobKey("job"), False)
        ledger.pause(JobKey(""), HOUR)
        ledger.pause(JobKey("job"), None)
        ledger.mute(JobKey("job"), HOUR)
        ledger.mute(JobKey("job", "x"), None)
        ledger.mute(JobKey("over"), HOUR - 1)
    published(path, snapshot_summary.summary(ledger, {}, "Europe/Berlin", HOUR - 1))

    assert essentials.saved_overrides(path) == SavedOverrides(
        {JobKey("job"): False},
        {JobKey(""): HOUR, JobKey("job"): None},
        {JobKey("job"): HOUR, JobKey("job", "x"): None},
    )


def test_invalid_overrides_and_pauses_are_ignored_and_the_others_are_restored(path):
    paused = {"a": "soon", "b": 7, "c": None, "d": "9999-12-31T23:59:59+00:00", "e": [], "f": "x" * 9999}
    published(path, {"overridden": {"a": True, "b": 1, "c": None}, "paused": paused, "muted": paused})

    assert essentials.saved_overrides(path) == SavedOverrides(
        {JobKey("a"): True}, {JobKey("c"): None}, {JobKey("c"): None}
    )


@pytest.mark.parametrize("content", [[], "x", None, 3])
def test_overrides_and_pauses_that_are_no_object_restore_nothing(path, content):
    published(path, {"overridden": content, "paused": content, "muted": content})

    assert essentials.saved_overrides(path) == SavedOverrides({}, {})


@pytest.mark.parametrize("jobs", [[], "x", None, 3])
def test_jobs_that_are_no_object_restore_nothing(path, jobs):
    published(path, {"jobs": jobs})

    assert essentials.of_jobs(path) == []


# The document


def test_the_document_has_the_keys_that_other_programs_read(ledger):
    assert snapshot_summary.summary(ledger, {}, "UTC", 0) == {
        "last_run": {"hourly": None, "daily_report": None},
        "memory_rollover": {"notified_files": [], "last_check": None},
        "mail_cleanup": {"last_run": None, "stats": {"auto_opened_total": 0, "auto_closed_total": 0}},
        "health_check": {"last_run": None, "last_status": {"healthy": 0, "warnings": 0, "errors": 0}},
        "last_error": None,
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
        "generation": ledger.generation(),
        "overridden": {},
        "paused": {},
        "muted": {},
    }


def test_the_document_holds_the_results_of_the_built_in_jobs(ledger):
    with ledger.transaction():
        ledger.count(JobKey("job"), "auto_opened", 4)
    claimed(ledger, HOUR)
    result = {"healthy": 3, "warnings": 1, "errors": 2, "notified_files": ["/a"]}
    end(ledger, an_attempt_result("run-3600", finished_at=NOW), "success", result=result)

    handlers = dict.fromkeys(("health", "memory_rollover", "mail_cleanup"), JobKey("job"))
    found = snapshot_summary.summary(ledger, handlers, "Europe/Berlin", int(NOW))

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
