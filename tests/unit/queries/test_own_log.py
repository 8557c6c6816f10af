"""`log` and `log -f`: the last lines of both files in both forms, and every line that is added, also through rotations."""

import json
import os
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduled.core.events import Event
from scheduled.engine import log as engine_log
from scheduled.engine.log import Log
from scheduled.instance import Instance
from scheduled.queries import own_log
from scheduled.queries.log_lines import as_text, parsed

INSTANT = 1_751_544_005.75  # 2025-07-03 14:00:05.750 in Berlin
ZONE = "Europe/Berlin"


@pytest.fixture
def instance(tmp_path):
    config = tmp_path / "etc" / "scheduled.toml"
    config.parent.mkdir(mode=0o700)
    config.write_text(f'timezone = "{ZONE}"\n')
    (tmp_path / "state").mkdir(mode=0o700)
    return Instance(str(config), str(tmp_path / "state"))


@pytest.fixture
def path(instance):
    return instance.paths.root / "scheduled.log"


def wrote(path, *messages, as_json=False):
    log = Log(path, ZONE, as_json=as_json)
    for message in messages:
        log.write(INSTANT, "INFO", message)


def rotate(path):
    path.rename(path.with_name("scheduled.log.1"))


def messages(entries):
    return [entry["message"] for entry in entries]


def test_a_line_of_text_has_its_time_with_offset(instance, path):
    wrote(path, "something: ä")

    assert own_log.log(instance) == [
        {
            "time": "2025-07-03T14:00:05+02:00",
            "level": "INFO",
            "message": "something: ä",
            "text": "2025-07-03 14:00:05 | scheduled | INFO | something: ä",
        }
    ]


def test_a_line_of_json_has_the_event_and_looks_like_one_of_text(instance, path):
    event = Event(name="job_failed", payload={"job": "a", "exit_code": 3, "runs": [1], "of": {"b": 1}})
    Log(path, ZONE, as_json=True).write(INSTANT, "ERROR", "job_failed job=a", event)

    assert own_log.log(instance) == [
        {
            "time": "2025-07-03T14:00:05.750+02:00",
            "level": "ERROR",
            "message": "job_failed job=a",
            "event": "job_failed",
            "job": "a",
            "exit_code": 3,
            "runs": [],
            "text": "2025-07-03 14:00:05 | scheduled | ERROR | job_failed job=a",
        }
    ]


def test_the_last_lines_are_those_of_both_files(instance, path):
    wrote(path, "one", "two", as_json=True)
    rotate(path)
    wrote(path, "three")

    assert messages(own_log.log(instance, 2)) == ["two", "three"]
    assert messages(own_log.log(instance)) == ["one", "two", "three"]
    assert own_log.log(instance, 0) == []


def test_without_a_log_there_are_no_lines(instance):
    assert own_log.log(instance) == []


@pytest.mark.parametrize(
    "line", ["", "{", "{}", '{"time": 1}', "other", "2025-13-45 00:00:00 | scheduled | INFO | x"]
)
def test_a_line_that_another_program_wrote_is_kept_as_it_is(line):
    found = parsed(line, ZONE)

    assert found == {"time": None, "level": None, "message": line}
    assert as_text(found, ZONE) == line


@given(
    st.text(st.characters()),
    st.dictionaries(st.text(st.characters()), st.none() | st.text(st.characters()) | st.integers(-9, 9)),
)
def test_any_message_and_payload_is_one_printable_line_that_can_be_read(message, payload):
    from scheduled.engine import log_json

    line = log_json.line(INSTANT, ZONE, "INFO", message, Event(name="e", payload=payload)).decode()

    assert line.endswith("\n")
    assert line[:-1].isprintable()
    found = json.loads(line)
    assert found["message"] == log_json.encodable(message)
    assert {"time", "level", "message", "event"} <= found.keys()
    assert (found["level"], found["event"]) == ("INFO", "e")


def test_a_long_list_of_names_is_cut(path):
    event = Event(name="e", payload={"added": [f"job{number}" for number in range(1000)]})
    Log(path, ZONE, as_json=True).write(INSTANT, "INFO", "m", event)
    found = json.loads(path.read_text())

    assert (len(found["added"]), found["added_more"]) == (engine_log.MAX_NAMES, 1000 - engine_log.MAX_NAMES)


class Stopped(Exception):  # noqa: N818 - no error
    """The steps are over."""


def followed(instance, monkeypatch, *steps, lines=20):
    """Return the messages that `follow_log` yields if each of *steps* happens while it waits."""
    left = iter(steps)

    def wait(_):
        step = next(left, None)
        if step is None:
            raise Stopped
        step()

    monkeypatch.setattr(own_log.time, "sleep", wait)
    found = []
    with pytest.raises(Stopped):
        found.extend(entry["message"] for entry in own_log.follow_log(instance, lines))
    return found


def test_lines_are_followed_through_rotations(instance, path, monkeypatch):
    wrote(path, "zero", "one")

    def rotated():
        wrote(path, "three")
        rotate(path)
        wrote(path, "four")

    found = followed(
        instance, monkeypatch, lambda: wrote(path, "two"), rotated, lambda: wrote(path, "five"), lines=1
    )

    assert found == ["one", "two", "three", "four", "five"]


def test_no_line_is_lost_if_the_log_is_rotated_twice_at_once(instance, path, monkeypatch):
    wrote(path, "one")

    def twice():
        for message in ("two", "three"):
            wrote(path, message)
            rotate(path)
        wrote(path, "four")

    # "two" is at the end of the file that was read, which has no name any more; it is still open.
    assert followed(instance, monkeypatch, twice) == ["one", "two", "three", "four"]


def test_a_line_that_is_written_to_the_old_file_after_the_rotation_is_read(instance, path, monkeypatch):
    wrote(path, "one")
    old = os.open(path, os.O_WRONLY | os.O_APPEND)

    def rotated():
        rotate(path)
        wrote(path, "two")

    found = followed(instance, monkeypatch, rotated, lambda: os.write(old, b"late\n"))
    os.close(old)

    assert found == ["one", "two", "late"]


def test_a_log_that_is_not_there_yet_is_waited_for(instance, path, monkeypatch):
    assert followed(instance, monkeypatch, lambda: None, lambda: wrote(path, "one")) == ["one"]


def test_a_line_is_read_when_it_is_complete(instance, path, monkeypatch):
    path.write_bytes(b"beg")

    assert followed(instance, monkeypatch, lambda: path.write_bytes(b"begun\n")) == ["begun"]


def test_a_deleted_log_does_not_repeat_the_lines_of_the_old_one(instance, path, monkeypatch):
    wrote(path, "ancient")
    rotate(path)
    wrote(path, "one")

    def deleted():
        path.unlink()
        wrote(path, "two")

    assert followed(instance, monkeypatch, deleted, lines=1) == ["one", "two"]


def test_an_emptied_log_is_read_from_its_start(instance, path, monkeypatch):
    wrote(path, "a long line that is here first")

    def emptied():
        os.truncate(path, 0)
        path.write_bytes(b"two\n")

    assert followed(instance, monkeypatch, emptied)[1:] == ["two"]


def test_a_rotation_between_the_reads_of_the_two_files_repeats_nothing(instance, path, monkeypatch):
    wrote(path, "one", "two")
    read = own_log._Tail._read_rotated
    done = []

    def rotated_first(tail):
        if not done:
            done.append(True)
            rotate(path)
            wrote(path, "three")
        return read(tail)

    monkeypatch.setattr(own_log._Tail, "_read_rotated", rotated_first)

    assert messages(own_log.log(instance)) == ["one", "two", "three"]


def test_the_lines_of_a_follower_begin_with_the_last_ones(instance, path):
    wrote(path, "one", "two", "three")

    assert messages(islice(own_log.follow_log(instance, 2), 2)) == ["two", "three"]
