"""An inbox is read in every layout it has had, and written so that unchanged messages keep their bytes."""

import json
from typing import Any

import pytest

from scheduled.handlers.formats.inbox import Inbox
from scheduled.handlers.formats.json_text import parse
from scheduled.handlers.formats.message import count, mail_of, messages_in
from tests.fixtures.sample_workspace import mail

TWO = [mail(id="1"), mail(id="2", status="opened", read=True)]
LAYOUTS = {
    "current": {"mailbox": "inbox", "total_messages": 2, "unread_count": 1, "messages": TWO},
    "bare list": TWO,
    "under inbox": {"inbox": TWO},
    "without counters": {"messages": TWO},
}


def written(document: Any, **style: Any) -> bytes:
    return json.dumps(document, **({"indent": 2, "ensure_ascii": False} | style)).encode()


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_every_layout_is_read(layout: Any) -> None:
    assert messages_in(layout) == TWO
    assert [Inbox(written(layout)).message(place) for place in (0, 1)] == TWO


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_every_layout_is_migrated_when_the_inbox_is_changed(layout: Any) -> None:
    inbox = Inbox(written(layout))
    inbox.put_first(mail(id="0"))

    document = json.loads(inbox.render())

    head = {key: document[key] for key in ("mailbox", "total_messages", "unread_count")}
    assert head == {"mailbox": "inbox", "total_messages": 3, "unread_count": 2}
    assert [message["id"] for message in document["messages"]] == ["0", "1", "2"]
    assert "inbox" not in document


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"messages": [', b"null", b"7", b'{"messages": null}', b'{"inbox": {}}', b"\xff"]
)
def test_an_invalid_file_is_an_error_and_not_an_empty_inbox(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Inbox(text)


def test_deep_nesting_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(b"[" * 100_000)


@pytest.mark.parametrize(
    "style",
    [
        {},
        {"indent": 4},
        {"indent": "\t"},
        {"indent": None},
        {"indent": None, "separators": (",", ":")},
        {"ensure_ascii": True},
    ],
    ids=str,
)
def test_an_edit_is_written_in_the_style_of_the_file(style: dict[str, Any]) -> None:
    before = {
        "mailbox": "inbox",
        "total_messages": 2,
        "unread_count": 2,
        "messages": [mail(id="é"), mail(id="b")],
    }
    inbox = Inbox(written(before, **style))

    inbox.put_first(mail(id="ñ"))
    inbox.remove([1])

    after = before | {"messages": [mail(id="ñ"), mail(id="é")]}
    assert written(after, **style).decode() == inbox.render().decode()


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_the_blanks_at_the_end_of_the_file_stay(end: str) -> None:
    inbox = Inbox(written(LAYOUTS["current"]) + end.encode())
    inbox.remove([1])

    text = inbox.render().decode()

    assert end == text[text.rindex("}") + 1 :]


def test_crlf_line_ends_stay() -> None:
    inbox = Inbox(written(LAYOUTS["current"]).replace(b"\n", b"\r\n"))
    inbox.put_first(mail())

    data = inbox.render()

    assert data.count(b"\n") == data.count(b"\r\n")


def test_an_emptied_inbox_is_written_as_the_mail_program_writes_it() -> None:
    inbox = Inbox(written(LAYOUTS["current"]))
    inbox.remove([0, 1])

    empty = {"mailbox": "inbox", "total_messages": 0, "unread_count": 0, "messages": []}
    assert written(empty) == inbox.render()


def test_unknown_keys_and_their_order_stay() -> None:
    text = '{"x-first": 1.0, "messages": [{"z": 1e3, "id": "1", "a": [ ]}, {"id": "2"}], "total_messages": 2, "unread_count": 2, "x-last": {"b":2,"a":1}}'
    inbox = Inbox(text.encode())
    inbox.remove([1])

    expected = text.replace(', {"id": "2"}', "").replace('"total_messages": 2', '"total_messages": 1')
    expected = expected.replace('"unread_count": 2', '"unread_count": 1').replace('"x-last"', '"x-last"')
    assert expected[:-1] + ', "mailbox": "inbox"}' == inbox.render().decode()


@pytest.mark.parametrize("removed", [[], [0], [1], [3], [0, 1, 2, 3]])
def test_unchanged_messages_in_the_mail_programs_layout_are_copied(removed: list[int]) -> None:
    messages = [mail(id=str(number), subject="ünïcode, [ and {") for number in range(4)]
    document = {"mailbox": "inbox", "total_messages": 4, "unread_count": 4, "messages": messages}
    inbox = Inbox(written(document))
    frame = inbox._frame()
    inbox.change(2, status="opened")
    inbox.remove(removed)
    inbox.put_first(mail(id="new"))

    kept = [message | ({"status": "opened"} if place == 2 else {}) for place, message in enumerate(messages)]
    wanted = [mail(id="new"), *(message for place, message in enumerate(kept) if place not in removed)]
    unread = sum(message["status"] == "new" for message in wanted)
    document |= {"total_messages": len(wanted), "unread_count": unread, "messages": wanted}
    assert frame is not None
    assert b"".join(inbox._filled(frame) or []) == written(document)


def test_messages_that_are_not_at_the_computed_positions_are_handled_one_by_one() -> None:
    text = written({"messages": [mail(id=str(number)) for number in range(4)]}).decode()
    first, second, rest = text.split(",\n    {", 2)
    text = f"{first},\n      {{{second},\n  {{{rest}"  # the computed length, but another layout
    inbox = Inbox(text.encode())
    inbox.remove([0])

    assert inbox._filled(inbox._frame()) is None  # type: ignore[arg-type]
    assert [message["id"] for message in json.loads(inbox.render())["messages"]] == ["1", "2", "3"]


OTHER = '"other": {\n    "messages": [\n    {}\n  ]\n  }'


@pytest.mark.parametrize(
    "text",
    [
        '{\n  "messages": [\n    {"id": "1"}\n  ]\n}',
        f'{{\n  {OTHER},\n  "messages": [\n    {{"id": "1"}}\n  ]\n}}',
        f'{{\n  "messages": [{{"id": "1"}}],\n  {OTHER}\n}}',
        '{\n  "messages": [\n    {"id": "0"}\n  ],\n  "messages": [\n    {"id": "1"}\n  ]\n}',
        '{\n  "messages": [\n    {"id": "1"}\n  ],\n  "more": [\n    2\n  ]\n}',
        '{\n  "messages": [\n    {"id": "1", "n": NaN}\n  ]\n}',
    ],
)
def test_a_new_message_is_put_into_the_list_of_messages_and_into_no_other(text: str) -> None:
    inbox = Inbox(text.encode())
    inbox.put_first({"id": "new"})

    found = json.loads(inbox.render())

    assert [message["id"] for message in found.pop("messages")] == ["new", "1"]
    assert {key: found[key] for key in json.loads(text) if key != "messages"} == {
        key: value for key, value in json.loads(text).items() if key != "messages"
    }


def test_a_new_message_leaves_the_bytes_of_all_others() -> None:
    messages = [mail(id=str(number), subject="ünïcode, [ and {") for number in range(3)]
    document = {"mailbox": "inbox", "total_messages": 3, "unread_count": 3, "messages": messages}
    inbox = Inbox(written(document))
    inbox.put_first(mail(id="new"))

    document |= {"total_messages": 4, "unread_count": 4, "messages": [mail(id="new"), *messages]}
    assert inbox.render() == written(document)
    assert "_pieces" not in vars(inbox)  # the others were not looked at


def test_a_message_may_have_a_key_with_half_a_surrogate_pair() -> None:
    inbox = Inbox(b'{"messages": [{"id": "1", "status": "new", "\\ud83d": 1}]}')

    assert (inbox.counts(), inbox.mails[0].id) == ((1, 1), "1")  # type: ignore[union-attr]


@pytest.mark.parametrize("layout", [{"indent": 2}, {"indent": 4}])
def test_a_file_in_ascii_stays_in_ascii_even_if_its_first_escape_is_at_the_end(
    layout: dict[str, Any],
) -> None:
    messages = [mail(id=str(number), message="plain " * 50) for number in range(5000)]
    messages[-1]["message"] = "café"
    inbox = Inbox(written({"messages": messages}, ensure_ascii=True, **layout))
    inbox.change(len(messages) - 1, status="opened")

    assert rb"caf\u00e9" in inbox.render()


def test_a_nested_list_with_the_same_name_is_not_changed() -> None:
    text = written({"mailbox": "inbox", "messages": [mail(), mail()]}).decode()
    text = text.replace('"mailbox": "inbox"', '"before": {"messages": []},\n  "mailbox": "inbox"')
    inbox = Inbox(text.encode())
    inbox.change(1, status="new")

    assert json.loads(inbox.render())["messages"] == [mail(), mail()]
    assert text in inbox.render().decode().replace(',\n  "total_messages": 2,\n  "unread_count": 2', "")


def test_half_a_surrogate_pair_stays_an_escape() -> None:
    inbox = Inbox(b'[{"id": "1", "subject": "\\ud83d"}]')
    inbox.change(0, status="opened")

    assert b"\\ud83d" in inbox.render()


def test_elements_that_are_not_messages_are_counted_as_in_the_mail_program() -> None:
    inbox = Inbox(
        b'{"messages": [null, 7, {"id": "1", "status": "new"}], "total_messages": 0, "unread_count": 0}'
    )

    assert inbox.counts() == (3, 1)


@pytest.mark.parametrize(
    ("message", "unread"),
    [
        ({"status": "new"}, True),
        ({"status": "new", "read": True}, True),
        ({"status": "opened"}, False),
        ({}, True),
        ({"read": False}, True),
        ({"read": True}, False),
        ({"status": None, "read": True}, False),
        ("text", False),
    ],
)
def test_unread_follows_the_rule_of_the_mail_program(message: Any, unread: bool) -> None:
    assert count([mail_of(message)]) == (1, int(unread))
