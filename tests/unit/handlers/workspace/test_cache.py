"""Cached contents of files are used while the files do not change, and never longer."""

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
from scheduled.handlers.workspace import cache as cache_module
from scheduled.handlers.workspace.cache import FileCache
from scheduled.handlers.workspace.staleness import MailAction, Options, Rule
from scheduled.handlers.workspace.sweep import Sweep

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path):
    (tmp_path / "flow" / "ai_mail.local").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def save_recent(monkeypatch):
    """Save the contents of recently changed files too, so that no test has to wait."""
    monkeypatch.setattr(cache_module, "RECENT", 0)


def cached(home, path, **values):
    """Return the lines and bytes of *path* as one run with a cache does, and save the cache."""
    cache = FileCache(home / "seen.json", values.get("zone", ZONE), values.get("sender", "@trigger"))
    found = counted(cache, path, home)
    cache.save()
    return found


def counted(cache, path, home):
    found = cache.size(str(path), str(home), complete=False)
    return found.lines, found.bytes


def forge(home, found, kind="sizes"):
    """Replace the saved values by *found*; a run that returns it has used the cache and not read the file."""
    saved = msgspec.json.decode((home / "seen.json").read_bytes(), type=cache_module._Saved)
    entries = msgspec.json.decode(getattr(saved, kind))
    setattr(
        saved,
        kind,
        msgspec.Raw(msgspec.json.encode({path: [mark, found] for path, (mark, _) in entries.items()})),
    )
    (home / "seen.json").write_bytes(msgspec.json.encode(saved))


def a_memory(home, text="one\ntwo\n"):
    path = home / "FLOW.local.json"
    path.write_text(text)
    return path


@pytest.mark.usefixtures("save_recent")
def test_an_unchanged_file_is_not_read_again(home):
    path = a_memory(home)
    first = cached(home, path)
    forge(home, [77, 0])
    assert ((2, 8), (77, 0)) == (first, cached(home, path))


@pytest.mark.usefixtures("save_recent")
def test_a_change_with_the_same_size_and_modification_time_is_noticed(home):
    path = a_memory(home)
    cached(home, path)
    times = path.stat()
    path.write_text("one two\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (1, 8) == cached(home, path)


@pytest.mark.usefixtures("save_recent")
def test_a_file_replaced_by_another_is_noticed(home):
    path = a_memory(home)
    cached(home, path)
    other = home / "other"
    other.write_text("a\nb\nc\nd\n")
    other.replace(path)
    assert (4, 8) == cached(home, path)


def test_the_content_of_a_recently_changed_file_is_not_saved(home):
    cached(home, a_memory(home))
    assert not (home / "seen.json").exists()


@pytest.mark.usefixtures("save_recent")
@pytest.mark.parametrize("other", [{"zone": ZoneInfo("UTC")}, {"sender": "@other"}])
def test_a_cache_for_another_zone_or_sender_is_discarded(home, other):
    path = a_memory(home)
    cached(home, path)
    forge(home, [77, 0])
    assert (2, 8) == cached(home, path, **other)


@pytest.mark.usefixtures("save_recent")
@pytest.mark.parametrize(
    "damage", ["", "{", '{"form": 5, "zone": "Europe/Berlin", "sender": "@trigger", "sizes": []}']
)
def test_a_damaged_cache_is_reported_and_rebuilt(home, damage, capsys):
    path = a_memory(home)
    cached(home, path)
    (home / "seen.json").write_text(damage)
    found = cached(home, path)
    forge(home, [77, 0])
    assert ((2, 8), True, (77, 0)) == (found, "read again" in capsys.readouterr().err, cached(home, path))


@pytest.mark.usefixtures("save_recent")
def test_an_index_with_damaged_times_is_reported_and_rebuilt(sample, capsys):
    path = sample.files.parent / "seen.json"
    before = sample.run(health)
    saved = json.loads(path.read_text())
    for _, index in saved["inboxes"].values():
        index[-1] = [["not a number"]] * 5
    path.write_text(json.dumps(saved))

    after = sample.run(health)

    assert (after.status, after.data) == ("success", before.data)
    assert "read again" in capsys.readouterr().err


@pytest.mark.usefixtures("save_recent")
@pytest.mark.parametrize("put", [b"", b"\xff", b'"', b"9"])
def test_no_damage_to_the_cache_causes_an_error(home, put):
    branch, path = Branch(name="FLOW", address="@flow", path=str(home / "flow")), a_memory(home)
    mail = {"id": "a", "timestamp": "2026-03-28 12:00:00", "status": "new"}
    (home / "flow" / "ai_mail.local" / "inbox.json").write_text(json.dumps({"messages": [mail]}))
    saved = home / "seen.json"

    def find():
        cache = FileCache(saved, ZONE, "@trigger")
        found = (
            counted(cache, path, home),
            cache.inbox(branch, str(home)),
            cache.names(str(home / "flow"), str(home)),
        )
        return found, cache

    found, cache = find()
    cache.save()
    whole = saved.read_bytes()
    for place in range(0, len(whole), 2):
        saved.write_bytes(whole[:place] if not put else whole[:place] + put + whole[place + 1 :])
        again, _ = find()
        # A value that cannot be decoded is discarded; a changed digit cannot be detected.
        assert put == b"9" or again == found


@pytest.mark.usefixtures("save_recent")
def test_entries_of_deleted_files_are_removed(home):
    gone, existing = home / "gone", a_memory(home)
    gone.write_text("x")
    cached(home, gone)
    gone.unlink()
    cached(home, existing)
    assert [str(existing)] == list(json.loads((home / "seen.json").read_text())["sizes"])


@pytest.mark.usefixtures("save_recent")
def test_a_cache_that_cannot_be_saved_causes_only_a_warning(home, capsys):
    (home / "seen.json").mkdir()
    assert ((2, 8), True) == (cached(home, a_memory(home)), "cannot be saved" in capsys.readouterr().err)


@pytest.mark.usefixtures("save_recent")
def test_a_new_or_deleted_memory_file_is_noticed(home):
    branch = Branch(name="FLOW", address="@flow", path=str(home))

    def names():
        # The cache file is outside the listed directory, so that saving it does not change that.
        cache = FileCache(home / "flow" / "seen.json", ZONE, "@trigger")
        found = cache.memory_names(branch, str(home))
        cache.save()
        return found

    first = names()
    a_memory(home)
    second = names()
    (home / "FLOW.local.json").unlink()
    assert ([], ["FLOW.local.json"], []) == (first, second, names())


@pytest.mark.usefixtures("save_recent")
def test_an_unchanged_directory_is_not_listed_again(home):
    branch, saved = Branch(name="FLOW", address="@flow", path=str(home)), home / "flow" / "seen.json"
    cache = FileCache(saved, ZONE, "@trigger")
    cache.memory_names(branch, str(home))
    cache.save()
    forge(home / "flow", ["FORGED.local.json"], "names")
    assert ["FORGED.local.json"] == FileCache(saved, ZONE, "@trigger").memory_names(branch, str(home))


@pytest.mark.usefixtures("save_recent")
def test_a_mail_that_becomes_stale_in_an_unchanged_inbox_is_opened(home):
    branch = Branch(name="FLOW", address="@flow", path=str(home / "flow"))
    inbox = home / "flow" / "ai_mail.local" / "inbox.json"
    inbox.write_text(
        json.dumps({"messages": [{"id": "a", "timestamp": "2026-03-28 12:00:00", "status": "new"}]})
    )

    def swept(now):
        cache = FileCache(home / "seen.json", ZONE, "@trigger")
        done = Sweep(str(home), Options(), now, ZONE, "@trigger", cache).sweep(branch)
        cache.save()
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
        st.just("not a message"),
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


def judged(messages, options, seen):
    """Apply the rule to each message, as the sweep does under the lock."""
    actions, must_read = [], False
    for message in messages:
        try:
            if not isinstance(message, dict):
                must_read = True
                continue
            mail = mail_of(message)
            actions.append(Rule(options, NOW, ZONE, "@trigger").action(mail, seen))
            must_read = must_read or mail.was_auto_opened
        except ValueError:
            must_read = True
    overdue = MailAction.OPEN in actions or MailAction.CLOSE in actions
    return overdue, must_read, actions.count(MailAction.WAITING)


SEEN = st.none() | st.dictionaries(
    st.sampled_from(["a", "b", "7"]),
    st.none() | st.integers(-20 * 86400, 0).map(lambda age: NOW.timestamp() + age),
)


@given(MESSAGES, st.booleans(), SEEN)
@example(
    [{"id": "a", "timestamp": "2026-01-01T00:00:00+05:00", "status": "new", "auto_execute": True}],
    False,
    None,
)
@example([{"id": "a", "timestamp": "2026-01-01T00:00:00", "status": "opened"}], False, {"a": NOW.timestamp()})
@example([{"id": "a", "timestamp": "2026-01-01T00:00:00", "status": "opened"}], False, {"a": None})
def test_an_index_gives_the_same_result_as_reading_every_message(messages, dispatches, seen):
    options = Options(open_waiting_dispatches=dispatches)
    data = json.dumps({"messages": messages}).encode()
    mails = [mail_of(message) for message in messages]
    found = mail_index.of(data, ZONE, "@trigger")
    sweep = Sweep("/", options, NOW, ZONE, "@trigger")
    waiting = 0 if dispatches else found.before("waiting", sweep.rule.new_since)
    overdue, must_read, waits = judged(messages, options, seen)
    # An invalid time that the rule does not need may require reading; a needed one must always require it.
    assert (count(mails), overdue, waits) == (found.counts, sweep._overdue(found, seen), waiting)
    assert found.must_read or not must_read


@pytest.mark.usefixtures("save_recent")
def test_a_failed_listing_does_not_count_as_an_empty_directory(home, monkeypatch):
    (home / "flow" / "ai_mail.local" / "sent").mkdir()
    mailbox = str(home / "flow" / "ai_mail.local")
    first, second = (FileCache(home / "seen.json", ZONE, "@trigger") for _ in range(2))
    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", lambda _: (_ for _ in ()).throw(OSError(errno.ETIMEDOUT, "too late")))
        failed = first.may_hold(mailbox, str(home), "sent"), first.may_hold(mailbox, str(home), "deleted")
    first.save()

    assert (
        failed,
        second.may_hold(mailbox, str(home), "sent"),
        second.may_hold(mailbox, str(home), "deleted"),
    ) == (
        (True, True),
        True,
        False,
    )


@pytest.mark.parametrize("handler", [health, mail_cleanup, metrics, daily_report])
def test_a_mailbox_that_cannot_be_listed_does_not_fail_a_handler(sample, monkeypatch, handler):
    bad = os.path.dirname(sample.inbox("SEED"))

    def listdir(path, real=os.listdir):
        if isinstance(path, int) and os.readlink(f"/proc/self/fd/{path}") == bad:
            raise OSError(errno.EIO, "Input/output error", path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    outcome = sample.run(handler)

    assert outcome.status == "success", outcome.reason
