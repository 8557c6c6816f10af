"""Text from outside stays text: in a shell, a crontab, TOML, HTML, mail, a calendar and on a terminal.

tests/property/test_text.py tests Markdown, tests/unit/engine/test_log.py log lines.
"""

import json
import re
import subprocess
import tomllib
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduled.config.job_edits import addition
from scheduled.core.conditions import Notice
from scheduled.core.keys import JobKey
from scheduled.errors import ConfigError
from scheduled.handlers.formats.inbox import Counts
from scheduled.handlers.report_html import html
from scheduled.handlers.report_pages import Report
from scheduled.handlers.workspace.delivery import deliver
from scheduled.handlers.workspace.plans import Plan
from scheduled.install.block import InstallPlan, compose
from scheduled.paths import Paths
from scheduled.printable import printable
from scheduled.queries import calendar
from tests.fixtures.in_process_cli import NIGHTLY
from tests.fixtures.sample_workspace import NOW

EXAMPLES = 2000 if NIGHTLY else 60
NASTY = [
    "$(touch pwned)", "`touch pwned`", "; touch pwned", "| touch pwned", "' ; touch pwned '", '"; touch pwned; "',
    "\n touch pwned \n", "a\r\nBcc: all@x.y", "<script>alert(1)</script>", "{{ 7*7 }}", "{% raw %}", "%", "%0a", "~",
    "\x1b]0;owned\x07\x1b[2J", "\u202egnp.exe", "../../etc/passwd", "--option", "[bold]x[/]", "[/]", "\ud800", "U\u0301",
    "END:VEVENT\r\nBEGIN:VEVENT", "a;b,c\\n", '"""\n[jobs.evil]\ncommand="x"', "'''", "\x00", "\x7f\x85\u2028", "${HOME}",
]  # fmt: skip
WORDS = st.sampled_from(NASTY) | st.text(max_size=60)
TEXTS = WORDS.filter(lambda words: not re.search("[\ud800-\udfff]", words))


# The shell


@pytest.mark.parametrize("word", [word for word in NASTY if "\0" not in word and word != "\ud800"])
def test_the_payload_of_an_event_reaches_its_jobs_as_data(world, word):
    world.configure(f"""
        [jobs.subscribed]
        on = "published"
        command = 'printf "%s" "$SCHEDULED_EVENT_DATA" > {world.root}/data; echo {{missed}} {{scheduled_for}} {{word}}'
        inhibit_sleep = true
        ionice = 7
    """)
    (world.root / "state" / "spool").mkdir(parents=True, mode=0o700)
    world.state.chmod(0o700)
    (world.state / "spool" / "published.json").write_text(json.dumps({"word": word}))

    done = world.run("run", cwd=world.root)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((world.root / "data").read_text()) == {"word": word}
    assert not list(world.root.rglob("pwned"))


# The crontab

PATHS = TEXTS.map(lambda words: "/" + words.strip("/"))


@given(PATHS, PATHS, PATHS)
@example("/a b", "/100%", "/it's `x` $(y)")
@settings(max_examples=EXAMPLES, deadline=None)
def test_cron_passes_the_exact_command_to_the_shell_or_the_installation_is_refused(python, config, state):
    plan = InstallPlan(
        python=Path(python), main=Path("/m.py"), config=Path(config), state=Path(state), home=Path("/h")
    )
    try:
        block = compose(plan, explicit=True)
    except ConfigError:
        return
    lines = [line for line in block.decode(errors="surrogateescape").split("\n") if line and line[0] != "#"]

    assert len(lines) == 3
    for line, verb in zip(lines, (["run"], ["daily-report", "--due"], ["run"]), strict=True):
        command = line.split(" ", 1 if line.startswith("@") else 5)[-1]
        expected = [
            str(plan.python),
            "-I",
            "-S",
            "/m.py",
            *verb,
            "--config",
            str(plan.config),
            "--state",
            str(plan.state),
        ]
        assert words_of(crons(command)) == expected


def crons(command):
    """Return *command* as Debian's cron passes it on: `\\%` is a %; an unescaped % would end the command."""
    assert not re.search(r"(?<!\\)%", command)
    return command.replace("\\%", "%")


def words_of(command):
    """Return the words into which /bin/sh splits a line."""
    line = f"set -- {command}; printf '%s\\0' \"$@\""
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, check=True)
    return done.stdout.decode(errors="surrogateescape").split("\0")[:-1]


# TOML


@given(TEXTS, TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
@settings(max_examples=EXAMPLES, deadline=None)
def test_an_added_job_is_read_back_unchanged(tmp_path_factory, description, value, words):
    config = tmp_path_factory.mktemp("etc") / "scheduled.toml"
    config.touch(mode=0o600)
    table = {
        "description": description,
        "command": words,
        "env": {"A": value},
        "options": {description or "x": value},
    }

    edit = addition(config, Paths(config.parent / "state", config), "job", table)

    assert tomllib.loads(edit.after.decode()) == {"jobs": {"job": table}}


# HTML


class Tags(HTMLParser):
    """The tags of a page, and its visible text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.shown = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, tuple(name for name, _ in attributes)))

    def handle_endtag(self, tag):
        self.tags.append((tag,))

    def handle_data(self, data):
        self.shown += data


def page(word):
    plans = [Plan(plan_id=word, title=word)] * 2
    return html(
        Report(
            day=date(2026, 2, 3), made=NOW, since=NOW, due=None, missed=0, checkups=[], common=[], mail=Counts(1, 1),
            activity=[], over=[], plans=plans, most_plans=5, problems=[word],
        )
    )  # fmt: skip


@given(TEXTS)
@example("<script>alert(1)</script>")
@example("\" onmouseover='x'")
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_page_has_the_same_elements_for_any_text(word):
    assert Tags(page(word)).tags == Tags(page("word")).tags


# Mail


@pytest.mark.parametrize("subject", NASTY)
def test_a_notice_is_one_mail_with_a_copy_in_the_sent_folder(sample, subject):
    notice = Notice(recipient="@flow", subject=subject, body=subject)
    before = len(sample.mails("FLOW"))

    deliver(sample.root, notice, notice_id="0123456789", sender="@drone", now=NOW, zone=ZoneInfo("UTC"))

    newest, *others = sample.mails("FLOW")
    assert (newest["subject"], newest["message"], newest["from"], len(others)) == (
        subject,
        subject,
        "@drone",
        before,
    )
    (copy,) = (path for path in sample.path("DRONE").rglob("*01234567*") if path.is_file())
    assert (copy.parent.name, len(copy.name.encode()) < 255) == ("sent", True)
    assert json.loads(copy.read_text())["subject"] == subject


# A calendar


@given(st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=EXAMPLES)
def test_a_calendar_has_an_event_for_each_run_and_no_other_line(names):
    text = calendar.document([(0, 0, JobKey(name)) for name in names], 0)

    lines = text.replace("\r\n ", "").split("\r\n")
    kinds = [line.split(":")[0] for line in lines]
    event = ["BEGIN", "UID", "DTSTAMP", "DTSTART", "DURATION", "SUMMARY", "DESCRIPTION", "END"]
    assert kinds == ["BEGIN", "VERSION", "PRODID", "CALSCALE", *event * len(names), "END", ""]
    assert not re.search(r"\r(?!\n)|(?<!\r)\n", text)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))


# A terminal


@given(WORDS)
@settings(max_examples=EXAMPLES)
def test_a_printed_line_contains_no_control_characters(words):
    output = printable(words)

    output.encode()  # valid in UTF-8
    assert output.isprintable()
    assert output == words or not words.isprintable()


STEERING = "evil\x1b]0;owned\x07\x1b[2J[red]\u202e"


def test_file_names_and_reasons_reach_a_terminal_as_plain_text(world):
    (world.config.parent / "jobs.d").mkdir(mode=0o700)
    (world.config.parent / "jobs.d" / f"{STEERING}.toml").write_text("x =")
    (world.config.parent / "jobs.d" / "\udcff.toml").write_text("x =")
    world.configure(f"""
        [jobs.a]
        command = "true"
        env_file = {json.dumps(str(world.root / STEERING))}
        [jobs.b]
        command = [{json.dumps(STEERING)}]
        [jobs.c]
        command = "true"
        cwd = {json.dumps("/nowhere/" + STEERING)}
    """)
    (world.state / "spool").mkdir(parents=True, mode=0o700)
    world.state.chmod(0o700)
    (world.state / "spool" / STEERING).write_text("")
    (world.state / "spool" / "\udcff").write_text("")

    done = [
        world.run(*words)
        for words in (
            ["run", "-v", "a", "b", "c"],
            ["status"],
            ["history"],
            ["check"],
            ["explain", "a"],
            ["run"],
        )
    ]

    output = "".join(one.stdout + one.stderr for one in done)
    assert [one.returncode for one in done] == [2, 1, 0, 2, 0, 2]
    assert {character for character in output if not character.isprintable()} == {"\n"}
    assert "evil\\x1b]0;owned\\x07" in output
    log = (world.state / "scheduled.log").read_text()
    assert all(line[:2] == "20" for line in log.splitlines())


@pytest.mark.parametrize("name", NASTY)
def test_hostile_text_is_refused_as_a_job_name(world, name):
    try:
        text = json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")
        world.configure(f'[jobs.{text}]\ncommand = "true"\n')
    except UnicodeEncodeError:
        return  # the name can't be written to a file

    done = world.run("check")

    assert done.returncode == 2
