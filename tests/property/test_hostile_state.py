"""Damaged snapshots, result files, reports and backups are read as far as they are valid."""

import contextlib
import io
import json
import tarfile
import tracemalloc

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduled import idle
from scheduled.commands import restore
from scheduled.core.runs import AttemptResult
from scheduled.errors import ConfigError, StateError
from scheduled.execution.protocol import Ended, Started, encode, read_records, unreadable
from scheduled.execution.report_file import read_report
from scheduled.handlers import memory_rollover
from scheduled.instance import Instance
from scheduled.state import essentials, snapshot, snapshot_tampering
from tests.fixtures.in_process_cli import NIGHTLY, bounded

EXAMPLES = 10_000 if NIGHTLY else 250
MULTIPLE = 40  # bytes of memory per byte of file: the object for a small record takes about 40 times its size
NUMBERS = st.integers(-(2**70), 2**70) | st.floats()
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
GOOD = Started(run_id="a", attempt=1, pid=1, born=1, at=1.7e9)
ENDED = Ended(
    attempt_result=AttemptResult(
        run_id="a", attempt=1, status="success", started_at=1.7e9, finished_at=1.7e9, duration_ms=1
    )
)
DEEP = b'{"type":"event","name":"x","payload":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001


@st.composite
def mutilated(draw, good):
    """Return JSON with up to two values replaced by anything and up to two bytes changed."""
    document = json.loads(good)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.sampled_from(list(places(document))))
        place[0][place[1]] = draw(VALUES)
    data = bytearray(json.dumps(document).encode())
    for _ in range(draw(st.integers(0, 2))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


def places(value):
    for key, inner in value.items():
        yield value, key
        if isinstance(inner, dict):
            yield from places(inner)


@given(st.lists(mutilated(encode(ENDED)) | mutilated(encode(GOOD)) | st.binary(max_size=50), max_size=5))
@example([DEEP, b'{"type":"ended","ending":{"run_id":"\\ud800"}}', b"9" * 5000])
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_valid_lines_of_a_result_file_are_read_and_the_others_are_counted(lines):
    lines = [line.replace(b"\n", b" ") for line in lines]
    data = b"".join(line + b"\n" for line in [*lines, encode(GOOD)]) + b'{"torn'

    found = read_records(data)

    assert found[-1] == GOOD
    assert len(found) + unreadable(data) == len(lines) + 1
    for record in found:
        encode(record)  # an accepted record can be encoded again


@given(st.lists(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()), max_size=4))
@example([DEEP])
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_valid_lines_of_a_report_are_read(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("report") / "report"
    good = b'{"type":"count","name":"a","amount":2}'
    path.write_bytes(b"".join(line.replace(b"\n", b" ") + b"\n" for line in [*lines, good]))

    assert [count.amount for count in read_report(path).counts][-1:] == [2]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[" * 50_000, b'{"form":1,"zone":"UTC","sender":"\\ud800"}', b'{"form": 1}'],
)
def test_a_cache_that_cannot_be_read_is_ignored(sample, content):
    sample.files.mkdir()
    before = sample.run(memory_rollover).data
    for path in sample.files.parent.glob("seen.json"):
        path.write_bytes(content)

    assert sample.run(memory_rollover).data == before


SNAPSHOT = msgspec.json.encode(
    {"version": 1, "jobs": {"a": {"position": 1_770_000_000, "window_start": None,
     "schedules": [{"kind": "cron", "expression": "0 5 * * *", "zone": "UTC", "anchor": None, "seed": "", "delay": 0}]}}}
)  # fmt: skip


@given(mutilated(SNAPSHOT))
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_snapshot_of_any_content_restores_only_valid_values(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("state") / "scheduled_state.json"
    path.write_bytes(data)

    for found in essentials.of_jobs(path):
        assert abs(found.position) < 1 << 62
        if found.schedules:
            from scheduled.core.epochs import slots_of

            slots_of(found.schedules, found.position).next_after(1_770_000_000)
    with contextlib.suppress(StateError):
        snapshot.read_known(path)
    assert snapshot_tampering.found(path, 1.77e9)
    assert idle.parse(data[: idle.SIZE]) is None


MANIFEST = b'{"format":1,"version":"1","created_at":"","host":"","state":"","config":""}'


def archive(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@given(
    st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(["manifest.json", "ledger.db", "scheduled_state.json", "config/../x", "/etc/x", "config/jobs.d/a.toml"]),
        st.binary(max_size=60) | st.just(MANIFEST),
    ).map(archive)
)  # fmt: skip
@example(archive({"manifest.json": MANIFEST, "ledger.db": b""}))
@settings(max_examples=60 if not NIGHTLY else 2000, deadline=None)
def test_a_foreign_archive_restores_nothing_and_writes_nothing(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("restore")
    (root / "backup.tgz").write_bytes(data)

    with bounded(), pytest.raises(ConfigError, match=r"backup\.tgz"):
        restore.restore(
            Instance(str(root / "etc" / "scheduled.toml"), str(root / "state")),
            root / "backup.tgz",
            with_config=True,
        )

    assert [path.name for path in root.iterdir()] == ["backup.tgz"]


def test_memory_is_bounded_by_a_multiple_of_the_file(tmp_path):
    path = tmp_path / "scheduled_state.json"
    entry = json.loads(SNAPSHOT)["jobs"]["a"]
    path.write_text(json.dumps({"version": 1, "jobs": {f"job{n}": entry for n in range(5000)}}))
    records = b"".join(encode(GOOD) + b"\n" for _ in range(20_000))

    for size, read in (
        (path.stat().st_size, lambda: essentials.of_jobs(path)),
        (len(records), lambda: read_records(records)),
    ):
        tracemalloc.start()
        assert read()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MULTIPLE * size
