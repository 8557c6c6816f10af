"""In an inbox of any content and layout, an edit changes only the messages that it is for."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduled.handlers.formats.inbox import Inbox
from scheduled.handlers.formats.json_text import members, top
from scheduled.handlers.formats.message import count, mail_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.builds(
    lambda extra, status, read: (
        extra | ({"status": status} if status else {}) | ({"read": read} if read else {})
    ),
    st.dictionaries(st.text(max_size=8), VALUES, max_size=4),
    st.sampled_from(["new", "opened", "closed", None]),
    st.booleans(),
)
HEADS = st.dictionaries(
    st.sampled_from(["mailbox", "total_messages", "unread_count", "x", "ünknown"]), VALUES, max_size=5
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return an inbox in one of its shapes and in any JSON layout."""
    messages = draw(st.lists(MESSAGES | VALUES, max_size=6))
    shape = draw(st.sampled_from(["messages", "inbox", "list"]))
    head = draw(HEADS)
    document: Any = messages if shape == "list" else head | {shape: messages}
    text = json.dumps(
        document,
        indent=draw(st.sampled_from([None, 0, 1, 2, 4, "\t"])),
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([None, (",", ":"), (" , ", " : ")])),
    )
    return text + draw(st.sampled_from(["", "\n"]))


def messages_of(text: str) -> list[Any]:
    document = json.loads(text)
    found: list[Any] = (
        document if isinstance(document, list) else document.get("messages", document.get("inbox"))
    )
    return found


def pieces_of(text: str) -> list[str]:
    """Return the source text of each message, found with Python's own decoder."""
    at = top(text)
    if text[at] == "{":
        spans, _ = members(text, at)
        if "messages" not in spans and "inbox" not in spans:
            return []
        at = spans["messages" if "messages" in spans else "inbox"].start
    pieces, at = [], at + 1
    while text[at] != "]":
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,"))
        if text[at] != "]":
            end = json.JSONDecoder().raw_decode(text, at)[1]
            pieces.append(text[at:end])
            at = end
    return pieces


@given(texts(), st.data())
@settings(max_examples=300)
def test_an_edit_changes_its_messages_and_keeps_the_bytes_of_the_others(
    text: str, data: st.DataObject
) -> None:
    inbox = Inbox(text.encode())
    messages = messages_of(text)
    places = range(len(messages))
    assert messages == [inbox.message(place) for place in places]
    taken = {place for place in places if data.draw(st.booleans())}
    changed = {place for place in places if isinstance(messages[place], dict) and data.draw(st.booleans())}
    written = pieces_of(text)
    untouched = [written[place] for place in places if place not in taken | changed]
    inbox.remove(taken)
    for place in changed:
        inbox.change(place, status="opened")
    if data.draw(st.booleans()):
        inbox.put_first({"id": "new", "status": "new"})

    after = inbox.render().decode()
    inbox._shell = lambda: None  # type: ignore[method-assign] # use the path for an irregular layout
    assert after == inbox.render().decode()

    expected = [
        message | {"status": "opened"} if place in changed else message
        for place, message in enumerate(messages)
        if place not in taken
    ]
    document = json.loads(after)
    assert expected == document["messages"][len(document["messages"]) - len(expected) :]
    assert len(document["messages"]) == document["total_messages"]
    assert count([mail_of(message) for message in document["messages"]]).unread == document["unread_count"]
    before = json.loads(text)
    if isinstance(before, dict):
        ours = {"messages", "inbox", "total_messages", "unread_count", "mailbox"}
        assert {k: v for k, v in before.items() if k not in ours} == {
            k: v for k, v in document.items() if k not in ours
        }
        if "messages" in before:
            assert all(piece in after for piece in untouched)


@given(texts())
def test_without_an_edit_only_the_first_rendering_changes_the_text(text: str) -> None:
    once = Inbox(text.encode()).render()

    assert once == Inbox(once).render()


@given(texts(), st.data())
@settings(max_examples=200)
def test_a_truncated_inbox_is_refused(text: str, data: st.DataObject) -> None:
    whole = text.rstrip("\n")
    torn = whole[: data.draw(st.integers(0, len(whole) - 1))]

    try:
        Inbox(torn.encode())
    except ValueError:
        return
    raise AssertionError("a truncated inbox was accepted")
