"""The dispatching route: mailboxes and channels, the text that each gets, and session memory."""

import json
from pathlib import Path

import pytest

from scheduled import advice
from scheduled.core.channels import Channel, with_built_in
from scheduled.core.conditions import Notice
from scheduled.core.notice_text import Templates
from scheduled.core.records import OutboxItem
from scheduled.notify.adapter import Answer, Answers
from scheduled.notify.routes import apprise_url, memory, registry
from scheduled.notify.routes.base import ChannelError, RouteSettings, UndeliverableError, WaitingError

SECRET = "s3cretOfTheEnvironment"


def item(recipient, item_id="id1", **values):
    given = {
        "subject": "backup failed",
        "body": f"used {SECRET}",
        "kind": "incident",
        "output": "l1\nl2",
        **values,
    }
    return OutboxItem(id=item_id, notice=Notice(recipient=recipient, **given), tries=0, next_try=0)


def opened(tmp_path, *channels, **values):
    settings = RouteSettings(
        state=tmp_path,
        workspace=values.pop("workspace", None),
        zone="UTC",
        sender="@trigger",
        cannot_record=print,
        warn=print,
        channels=with_built_in(channels),
        host="box",
        environment=lambda: {"API_TOKEN": SECRET, "PATH": "/usr/bin:/bin"},
        **values,
    )
    return registry.open_route(registry.DISPATCH, settings)


def lines(directory):
    return [json.loads(line) for line in (directory / "session_log.jsonl").read_text().splitlines()]


def test_commands_in_a_notice_reach_this_instance(tmp_path, monkeypatch):
    monkeypatch.setattr(advice, "_program", lambda: "scheduled")
    monkeypatch.setattr(advice, "_instance", [Path("/a.toml"), advice.state_path(None)])
    found = opened(tmp_path).text(item("memory", body="a: failed (scheduled logs a)"))

    assert found.body.startswith("a: failed (scheduled --config /a.toml logs a)")


def test_session_memory_gets_each_notice_once_as_json_and_as_markdown(tmp_path):
    route = opened(tmp_path)
    for item_id in ("id1", "id2", "id1"):
        route.deliver(item("memory", item_id, job="backup", target="nas", verdict="failed", link="LINK"))

    found = lines(tmp_path / "memory")
    assert [one["id"] for one in found] == ["id1", "id2"]
    assert {key: found[0][key] for key in ("kind", "verdict", "job", "target", "priority", "subject", "text", "link")} == {
        "kind": "incident", "verdict": "failed", "job": "backup", "target": "nas", "priority": "normal",
        "subject": "backup failed (box)", "text": "used ***\n\nl1\nl2\n\nLINK", "link": "LINK",
    }  # fmt: skip
    sections = (tmp_path / "memory/session_log.md").read_text()
    assert sections.count("\n> used ***\n>\n> l1\n> l2\n>\n> LINK\n\n<!-- id1 -->\n") == 1
    assert sections.count("## ") == 2


def test_a_memory_has_its_own_directory_and_survives_a_line_that_was_cut_off(tmp_path):
    place = tmp_path / "agents" / "memory"
    place.mkdir(parents=True)
    (place / "session_log.jsonl").write_text('{"id": "cut')
    route = opened(tmp_path, Channel(name="notes", kind="memory", path=str(place)))

    route.deliver(item("notes"))

    first, second = (place / "session_log.jsonl").read_text().splitlines()
    assert (first, json.loads(second)["id"]) == ('{"id": "cut', "id1")


def test_one_file_that_lacks_the_notice_gets_it(tmp_path):
    route = opened(tmp_path)
    route.deliver(item("memory"))
    (tmp_path / "memory/session_log.md").unlink()
    route.deliver(item("memory"))

    assert len(lines(tmp_path / "memory")) == 1
    assert "<!-- id1 -->" in (tmp_path / "memory/session_log.md").read_text()


def test_a_memory_is_read_from_its_end_only(tmp_path):
    """It grows for ever; a repeated notice is among the last ones."""
    (tmp_path / "memory").mkdir()
    files = [tmp_path / "memory" / name for name in (memory.LINES, memory.SECTIONS)]
    for path in files:
        path.write_text(f"id1\n{'x' * memory.LAST}\nid2\n")
    route = opened(tmp_path)
    for item_id in ("id1", "id2"):
        route.deliver(item("memory", item_id))

    assert [[path.read_text().count(name) for name in ("id1", "id2")] for path in files] == [[2, 1], [2, 1]]


def test_a_memory_that_cannot_be_written_is_an_error_that_names_the_file(tmp_path):
    (tmp_path / "memory").write_text("")

    with pytest.raises(ChannelError, match="memory: "):
        opened(tmp_path).deliver(item("memory"))


def test_a_file_of_the_memory_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/session_log.jsonl").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ChannelError, match=r"session_log\.jsonl: "):
        opened(tmp_path).deliver(item("memory"))
    assert not (tmp_path / "elsewhere").exists()


def test_a_channel_that_does_not_exist_is_undeliverable(tmp_path):
    with pytest.raises(
        UndeliverableError, match=r"no channel has the name ops; add it to \[notify.channels\]"
    ):
        opened(tmp_path).deliver(item("ops"))


def test_without_a_session_bus_a_desktop_waits(tmp_path):
    with pytest.raises(WaitingError, match="DBUS_SESSION_BUS_ADDRESS is 'disabled:'"):
        opened(tmp_path).deliver(item("desktop"))


def test_without_apprise_the_message_names_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(apprise_url, "find_spec", lambda _: None)
    route = opened(tmp_path, Channel(name="ops", kind="url", url="json://x/"))

    with pytest.raises(ChannelError, match=r"apprise is not installed; run .*\[notify\]"):
        route.deliver(item("ops"))


def test_a_source_that_holds_no_url_is_named_without_its_content(tmp_path):
    channel = Channel(name="ops", kind="url", source="file:~/url")
    route = opened(tmp_path, channel, secret=lambda _: "no url")

    with pytest.raises(ChannelError) as error:
        route.deliver(item("ops"))
    assert (
        str(error.value) == "file:~/url: its content is not one URL such as ntfys://ntfy.sh/topic; correct it"
    )


def test_the_source_of_a_url_is_read_once_for_all_notices_and_channels(tmp_path, monkeypatch):
    monkeypatch.setattr(apprise_url, "find_spec", lambda _: True)
    answers = Answers([Answer("")])
    sent, asked = [], []
    monkeypatch.setattr(apprise_url, "call", lambda _adapter, _name, calls: sent.extend(calls) or answers)
    channels = [
        Channel(name=name, kind="url", source=source)
        for name, source in (("a", "command:x"), ("b", "command:x"), ("c", "command:y"))
    ]
    route = opened(tmp_path, *channels, secret=lambda source: asked.append(source) or f"json://{source[-1]}/")
    for name in ("a", "a", "b", "c"):
        route.deliver(item(name))

    assert asked == ["command:x", "command:y"]
    assert [one.keywords["url"] for one in sent] == ["json://x/", "json://x/", "json://x/", "json://y/"]


def mails(sample, name="FLOW"):
    return json.loads(Path(sample.inbox(name)).read_text())["messages"]


def test_a_mailbox_gets_the_text_of_an_incident_and_that_of_a_handler_as_it_is(sample, tmp_path):
    templates = Templates(subject="{headline} on {host}", body="{text}|{output}")
    route = opened(tmp_path, workspace=sample.root, templates=templates)

    route.deliver(item("@flow", "11111111"))
    route.deliver(item("@flow", "22222222", kind="", subject="[MEMORY] x", body="as it is {host}"))
    route.finish()

    handler, incident = mails(sample)[:2]
    assert (incident["subject"], incident["message"].startswith("used ***|l1\nl2")) == (
        "backup failed on box",
        True,
    )
    assert (handler["subject"], handler["message"].startswith("as it is {host}")) == ("[MEMORY] x", True)
