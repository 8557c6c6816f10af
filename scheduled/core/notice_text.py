"""The text of a notice for people: its subject and its body, from templates with placeholders such as {job}."""

from collections.abc import Iterator
from string import Formatter

import msgspec

from scheduled.core.conditions import Notice
from scheduled.core.digest_text import DIGEST, shortened
from scheduled.core.keys import JobKey
from scheduled.printable import printable, printable_lines

SUBJECT = "{headline} ({host})"
BODY = "{text}\n\n{output}\n\n{link}"
# docs/notifications.md has the meaning of each.
PLACEHOLDERS = (
    "headline", "text", "output", "link", "verdict", "job", "target", "name", "kind", "priority", "host", "recipient",
)  # fmt: skip
# In characters. Chat services refuse a message of more than about 4,000.
LONGEST_SUBJECT, LONGEST_BODY = 200, 3_900
LONGEST_TEXT, LONGEST_OUTPUT, LONGEST_LINE = 1_200, 2_400, 300
MOST_LINES = 20  # of the output


class Templates(msgspec.Struct, frozen=True):
    """The templates of a *subject* and a *body*."""

    subject: str = SUBJECT
    body: str = BODY


class Rendered(msgspec.Struct, frozen=True):
    """A *subject* of one line, and a *body*."""

    subject: str
    body: str


def unknown_placeholders(template: str) -> list[str]:
    """Return the placeholders of *template* that are not known. Raise ValueError if its braces are wrong."""
    found = []
    for _, name, form, conversion in Formatter().parse(template):
        if name is not None and (name not in PLACEHOLDERS or form or conversion):
            found.append(f"{{{name}{f'!{conversion}' if conversion else ''}{f':{form}' if form else ''}}}")
    return found


def rendered(notice: Notice, host: str, templates: Templates) -> Rendered:
    """Return the text of *notice*, sent from *host*. It has no control characters, and no line break in the subject.

    A notice that a handler wrote, without a kind, is not put into the templates. No body is empty: mail and chat services
    refuse such a notice.
    """
    subject, body = notice.subject, notice.body
    if notice.kind:
        values = _values(notice, host)
        if notice.kind == DIGEST:
            values["text"] = shortened(notice.body, _room(templates.body, values))
        subject = _filled(templates.subject, values).strip() or subject
        body = _paragraphs(_filled(templates.body, values))
    subject = _one_line(subject)
    return Rendered(subject, _bounded(printable_lines(body), LONGEST_BODY) or subject)


def _room(template: str, values: dict[str, str]) -> int:
    """Return how many characters of a body *template* leaves to the text of a digest."""
    return max(LONGEST_TEXT, LONGEST_BODY - len(_filled(template, {**values, "text": ""})))


def last_lines(output: str) -> str:
    """Return the last lines of *output*, as many and as long as a notice has them."""
    kept: list[str] = []
    for line in reversed(output.rstrip("\n").split("\n")[-MOST_LINES:]):
        kept.insert(0, _bounded(line, LONGEST_LINE))
        if sum(map(len, kept)) + len(kept) > LONGEST_OUTPUT:
            return "\n".join(kept[1:])
    return "\n".join(kept)


def _values(notice: Notice, host: str) -> dict[str, str]:
    key = JobKey(notice.job, notice.target)
    return {
        "headline": notice.subject,
        "text": _bounded(notice.body, LONGEST_TEXT),
        "output": last_lines(notice.output),
        "link": notice.link,
        "verdict": notice.verdict,
        "job": notice.job,
        "target": notice.target,
        "name": key.display_name,
        "kind": notice.kind,
        "priority": notice.priority,
        "host": host,
        "recipient": notice.recipient,
    }


def _filled(template: str, values: dict[str, str]) -> str:
    """Return *template* with *values* for its placeholders. What the values contain is no placeholder."""
    return "".join(_parts(template, values))


def _parts(template: str, values: dict[str, str]) -> Iterator[str]:
    for text, name, _, _ in Formatter().parse(template):
        yield text
        if name is not None:
            yield values.get(name, "")


def _paragraphs(text: str) -> str:
    """Return *text* with one empty line at most between its paragraphs: a placeholder may have been empty."""
    lines = [line.rstrip() for line in text.split("\n")]
    kept = [line for number, line in enumerate(lines) if line or (number and lines[number - 1])]
    return "\n".join(kept).strip("\n")


def _one_line(text: str) -> str:
    return _bounded(printable(" ".join(text.split())), LONGEST_SUBJECT)


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 4]} ..."
