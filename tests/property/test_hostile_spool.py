"""What anybody drops into the spool: an event, or set aside by name; a tick is never stopped by it."""

import json
import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fixtures.in_process_cli import NIGHTLY, invoke

EXAMPLES = 2000 if NIGHTLY else 60
NAMES = st.sampled_from(
    [b"told", b"told.json", b"told.1.json", b"t" * 200, b"\xff\xfe", b"a b", b"-rf", b"told\n", b"\x1b[2J", "\u202e".encode(), b"bad.json", b"~", b"%"]
)  # fmt: skip
CONTENTS = st.sampled_from(
    [
        b"", b"{}", b'{"a": 1}', b"[1]", b"null", b"NaN", b'{"a": NaN}', b'{"a": 1e400}', b'{"a": ' + b"9" * 400 + b"}", b"9" * 9999,
        b'{"a": "\\ud800"}', b'{"a": "\\u0000"}', b'{"a": "\x00"}', b"\xff", b"{", b'{"a":' * 800 + b"1" + b"}" * 800, b"[" * 60_000,
        b'{"a": "' + b"x" * 65_000 + b'"}', b'{"a": "' + b"x" * 70_000 + b'"}', b" " * 100_000, b'{"a": 1, "a": 2}', b'{"": {}}',
        b'{"job": "../../x"}', b'{"a": [[[[[[1]]]]]]}',
    ]
) | st.binary(max_size=60)  # fmt: skip


@pytest.fixture
def house(world):
    world.configure('[jobs.hears]\non = "other"\ncommand = "true"\n')
    assert world.run("run").returncode == 0
    return world


@given(st.dictionaries(NAMES, CONTENTS, max_size=4))
@example({b"told": b"[" * 60_000, b"\xff": b""})
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_tick_takes_up_every_file_and_goes_on(house, files):
    spool = os.fsencode(house.state / "spool")
    for name, content in files.items():
        with open(spool + b"/" + name, "wb") as file:
            file.write(content)

    ticks = [invoke(house, "run", "-v") for _ in range(2)]

    assert [done.code for done in ticks] == [0, 0]
    assert [name for name in os.listdir(spool) if name != b"bad"] == []
    assert ticks[1].err == ""  # it was said once
    assert all(line.isprintable() for line in ticks[0].err.splitlines())


@pytest.mark.parametrize(
    "kind", ["fifo", "directory", "link to a device", "link to nowhere", "sparse terabyte"]
)
def test_what_is_no_file_is_set_aside_and_not_waited_for(house, kind):
    path = house.state / "spool" / "told"
    {
        "fifo": lambda: os.mkfifo(path), "directory": path.mkdir, "link to a device": lambda: path.symlink_to("/dev/zero"),
        "link to nowhere": lambda: path.symlink_to("/nowhere"), "sparse terabyte": lambda: sparse(path),
    }[kind]()  # fmt: skip

    done = invoke(house, "run", "-v")

    assert done.code == 0
    assert os.path.lexists(path) == (kind in ("directory", "link to nowhere"))  # that may yet be an event


def sparse(path):
    with path.open("wb") as file:
        file.truncate(1 << 40)


def test_a_payload_as_large_as_is_taken_reaches_its_job(world):
    (world.state / "spool").mkdir(parents=True, mode=0o700)
    world.state.chmod(0o700)
    world.configure('[jobs.hears]\non = "told"\ncommand = "echo ${#SCHEDULED_EVENT_DATA}"\n')
    payload = {"a": "\x01" * ((1 << 16) // 6 - 10)}
    (world.state / "spool" / "told.json").write_text(json.dumps(payload))

    done = world.run("run")

    assert (done.returncode, done.stderr) == (0, "")
    assert int(world.json("logs", "hears")["output"]) == len(json.dumps(payload))
