"""In a workspace with hostile content every handler ends, reports an outcome and does no damage.

The five handlers run as in a tick: their reports are written and read again.
"""

import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scheduled.execution.report_file import read_report
from scheduled.execution.report_lines import ReportFile
from scheduled.handlers import daily_report, health, mail_cleanup, memory_rollover, metrics
from scheduled.handlers.formats.branches import WorkspaceError
from scheduled.handlers.formats.inbox import Inbox
from scheduled.handlers.formats.json_text import parse
from scheduled.handlers.workspace.workspace import Workspace
from tests.fixtures.in_process_cli import NIGHTLY, bounded
from tests.fixtures.sample_workspace import Sample, mail, unpack

EXAMPLES = 3000 if NIGHTLY else 40
HANDLERS = (health, memory_rollover, mail_cleanup, metrics, daily_report)
# Bytes of memory per byte of inbox: its text, its values and each message's text, twice during an edit.
MULTIPLE = 30
DEEP = "[" * 100_000
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.integers(min_value=10**30, max_value=10**40) | st.floats()
    | st.text(max_size=20) | st.sampled_from(["\ud800", "\x00", "new", "opened", "@flow", "../../x", "2026-01-01 00:00:00",
                                              "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", "2026-13-01"])
)  # fmt: skip
MAILS = st.dictionaries(
    st.sampled_from(["id", "timestamp", "from", "subject", "message", "status", "read", "auto_opened_at", "auto_execute", "x"]),
    SCALARS | st.lists(SCALARS, max_size=2), max_size=8,
) | SCALARS  # fmt: skip
ENTRIES = (
    st.dictionaries(
        st.sampled_from(["name", "path", "email", "x"]), SCALARS | st.lists(SCALARS, max_size=1), max_size=4
    )
    | SCALARS
)
TEXTS = st.sampled_from(
    ["", "{", "null", "[]", DEEP, '{"branches": ' + DEEP, "9" * 5000, '{"branches": {}}', "\ufeff{}"]
) | st.text(max_size=40)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """One workspace for all examples of a test; each example writes its own files."""
    root = tmp_path_factory.mktemp("hostile")
    unpack(root / "aipass")
    (root / "state").mkdir()
    return Sample(root / "aipass", root / "state" / "reports")


def results(sample, report):
    """Run every handler and return their outcomes, as read from their reports."""
    found = []
    for module in HANDLERS:
        report.unlink(missing_ok=True)
        task = sample.task(module.Options(), report=ReportFile(str(report)))
        with bounded():
            task.report.outcome(module.run(task))
        reported = read_report(report)
        found.append(reported.outcome)
        assert reported.outcome is not None, module
        for condition in reported.conditions:
            condition.key.encode()
    return found


@given(st.lists(MAILS, max_size=5), st.sampled_from(["messages", "inbox", "x"]))
@example([mail(id="\ud800", subject="\ud800", timestamp="2026-01-01 00:00:00")], "messages")
@example(
    [mail(id="../../../x", subject="../../x/\x00", status="opened", timestamp="2026-01-01 00:00:00")],
    "messages",
)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_with_any_inbox_every_handler_ends_and_no_mail_is_lost(tree, mails, key):
    tree.inbox("FLOW").write_text(json.dumps({key: mails}), encoding="utf-8")
    before = files_around(tree)

    results(tree, tree.files.with_name("report"))

    left = parse(tree.inbox("FLOW").read_bytes())
    deleted = list((tree.inbox("FLOW").parent / "deleted").glob("*.json"))
    kept = left.get(key, left.get("messages", [])) if isinstance(left, dict) else left
    assert len(kept) + len(deleted) >= len(mails)
    for path in deleted:
        path.unlink()
    assert files_around(tree) == before


def files_around(sample):
    return sorted(
        path.name for path in sample.root.parent.iterdir() if path.name not in ("report", "reports")
    )


@given(TEXTS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_an_inbox_of_any_text_stays_unchanged_unless_it_is_valid_json(tree, text):
    paths = [
        tree.inbox("FLOW"), tree.root / "aipass_os/AI_CENTRAL/AI_MAIL.central.json", tree.root / "aipass_os/AI_CENTRAL/PLANS.central.json",
        tree.root / "aipass_os/AI_CENTRAL/METRICS.history.jsonl", tree.path("FLOW") / "FLOW.local.json",
    ]  # fmt: skip
    before = {path: path.read_bytes() if path.exists() else None for path in paths}
    data = text.encode(errors="surrogatepass")
    for path in paths:
        path.write_bytes(data)

    results(tree, tree.files.with_name("report"))

    assert paths[0].read_bytes() == data or parse(data) is not None
    for path, old in before.items():
        path.unlink(missing_ok=True)
        if old is not None:
            path.write_bytes(old)


@given(st.lists(ENTRIES, max_size=4) | SCALARS)
@example(
    [
        {"name": "A", "path": "/etc"},
        {"name": "B", "path": "../.."},
        {"name": "../C", "path": "c"},
        {"name": "D", "path": "\0"},
    ]
)
@example([{"name": "\ud800", "path": "x"}, {"name": "A", "path": "x", "email": "\ud800"}])
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_registry_entry_gives_a_branch_outside_the_workspace(tree, entries):
    registry = tree.root / "BRANCH_REGISTRY.json"
    before = registry.read_bytes()
    registry.write_text(json.dumps({"branches": entries}))

    try:
        found = Workspace.load(tree.root)
    except WorkspaceError:
        found = None
    for branch in found.branches if found else ():
        assert os.path.realpath(branch.path).startswith(os.path.realpath(tree.root))
        assert "/" not in branch.name
        assert branch.name.isprintable()
    results(tree, tree.files.with_name("report"))

    registry.write_bytes(before)


@given(TEXTS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_registry_of_any_text_is_refused_by_name(tree, text):
    registry = tree.root / "BRANCH_REGISTRY.json"
    before = registry.read_bytes()
    registry.write_bytes(text.encode(errors="surrogatepass"))

    found = results(tree, tree.files.with_name("report"))

    assert {outcome.status for outcome in found} == {"failed"}
    assert all("BRANCH_REGISTRY.json" in outcome.reason or "registry" in outcome.reason for outcome in found)
    registry.write_bytes(before)


def test_a_file_name_that_is_not_valid_text_is_reported_with_escapes(tree):
    home = os.fsencode(tree.path("FLOW"))
    with open(home + b"/FLOW.\xff\x1b[2J.local.json", "wb") as file:
        file.write(b"line\n" * 700)

    for _ in range(2):
        found = results(tree, tree.files.with_name("report"))
        assert [outcome.status for outcome in found] == ["success"] * len(HANDLERS)

    assert any("\\udcff" in label for label in found[1].data["notified_files"])
    os.unlink(home + b"/FLOW.\xff\x1b[2J.local.json")


# Special files

PLACES = [
    "inbox", "inbox.lock", "deleted", "memory", "log", "README", "registry", "HEALTH.central.json", "METRICS.central.json",
    "METRICS.history.jsonl", "AI_MAIL.central.json", "PLANS.central.json",
]  # fmt: skip
KINDS = ["fifo", "device", "endless", "directory", "loop", "nowhere", "outside", "socket"]


def place(sample, name):
    home = sample.path("FLOW")
    return {
        "inbox": sample.inbox("FLOW"), "inbox.lock": sample.inbox("FLOW").with_name(".inbox.lock"),
        "deleted": sample.inbox("FLOW").with_name("deleted"), "memory": home / "FLOW.local.json",
        "log": sample.root / "system_logs" / "flow_x.log", "README": home / "README.md", "registry": sample.root / "BRANCH_REGISTRY.json",
    }.get(name, sample.root / "aipass_os/AI_CENTRAL" / name)  # fmt: skip


def put(path, kind, outside):
    if path.is_dir():
        path.rename(path.with_name("was"))
    path.unlink(missing_ok=True)
    {
        "fifo": lambda: os.mkfifo(path), "device": lambda: os.mknod(path, 0o20666, os.makedev(1, 5)) if os.geteuid() == 0 else os.mkfifo(path),
        "endless": lambda: path.symlink_to("/dev/zero"), "directory": path.mkdir, "loop": lambda: path.symlink_to(path.name),
        "nowhere": lambda: path.symlink_to("/nowhere/at/all"), "outside": lambda: path.symlink_to(outside),
        "socket": lambda: os.mknod(path, 0o140600),
    }[kind]()  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_no_handler_waits_for_a_special_file_or_reads_or_writes_outside_the_workspace(tmp_path, kind):
    stale = mail(id="0", timestamp="2026-01-01 00:00:00", status="opened")
    for name in PLACES:
        root = tmp_path / name
        unpack(root)
        tried = Sample(root, tmp_path / "reports")
        tried.put("FLOW", stale)
        outside = tmp_path / f"outside-{name}"
        outside.write_text(json.dumps({"messages": [stale], "branches": [], "secret": "outside"}))
        put(place(tried, name), kind, outside)
        before = (outside.read_bytes(), outside.stat().st_mtime_ns)

        for module in HANDLERS:
            report = tmp_path / "report"
            report.unlink(missing_ok=True)
            with bounded():
                try:
                    module.run(tried.task(module.Options(), report=ReportFile(str(report))))
                except (OSError, WorkspaceError) as error:
                    assert str(place(tried, name).parent) in str(error), (name, kind, error)  # noqa: PT017 - the handler may also succeed

        assert (outside.read_bytes(), outside.stat().st_mtime_ns) == before, name
        assert b"secret" not in b"".join(path.read_bytes() for path in (tmp_path / "reports").glob("*"))


# Size


def test_fifty_thousand_mails_are_swept_in_bounded_memory_and_none_is_lost(sample):
    mails = [
        mail(id=f"{n:08x}", timestamp="2026-02-03 12:00:00", message="word " * 100) for n in range(50_000)
    ]
    mails[7] = mail(id="stale", timestamp="2026-01-01 00:00:00", status="opened")
    inbox = sample.put("FLOW", *mails)
    size = inbox.stat().st_size

    tracemalloc.start()
    with bounded(100):
        sample.run(mail_cleanup)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    left = {message["id"] for message in sample.mails("FLOW")}
    assert left == {message["id"] for message in mails} - {"stale"}
    assert peak < MULTIPLE * size


@pytest.mark.parametrize(
    "data",
    [
        b'{"messages": [' + b"1," * 50_000 + b"1]}",
        b'{"messages": [' + b"{}," * 50_000 + b"{}]}",
        b'{"messages": ["' + b"x" * 500_000 + b'"]}',
    ],
    ids=["numbers", "empty mails", "one long text"],
)
def test_memory_is_bounded_by_a_multiple_of_the_text(data):
    tracemalloc.start()
    Inbox(data).render()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 10 * MULTIPLE * len(data)


def test_a_file_beyond_a_hundred_megabytes_is_refused_without_reading_it(sample):
    with sample.inbox("FLOW").open("wb") as file:
        file.truncate(1 << 40)

    outcome = sample.run(mail_cleanup)

    assert any("bytes, and at most 100000000 are read" in problem for problem in outcome.data["problems"])
    assert Path(sample.inbox("FLOW")).stat().st_size == 1 << 40
