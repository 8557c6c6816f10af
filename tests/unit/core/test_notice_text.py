"""The text of a notice: templates with placeholders, bounded, without control characters."""

import pytest

from scheduled.core.conditions import Notice
from scheduled.core.notice_text import (
    LONGEST_BODY,
    LONGEST_SUBJECT,
    PLACEHOLDERS,
    Templates,
    last_lines,
    rendered,
    unknown_placeholders,
)

FULL = Notice(
    recipient="ops",
    subject="backup@nas failed",
    body="exit code 3, after 2 attempts",
    priority="high",
    kind="incident",
    job="backup",
    target="nas",
    output="copying\ndisk is full\n",
    link="https://jobs.example.org/runs/1",
    verdict="failed",
)


def text(notice=FULL, **templates):
    return rendered(notice, "box", Templates(**templates))


def test_the_default_has_headline_sentence_output_and_link():
    found = text()

    assert found.subject == "backup@nas failed (box)"
    assert found.body == (
        "exit code 3, after 2 attempts\n\ncopying\ndisk is full\n\nhttps://jobs.example.org/runs/1"
    )


def test_what_is_empty_leaves_no_empty_paragraph():
    bare = Notice(recipient="ops", subject="s", body="a sentence", kind="incident")

    assert text(bare).body == "a sentence"
    assert text(Notice(recipient="ops", subject="s", body="", kind="disk_full")).body == "s (box)"
    assert text(Notice(recipient="ops", subject="s", body="")).body == "s"


def test_every_placeholder_is_filled():
    template = "|".join(f"{{{name}}}" for name in PLACEHOLDERS)

    assert text(body=template).body.split("|") == [
        "backup@nas failed", "exit code 3, after 2 attempts", "copying\ndisk is full", "https://jobs.example.org/runs/1",
        "failed", "backup", "nas", "backup@nas", "incident", "high", "box", "ops",
    ]  # fmt: skip


def test_a_value_with_braces_is_no_placeholder():
    notice = Notice(recipient="ops", subject="s", body="{host} {x} {", kind="incident")

    assert text(notice, body="{text} {{host}}").body == "{host} {x} { {host}"


@pytest.mark.parametrize(
    ("template", "unknown"),
    [("{job} {{x}}", []), ("{jobs}", ["{jobs}"]), ("{job!r}", ["{job!r}"]), ("{job:>9}", ["{job:>9}"]), ("{}", ["{}"]), ("{job.x}", ["{job.x}"])],
)  # fmt: skip
def test_only_plain_known_placeholders_are_accepted(template, unknown):
    assert unknown_placeholders(template) == unknown


@pytest.mark.parametrize("template", ["{", "a } b", "{job"])
def test_wrong_braces_are_an_error(template):
    with pytest.raises(ValueError, match=r"\S"):
        unknown_placeholders(template)


def test_control_characters_are_escaped_and_the_subject_is_one_line():
    notice = Notice(
        recipient="ops", subject="a\nBcc: x\x1b[2J", body="b\x1b[2J\nc", kind="incident", output="\x07 d"
    )
    found = text(notice)

    assert found.subject == "a Bcc: x\\x1b[2J (box)"
    assert found.body == "b\\x1b[2J\nc\n\n\\x07 d"


def test_lengths_are_bounded_and_the_link_stays():
    notice = Notice(
        recipient="ops",
        subject="s" * 999,
        body="b" * 9999,
        kind="incident",
        output="line\n" * 9999,
        link="LINK",
    )
    found = text(notice)

    assert len(found.subject) == LONGEST_SUBJECT
    assert len(found.body) <= LONGEST_BODY and found.body.endswith("line\n\nLINK")


def test_a_notice_of_a_handler_is_not_put_into_the_templates():
    notice = Notice(recipient="@flow", subject="[MEMORY] s", body="b")

    assert text(notice, subject="X {host}", body="Y") == rendered(notice, "box", Templates())
    assert text(notice, subject="X {host}").subject == "[MEMORY] s"


def test_the_last_lines_of_an_output_are_kept():
    assert last_lines("a\nb\n") == "a\nb"
    assert last_lines("\n".join(map(str, range(100)))).split("\n") == [
        str(number) for number in range(80, 100)
    ]
    assert len(last_lines(("x" * 999 + "\n") * 20)) <= 2400
