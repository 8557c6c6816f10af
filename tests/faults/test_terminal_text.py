"""No text in any document can control the terminal, or add a line to the output, of any verb.

Each verb is called once as a real process, with --json. Then each text in its document is replaced in turn by text that a
terminal would obey, and the verb prints this document in the test process, for a terminal and for a pipe.
"""

import copy
import io
import json
import re
import sys

import pytest

from scheduled import service
from scheduled.cli import main, render
from scheduled.core.events import Event
from scheduled.printable import printable_json

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b2J\x7f\u202e\r\nFORGED [bold]x[/]"
STYLE = re.compile("\x1b\\[[0-9;]*m")
CONFIG = """
    [jobs.good]
    cron = "0 3 * * *"
    command = "printf 'line\\n'"
    env = {A = "b"}
    only_if = {path = "/"}
    [jobs.bad]
    every = "1h"
    command = "exit 3"
    [jobs.bad.retry]
    max_attempts = 2
    delay = "1h"
    [jobs.each]
    every = "1h"
    for_each = ["a/b c", "d"]
    command = "exit 3"
    [jobs.all]
    chain = ["good"]
    [jobs.event]
    on = "published"
    python = "json:dumps"
"""
NOTICE = {
    "recipient": "@a",
    "subject": "b",
    "tries": 1,
    "next_try": "2026-02-03T04:05:06+00:00",
    "error": "c",
}
INCIDENT = {
    "since": "2026-02-03T04:05:06+00:00",
    "job": "a",
    "target": "t",
    "text": "b",
    "key": "c",
    "group": "d",
    "history": "e",
    "output": ["f"],
    "to_do": ["g"],
    "caused_by": "job:h",
    "run_id": "r",
    "flapping": True,
    "acknowledged_at": "2026-02-03T04:05:06+00:00",
    "muted": True,
    "muted_until": "2026-02-03T04:05:06+00:00",
}
PRINTED = {"text": "b", "job": "a", "target": "", "run_id": "d", "output": "e"}
TICK = {
    "exit_code": 1, "runs": [], "busy": ["a"], "problems": ["b"], "recoveries": ["c"],
    "outputs": [PRINTED, {**PRINTED, "text": "f"}],
}  # fmt: skip
TRIAL = {"job": "a", "target": "t", "status": "failed", "reason": "b", "output": "c", "steps": []}
OUTPUT = {
    "run_id": "a",
    "job": "a",
    "target": "t",
    "attempt": 1,
    "note": "b",
    "newer": 2,
    "path": None,
    "size": 0,
}

# The words of each verb, and the function that returns its document.
READING = {
    "status": "status", "jobs": "jobs", "show good": "job_or_run", "show all": "job_or_run", "show each": "job_or_run", "explain each": "explain", "explain each@d": "explain", "show RUN": "job_or_run",
    "next": "upcoming", "env good": "environment", "env good --diff-shell": "environment", "explain good": "explain", "explain bad": "explain", "history": "history", "audit": "audit",
    "forecast --from 2026-01-01 --to 2026-01-03": "forecast", "check": "check", "run --dry-run": "dry_run",
    "report": "report", "log": "log", "log --json": "log", "metrics --json": "metrics",
}  # fmt: skip
CHANGING = {
    "ack --all": "ack", "mute good --for 2d": "mute", "unmute good": "unmute", "notify --test memory --dry-run": "try_notice",
    "pause good": "pause", "pause each@d": "pause", "skip each": "skip", "disable each@d": "disable", "resume good": "resume", "disable good": "disable", "enable good": "enable",
    "skip bad": "skip", "emit published": "emit", "remove bad --dry-run": "remove", "remove bad": "remove",
    "add new --command true --dry-run": "add", "add new --command true": "add", "run good": "run",
    "rerun RUN": "rerun", "state backup FILE": "backup", "state restore FILE": "restore", "apply FILE": "apply",
}  # fmt: skip
CRONTAB = {
    "changed": True, "dry_run": False, "backup": "a", "dbus": ["b"], "crontab": "c", "configuration": "d", "warnings": ["e"],
}  # fmt: skip
START = {"job": "a", "target": "t", "scheduled_for": None, "reason": "b", "open_reason": None, "until": None}
MADE = {  # documents that are hard to produce here
    "incidents": ("incidents", [INCIDENT]), "notices": ("notices", [NOTICE]),
    "try good": ("attempt", {**TRIAL, "steps": [TRIAL]}), "try bad": ("attempt", TRIAL),
    "report": ("report", {"path": "a", "day": "b", "text": "c", "ticks_problem": None}),
    "stop RUN": ("stop", {"run_id": "a", "status": "claimed", "pid": None, "steps": ["b"], "dry_run": False}),
    "logs good": ("as_printed", OUTPUT),
    "approve RUN": ("approve", {**TICK, "approved": "c"}),
    "approve RUN --dry-run": ("dry_run_of_approve", [START]),
    "deny RUN": ("deny", {"run_id": "a", "job": "b", "target": "c", "scheduled_for": None, "dry_run": True}),
    "skip bad": ("skip", {"job": "a", "target": "t", "skipped": 2, "undone": 0, "first": "b", "last": "c", "retries": ["d"], "runs": []}),
    "daily-report": ("daily_report", {**TICK, "edits": []}),
    "daily-report --dry-run": ("dry_run_of_report", [START]),
    "install": ("install", CRONTAB), "install --dry-run": ("install", {**CRONTAB, "dry_run": True}),
    "uninstall": ("uninstall", CRONTAB),
    "edit good": ("edit", {"path": "a", "changed": True, "dry_run": True, "deleted": True, "warnings": ["b"], "diff": "c",
                           "backup": None}),
}  # fmt: skip
WITHOUT_DOCUMENTS = {"web", "mcp", "dbus"}


class Terminal(io.TextIOWrapper):
    """A text stream for a terminal."""

    def isatty(self):
        return True


def texts(value, path=()):
    """Yield the path of each text in a JSON-like value."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from texts(inner, (*path, place))


def poisoned(document, path):
    """Return a copy of *document* in which the text at *path* is followed by hostile text."""
    if not path:
        return document + HOSTILE
    found = copy.deepcopy(document)
    inner = found
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] += HOSTILE
    return found


def printed(words, stream, monkeypatch):
    """Run the command line with *words* in this process; return all that it prints on streams of the class *stream*."""
    out, err = (stream(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", out)
        patched.setattr(sys, "stderr", err)
        patched.setattr(sys, "argv", ["scheduled", *words])
        patched.setenv("COLUMNS", "80")
        patched.setenv("TERM", "xterm")
        main.main()
    return "".join(one.buffer.getvalue().decode() for one in (out, err))


def errors_in(output):
    """Return what is wrong with the output of a verb: control characters except colors, or a forged line."""
    plain = STYLE.sub("", output)
    controls = {c for c in plain if not (c.isprintable() or c in "\n\t")}
    forged = [line for line in plain.splitlines() if line.startswith("FORGED")]
    return [*map(repr, sorted(controls)), *forged]


def all_errors(words, function, document, monkeypatch, *, block=()):
    """Print *document* with each of its texts poisoned; return the paths of the texts that are not escaped, with the errors.

    The keys in *block* hold texts of several lines.
    """
    wrong = {}
    # Texts in the same place of similar entries of a list are printed by the same code.
    places = {tuple(step for step in path if isinstance(step, str)): path for path in texts(document)}
    for path in places.values():
        hostile = poisoned(document, path)

        def answer(instance, *_, hostile=hostile, **__):
            instance.notes[:] = instance.problems[:] = [HOSTILE]
            return (hostile, b"") if function == "as_printed" else hostile

        monkeypatch.setattr(service, function, answer)
        for stream in (Terminal, io.TextIOWrapper):
            found = errors_in(printed(words, stream, monkeypatch))
            if path and path[-1] in block:
                found = [error for error in found if not error.startswith("FORGED")]
            if found:
                wrong[path, stream.__name__] = found
    return wrong


@pytest.fixture
def used(world):
    """A world with runs of each kind."""
    world.configure(CONFIG)
    world.run("run", "good", "bad", "all")
    return world


def words_of(world, line):
    run_id = world.json("history", "good")[0]["run_id"]
    given = {"RUN": run_id, "FILE": str(world.root / "file")}
    return [given.get(word, word) for word in line.split()]


def command_line(world, words):
    return ["--config", str(world.config), "--state", str(world.state), *words]


@pytest.mark.parametrize("line", READING)
def test_no_text_of_an_answer_controls_the_terminal(used, monkeypatch, line):
    words = words_of(used, line)
    document = used.json(*words)

    assert not all_errors(command_line(used, words), READING[line], document, monkeypatch, block=("text",))


@pytest.mark.parametrize("line", [line for line in CHANGING if line not in MADE])
def test_no_text_of_a_result_controls_the_terminal(used, monkeypatch, line):
    words = words_of(used, line)
    if line.startswith("state restore"):
        used.run("state", "backup", words[-1])
    if line.startswith("apply"):
        (used.root / "file").write_text('[jobs.new]\ncommand = "true"\n')
    document = used.json(*words)

    assert not all_errors(
        command_line(used, words), CHANGING[line], document, monkeypatch, block=("diff", "body")
    )


@pytest.mark.parametrize("line", MADE)
def test_no_text_of_a_rare_document_controls_the_terminal(used, monkeypatch, line):
    function, document = MADE[line]
    words = words_of(used, line)

    found = all_errors(
        command_line(used, words),
        function,
        document,
        monkeypatch,
        block=("text", "diff", "output", "crontab"),
    )

    # The output of a job is not escaped in a pipe.
    assert not [path for path, stream in found if stream == "Terminal" or path[-1] != "output"], found


def test_every_verb_is_tested():
    tested = {line.split()[0] for line in (*READING, *CHANGING, *MADE)}

    assert tested | WITHOUT_DOCUMENTS == set(main.MODULES)


@pytest.mark.parametrize(
    "name", ["job_started", "job_completed", "job_failed", "job_retry_scheduled", "job_interrupted"]
)
def test_the_progress_of_a_tick_does_not_control_the_terminal(capsys, name):
    texts = dict.fromkeys(("job", "run_id", "status", "reason"), HOSTILE)

    render.progress(Event(name=name, payload={**texts, "missed": 2, "duration_ms": 5}))

    assert not errors_in(capsys.readouterr().out)


@pytest.mark.parametrize(
    "words", [["run", f"--{HOSTILE}"], [HOSTILE], ["show", HOSTILE], ["history", "-n", HOSTILE]]
)
def test_a_wrong_argument_does_not_control_the_terminal(used, monkeypatch, words):
    for stream in (Terminal, io.TextIOWrapper):
        found = errors_in(printed(command_line(used, words), stream, monkeypatch))

        assert not [error for error in found if not error.startswith("FORGED")]


def test_json_has_no_control_characters_and_is_unchanged_for_a_reader():
    document = {"text": HOSTILE + "\U000e0001 ü \u2028"}

    text = printable_json(json.dumps(document, ensure_ascii=False, indent=1))

    assert json.loads(text) == document
    assert {c for c in text if not c.isprintable()} == {"\n"}
    assert "ü" in text


def test_the_diff_of_an_edit_has_its_lines(used):
    done = used.run("remove", "bad", "--dry-run")

    assert '-every = "1h"' in done.stdout.splitlines()


def test_a_terminal_gets_escaped_output_and_a_pipe_or_raw_the_bytes(world, monkeypatch):
    world.configure("""
        [jobs.evil]
        command = "printf '\\\\033]0;owned\\\\007\\\\033[32mgreen\\\\n'"
    """)
    assert world.run("run", "evil").returncode == 0
    words = command_line(world, ["logs", "evil"])

    assert printed(words, Terminal, monkeypatch) == "\\x1b]0;owned\\x07\x1b[32mgreen\n\x1b[0m"
    assert printed([*words, "--raw"], Terminal, monkeypatch) == "\x1b]0;owned\x07\x1b[32mgreen\n"
    assert printed(words, io.TextIOWrapper, monkeypatch) == "\x1b]0;owned\x07\x1b[32mgreen\n"
