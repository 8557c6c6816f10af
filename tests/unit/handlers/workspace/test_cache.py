"""What was found in files is kept for as long as they stay as they are, and never longer."""

import errno
import json
import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduled.handlers import daily_report, health, mail_cleanup, metrics
from scheduled.handlers.formats import mail_index
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.message import count, mail_of
from scheduled.handlers.workspace import cache as seen
from scheduled.handlers.workspace.cache import FileCache
from scheduled.handlers.workspace.staleness import Options, Rule, Verdict
from scheduled.handlers.workspace.sweep import Sweep

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path):
    (tmp_path / "flow" / "ai_mail.local").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def at_once(monkeypatch):
    """Let what was written a moment ago be kept, so that no test has to wait."""
    monkeypatch.setattr(seen, "RECENT", 0)


def looked(home, path, **values):
    """Look at *path* as one run does, and keep what was found."""
    looks = FileCache(home / "seen.json", values.get("zone", ZONE), values.get("sender", "@trigger"))
    found = looks.lines(str(path), str(home))
    looks.save()
    return found


def pretend(home, found, kind="lines"):
    """Put something else into what was kept: whoever answers with it has not looked."""
    kept = msgspec.json.decode((home / "seen.json").read_bytes(), type=seen._Saved)
    entries = msgspec.json.decode(getattr(kept, kind))
    setattr(
        kept,
        kind,
        msgspec.Raw(msgspec.json.encode({path: [mark, found] for path, (mark, _) in entries.items()})),
    )
    (home / "seen.json").write_bytes(msgspec.json.encode(kept))


def a_memory(home, text="one\ntwo\n"):
    path = home / "FLOW.local.json"
    path.write_text(text)
    return path


@pytest.mark.usefixtures("at_once")
def test_a_file_that_stays_as_it_is_is_not_read_again(home):
    path = a_memory(home)
    first = looked(home, path)
    pretend(home, [77, 0])
    assert ((2, 8), (77, 0)) == (first, looked(home, path))


@pytest.mark.usefixtures("at_once")
def test_a_change_is_seen_though_size_and_modification_time_stay(home):
    path = a_memory(home)
    looked(home, path)
    times = path.stat()
    path.write_text("one two\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (1, 8) == looked(home, path)


@pytest.mark.usefixtures("at_once")
def test_a_file_put_in_its_place_is_seen(home):
    path = a_memory(home)
    looked(home, path)
    other = home / "other"
    other.write_text("a\nb\nc\nd\n")
    other.replace(path)
    assert (4, 8) == looked(home, path)


def test_what_was_changed_a_moment_ago_is_looked_at_again(home):
    looked(home, a_memory(home))
    assert not (home / "seen.json").exists()


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("other", [{"zone": ZoneInfo("UTC")}, {"sender": "@other"}])
def test_another_zone_or_sender_begins_anew(home, other):
    path = a_memory(home)
    looked(home, path)
    pretend(home, [77, 0])
    assert (2, 8) == looked(home, path, **other)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "damage", ["", "{", '{"form": 2, "zone": "Europe/Berlin", "sender": "@trigger", "lines": []}']
)
def test_a_damaged_memory_is_said_and_made_anew(home, damage, capsys):
    path = a_memory(home)
    looked(home, path)
    (home / "seen.json").write_text(damage)
    found = looked(home, path)
    pretend(home, [77, 0])
    assert ((2, 8), True, (77, 0)) == (found, "read again" in capsys.readouterr().err, looked(home, path))


@pytest.mark.usefixtures("at_once")
def test_a_census_whose_instants_were_damaged_is_said_and_taken_anew(sample, capsys):
    path = sample.files.parent / "seen.json"
    before = sample.run(health)
    kept = json.loads(path.read_text())
    for _, census_ in kept["inboxes"].values():
        census_[-1] = [["no number"]] * 5
    path.write_text(json.dumps(kept))

    after = sample.run(health)

    assert (after.status, after.data) == ("success", before.data)
    assert "read again" in capsys.readouterr().err


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("put", [b"", b"\xff", b'"', b"9"])
def test_no_damage_to_what_was_kept_raises(home, put):
    branch, path = Branch(name="FLOW", address="@flow", path=str(home / "flow")), a_memory(home)
    mail = {"id": "a", "timestamp": "2026-03-28 12:00:00", "status": "new"}
    (home / "flow" / "ai_mail.local" / "inbox.json").write_text(json.dumps({"messages": [mail]}))
    kept = home / "seen.json"

    def find():
        looks = FileCache(kept, ZONE, "@trigger")
        found = (
            looks.lines(str(path), str(home)),
            looks.inbox(branch, str(home)),
            looks.names(str(home / "flow")),
        )
        return found, looks

    found, looks = find()
    looks.save()
    whole = kept.read_bytes()
    for place in range(0, len(whole), 2):
        kept.write_bytes(whole[:place] if not put else whole[:place] + put + whole[place + 1 :])
        again, _ = find()
        # What can't be decoded is discarded; that one number is another can't be told.
        assert put == b"9" or again == found


@pytest.mark.usefixtures("at_once")
def test_files_that_are_gone_are_forgotten(home):
    gone, there = home / "gone", a_memory(home)
    gone.write_text("x")
    looked(home, gone)
    gone.unlink()
    looked(home, there)
    assert [str(there)] == list(json.loads((home / "seen.json").read_text())["lines"])


@pytest.mark.usefixtures("at_once")
def test_what_can_not_be_kept_is_said_and_nothing_is_lost(home, capsys):
    (home / "seen.json").mkdir()
    assert ((2, 8), True) == (looked(home, a_memory(home)), "cannot be saved" in capsys.readouterr().err)


@pytest.mark.usefixtures("at_once")
def test_a_memory_file_that_comes_or_goes_is_noticed(home):
    branch = Branch(name="FLOW", address="@flow", path=str(home))

    def names():
        # Kept outside of what is looked at.
        looks = FileCache(home / "flow" / "seen.json", ZONE, "@trigger")
        found = looks.memory_names(branch)
        looks.save()
        return found

    first = names()
    a_memory(home)
    second = names()
    (home / "FLOW.local.json").unlink()
    assert ([], ["FLOW.local.json"], []) == (first, second, names())


@pytest.mark.usefixtures("at_once")
def test_a_directory_that_stays_as_it_is_is_not_listed_again(home):
    branch, kept = Branch(name="FLOW", address="@flow", path=str(home)), home / "flow" / "seen.json"
    looks = FileCache(kept, ZONE, "@trigger")
    looks.memory_names(branch)
    looks.save()
    pretend(home / "flow", ["PRETENDED.local.json"], "names")
    assert ["PRETENDED.local.json"] == FileCache(kept, ZONE, "@trigger").memory_names(branch)


@pytest.mark.usefixtures("at_once")
def test_a_mail_that_has_aged_since_is_opened_though_its_file_stays(home):
    branch = Branch(name="FLOW", address="@flow", path=str(home / "flow"))
    inbox = home / "flow" / "ai_mail.local" / "inbox.json"
    inbox.write_text(
        json.dumps({"messages": [{"id": "a", "timestamp": "2026-03-28 12:00:00", "status": "new"}]})
    )

    def swept(now):
        looks = FileCache(home / "seen.json", ZONE, "@trigger")
        done = Sweep(str(home), Options(), now, ZONE, "@trigger", looks).sweep(branch)
        looks.save()
        return done.opened

    assert [0, 0, 1] == [swept(NOW), swept(NOW + timedelta(hours=46)), swept(NOW + timedelta(hours=48))]


STAMPS = st.sampled_from(
    [
        None,
        "",
        "2026-03-28 12:00:00",
        "2026-03-26T11:59:59Z",
        "2026-03-20 13:00:00.5",
        "2026-01-01T00:00:00+05:00",
        5,
    ]
)
MESSAGES = st.lists(
    st.one_of(
        st.just("no message"),
        st.fixed_dictionaries(
            {"id": st.sampled_from(["a", "b", None]), "timestamp": STAMPS},
            optional={
                "status": st.sampled_from(["new", "opened", "closed", None]),
                "read": st.booleans(),
                "auto_execute": st.booleans(),
                "auto_opened": st.booleans(),
                "auto_opened_at": STAMPS,
                "opened_at": STAMPS,
                "subject": st.sampled_from(["Hello", "[SCHEDULED] Notice"]),
                "from": st.sampled_from(["@flow", "@trigger"]),
            },
        ),
    ),
    max_size=6,
)


def judged(messages, options):
    """Judge message by message, as the sweep does under the lock."""
    verdicts, must_read = [], False
    for message in messages:
        try:
            if not isinstance(message, dict):
                must_read = True
                continue
            mail = mail_of(message)
            verdicts.append(Rule(options, NOW, ZONE, "@trigger").verdict(mail))
            must_read = must_read or mail.was_auto_opened
        except ValueError:
            must_read = True
    overdue = Verdict.OPEN in verdicts or Verdict.CLOSE in verdicts
    return overdue, must_read, verdicts.count(Verdict.WAITING)


@given(MESSAGES, st.booleans())
@example(
    [{"id": "a", "timestamp": "2026-01-01T00:00:00+05:00", "status": "new", "auto_execute": True}], False
)
def test_a_census_says_what_a_look_at_every_message_would(messages, dispatches):
    options = Options(open_waiting_dispatches=dispatches)
    data = json.dumps({"messages": messages}).encode()
    mails = [mail_of(message) for message in messages]
    found = mail_index.of(data, ZONE, "@trigger")
    sweep = Sweep("/", options, NOW, ZONE, "@trigger")
    waiting = 0 if dispatches else found.before("waiting", sweep.rule.new_since)
    overdue, must_read, waits = judged(messages, options)
    # A stamp that nobody needs may be bad, and one that is bad is looked at: never the other way round.
    assert (count(mails), overdue, waits) == (found.counts, sweep._overdue(found), waiting)
    assert found.must_read or not must_read


@pytest.mark.usefixtures("at_once")
def test_a_listing_that_fails_is_not_taken_for_an_empty_one(home, monkeypatch):
    (home / "flow" / "ai_mail.local" / "sent").mkdir()
    mailbox = str(home / "flow" / "ai_mail.local")
    first, second = (FileCache(home / "seen.json", ZONE, "@trigger") for _ in range(2))
    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", lambda _: (_ for _ in ()).throw(OSError(errno.ETIMEDOUT, "too late")))
        told = first.may_hold(mailbox, "sent"), first.may_hold(mailbox, "deleted")
    first.save()

    assert (told, second.may_hold(mailbox, "sent"), second.may_hold(mailbox, "deleted")) == (
        (True, True),
        True,
        False,
    )


@pytest.mark.parametrize("handler", [health, mail_cleanup, metrics, daily_report])
def test_a_mailbox_that_can_not_be_listed_is_in_nobody_s_way(sample, monkeypatch, handler):
    bad = os.path.dirname(sample.inbox("SEED"))

    def listdir(path, real=os.listdir):
        if str(path) == bad:
            raise OSError(errno.EIO, "Input/output error", path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    outcome = sample.run(handler)

    assert outcome.status == "success", outcome.reason
