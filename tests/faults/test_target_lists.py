"""Lists of targets that a command prints: limits, failures, processes that stay, and two ticks that read at once."""

import os
import time
from pathlib import Path

import pytest

from scheduled.config.last_targets import LISTS, recall, recorded
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState
from scheduled.core.targets import LastTargets, Unknown
from scheduled.engine import target_lists
from scheduled.engine.runtime import Runtime
from scheduled.execution.gate_commands import GateCommands
from scheduled.instance import Instance

NOW = 1_772_884_800
CONFIG = """timezone = "UTC"
[jobs.sync]
cron = "2 * * * *"
for_each = {{ command = '''{command}''' }}
command = "true"
{more}
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Return a function that reads the list of a job with a *command*, of which *known* were the targets."""
    monkeypatch.setattr(target_lists, "TIME", 5.0)
    path = tmp_path / "etc" / "scheduled.toml"
    path.parent.mkdir(mode=0o700)

    def read(command, known=("old",), more=""):
        path.write_text(CONFIG.format(command=command, more=more))
        runtime = Runtime(path, tmp_path / "state")
        runtime.config.give_targets({"sync": known})
        (found,) = target_lists._read(runtime, [runtime.config.jobs["sync"]]).values()
        return target_lists._merged(runtime.config.jobs["sync"], found, 1.0, known)

    return read


@pytest.mark.parametrize(
    ("command", "targets"),
    [
        ("echo a; echo b", ("a", "b")),
        ('printf "a\\\\r\\\\n\\\\n  \\\\nb c\\\\na"', ("a", "b c")),
        ("echo a; sleep 300 & exit 0", ("a",)),
        ("echo a; setsid sh -c 'sleep 300; echo b' & exit 0", ("a",)),
        ('echo "$SCHEDULED_JOB $X $HOME" | tr " " "\\\\n" | head -n 2', ("sync", "1")),
        ("basename $PWD", ("etc",)),
        ("seq 1000", tuple(map(str, range(1, 1001)))),
        ("cat; echo a", ("a",)),
        ("exec >&-; sleep 0.1", None),
    ],
)
def test_a_command_prints_a_target_on_each_line(read, tmp_path, command, targets):
    began = time.monotonic()

    found = read(command, more=f'env = {{ X = "1" }}\ncwd = "{tmp_path}/etc"')

    expected = ("old",) if targets is None else targets
    assert (found.targets, bool(found.problem)) == (expected, targets is None), found.problem
    assert time.monotonic() - began < 100  # no process was waited for


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("exit 3", "its command exited with 3"),
        ("kill -9 $$", "its command was killed by a signal"),
        ("true", "its command printed no target"),
        ("printf '\\n \\n'", "its command printed no target"),
        ("yes", "its command printed more than 1,048,576 bytes"),
        ("seq 1001", "its command printed 1,001 targets, and at most 1,000 are allowed"),
        ("seq 100000", "its command printed 100,000 targets, and at most 1,000 are allowed"),
        ("/nowhere/x", "its command exited with 127"),
        ("printf 'a\\0b'", "its command printed no valid target: the target 'a\\x00b' has characters that can't be printed"),
        ("printf '\\377'", "its command printed no valid target: the target "),
        ("head -c 1000 /dev/zero | tr '\\0' x", f"its command printed no valid target: the target '{'x' * 40}...' is longer"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_had_keeps_the_last_known_targets(read, command, problem):
    found = read(command)

    assert found.targets == ("old",)
    assert found.problem.startswith(problem)
    assert found.problem.endswith("; its last known targets stay")
    none = read(command, known=())
    assert none.problem == found.problem.replace(
        "its last known targets stay", "no target is known, so nothing runs"
    )
    assert none.unknown == Unknown(1.0, none.problem.partition("; no target")[0])
    assert len(found.problem) < 300


def test_a_command_that_does_not_end_is_killed_with_what_it_started(read, tmp_path, monkeypatch):
    monkeypatch.setattr(target_lists, "TIME", 1.0)

    found = read(f"echo a; sleep 300 & echo $! > {tmp_path}/pid; wait")

    assert found == LastTargets(
        f"command:echo a; sleep 300 & echo $! > {tmp_path}/pid; wait", 1.0, ("old",),
        "its command did not end in time (1 s); its last known targets stay",
    )  # fmt: skip
    assert has_ended(int((tmp_path / "pid").read_text()))


def has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def test_names_that_cannot_be_targets_are_left_out_and_named(read):
    found = read("printf 'a\\nb\\001\\nc\\n\\033[31m\\n'")

    assert found.targets == ("a", "c")
    assert found.problem == (
        "its command printed a name that can't be a target: the target 'b\\x01' has characters that can't be printed, and 1 more"
    )


def test_a_missing_directory_or_env_file_keeps_the_last_known_targets(read):
    missing = read("echo a", more='cwd = "/nowhere"')
    unreadable = read("echo a", more='env_file = "/nowhere.env"')

    assert missing.problem.startswith("the directory /nowhere of its command does not exist; ")
    assert unreadable.problem.startswith("its command can't be started: ")
    assert missing.targets == unreadable.targets == ("old",)


def test_a_command_is_not_started_after_the_time_is_over():
    commands = GateCommands()

    found = commands.printed("echo a", dict(os.environ), "/", time.monotonic() - 1, 100)
    commands.close()
    closed = commands.printed("echo a", dict(os.environ), "/", time.monotonic() + 9, 100)

    assert found == closed == ("was not started in time", b"")


class Stored(dict):
    """The part of a ledger that has the last known targets, with the targets *opened* that have an open epoch."""

    opened = ()

    def meta(self, key):
        return self.get(key)

    def remember(self, key, value):
        self[key] = value

    def job_states(self):
        return {
            JobKey("sync", one): JobState(job="sync", target=one, position=0, epoch=0, schedules=())
            for one in self.opened
        }


@pytest.fixture
def runtime(tmp_path):
    instance = Instance(tmp_path / "etc" / "scheduled.toml", tmp_path / "state")
    instance.config_file.parent.mkdir(mode=0o700)
    instance.config_file.write_text(CONFIG.format(command="ls", more=""))
    return Runtime(instance.config_file, tmp_path / "state")


def a_list(at, *targets, source="command:ls", problem=""):
    return LastTargets(source, at, targets, problem)


def settled(runtime, ledger, found):
    warnings = target_lists.settle(ledger, runtime.config, {"sync": found})
    return runtime.config.jobs["sync"].targets, warnings


def test_of_two_ticks_that_read_a_list_at_once_the_later_answer_counts(runtime, monkeypatch):
    ledger = Stored()
    monkeypatch.setattr(target_lists.clock, "now", lambda: NOW + 9.0)

    found = [settled(runtime, ledger, a_list(NOW + at, target)) for at, target in ((2, "new"), (1, "old"))]
    edited = settled(runtime, ledger, a_list(NOW + 1.5, "other", source="command:ls -a"))

    assert found == [(("new",), [])] * 2
    assert edited == (("other",), [])  # of a newer definition


def test_a_list_that_was_read_before_the_clock_went_back_does_not_stay(runtime, monkeypatch):
    ledger = Stored()
    monkeypatch.setattr(target_lists.clock, "now", lambda: NOW - 100.0)

    settled(runtime, ledger, a_list(NOW + 0.0, "future"))

    assert settled(runtime, ledger, a_list(NOW - 101.0, "a", problem="its command exited with 3")) == (
        ("a",), ["sync: for_each: its command exited with 3 (scheduled show sync)"],
    )  # fmt: skip
    assert list(target_lists.problems(ledger, runtime.config.jobs)) == ["targets:sync"]


@pytest.mark.parametrize("recorded_lists", [None, "", "{", "[]", '{"sync": 3}'])
def test_without_a_readable_record_the_targets_with_an_open_epoch_are_the_last_known(runtime, recorded_lists):
    ledger = Stored() if recorded_lists is None else Stored({LISTS: recorded_lists})
    ledger.opened = ("a", "b", "")

    recall(runtime.config, ledger)

    assert runtime.config.jobs["sync"].targets == ("a", "b")
    assert recorded(ledger) == {}
