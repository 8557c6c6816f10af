"""Whatever stands in scheduled.toml: jobs, or a line that names the file; no traceback, no hang, bounded memory."""

import json
import os
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduled.config.action_keys import job_table
from scheduled.config.check import check
from scheduled.config.files import load_config
from scheduled.errors import ConfigError
from scheduled.schedules.kinds.reading import known_keys
from tests.fixtures.in_process_cli import NIGHTLY, bounded, invoke

EXAMPLES = 20_000 if NIGHTLY else 250
MULTIPLE = 200  # bytes of memory for a byte of configuration, beside a megabyte: a byte may be a whole table
KEYS = [*job_table().__struct_fields__, *known_keys(), "x"]
WORDS = st.sampled_from(
    [
        "* * * * *", "0 5 * * *", "@reboot", "H H * * *", "61 * * * *", "*/0 * * * *", "0 0 31 2 *", "1d", "0s", "99999d", "-1h",
        "true", "", "\0", "a" * 5000, "../../etc/passwd", "Europe/Berlin", "Nowhere/Else", "2026-02-30", "9999-12-31T23:59:59",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "$(x)", "{missed}", "module:function", "health", "512M",
        "022", "\u202e", "\U0010ffff", "22:00", "24:00", "latest", "idle",
    ]
)  # fmt: skip
SCALARS = (
    WORDS | st.text(max_size=12) | st.booleans() | st.integers() | st.integers(min_value=10**18, max_value=10**40)
    | st.floats() | st.sampled_from([0, -1, 1 << 31, 1 << 63, 1e308])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
JOBS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5)
SETTINGS = st.dictionaries(
    st.sampled_from(["timezone", "workspace", "max_parallel", "defaults", "catch_up", "history", "notify", "jobs", "x"]),
    VALUES | st.dictionaries(st.sampled_from(["a", "b c", "ä", "max_runs", "max_minutes", "keep_days", "sender"]), VALUES),
    max_size=4,
)  # fmt: skip


def toml(value):
    """Write a value as TOML: JSON is TOML but for tables, null and a few numbers."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return str(value)
    return text(value) if isinstance(value, str) else json.dumps(value)


def text(word):
    return json.dumps(word, ensure_ascii=False).replace("\x7f", "\\u007f")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    found = tmp_path_factory.mktemp("etc") / "scheduled.toml"
    found.touch(mode=0o600)
    return found


def loaded(path, data):
    """Return what a configuration comes to; a ConfigError names the file and stands on one line."""
    path.write_bytes(data)
    try:
        with bounded():
            return load_config(path)
    except ConfigError as error:
        said = str(error)
    assert said.startswith(str(path)), said
    return None


def encoded(document):
    return document.encode(errors="surrogatepass")


@given(JOBS, SETTINGS)
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_table_is_a_job_or_is_named_with_its_fault(path, job, general):
    general.pop("jobs", None)
    lines = [f"{text(key)} = {toml(value)}" for key, value in general.items()]
    document = "\n".join([*lines, "[jobs]", 'good = {command = "true"}', f"bad = {toml(job)}"])

    found = loaded(path, encoded(document))

    if found is not None:
        faults = [problem for problem in found.problems if "jobs.bad: " in problem]
        assert (len(faults), "bad" in found.jobs) in ((1, False), (0, True))
        if general.get("defaults") in (None, {}):
            assert "good" in found.jobs
        assert all(problem.isprintable() for problem in found.problems)
        with bounded():
            check(path)


@given(SETTINGS)
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_document_is_a_configuration_or_is_refused_by_name(path, general):
    loaded(path, encoded("\n".join(f"{text(key)} = {toml(value)}" for key, value in general.items())))


@given(st.binary(max_size=300) | st.text(max_size=300).map(encoded))
@example(b"x = " + b"9" * 5000)
@example(b"x = " + b"[" * 50_000)
@example(b"x = 1e400")
@example(b"x = " + b"{a=" * 3000)
@example(b"[" + b"a." * 300 + b"b]")
@example(b"x = 2026-02-30T25:61:61Z")
@example(b"\xef\xbb\xbf[jobs.a]")
@example("x = '\udcff'".encode(errors="surrogateescape"))
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_bytes_are_a_configuration_or_are_refused_by_name(path, data):
    loaded(path, data)


@pytest.mark.parametrize(
    "document",
    [
        b"x = [" + b"1," * 20_000 + b"]",
        b"x = [" * 300 + b"]" * 300,
        b'x = "' + b"a" * 200_000 + b'"',
        b"".join(b'[jobs.j%d]\ncommand = "true"\n' % number for number in range(600)),
        b"# comment\n" * 20_000,
    ],
    ids=["a long list", "a deep list", "a long word", "many jobs", "comments"],
)
def test_memory_is_bounded_by_a_multiple_of_the_configuration(path, document):
    tracemalloc.start()
    try:
        loaded(path, document)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < MULTIPLE * len(document) + (1 << 20)


HOSTILE = [
    'env_file = "/dev/zero"', 'env_file = "{fifo}"', 'env_file = "a\\u0000b"', 'only_if = {{ path = "/proc/self/mem" }}',
    'only_if = {{ command = "exec sleep 0; kill -9 $$" }}', 'only_if = {{ network = "::::" }}', 'cwd = "{fifo}"',
    'cwd = "/proc/1/root/../../nowhere"', 'limits = {{ memory = "1" }}', "limits = {{ open_files = 1 }}",
    "limits = {{ processes = 2147483647 }}", "timeout = 12000000000", 'umask = "7777"', "nice = -20", "output_limit = 1",
    "retry = {{ max_attempts = 9223372036854775808 }}", "retry = {{ max_attempts = 2, backoff_multiplier = 1000, delay = 12000000000 }}",
    "success_codes = [1, 1, 1]", 'jitter = "99999d"', 'not_between = ["00:00", "23:59"]', 'grace = "0s"',
]  # fmt: skip


@pytest.mark.parametrize("line", HOSTILE)
def test_a_job_with_hostile_values_runs_or_fails_by_name_and_the_next_tick_is_sound(world, line):
    os.mkfifo(world.root / "fifo")
    world.configure(f"""
        [jobs.hostile]
        command = "true"
        {line.format(fifo=world.root / "fifo")}
        [jobs.good]
        command = "true"
    """)

    ticked = world.run("run", "hostile", "good")

    assert (ticked.returncode in (0, 1, 2), "Traceback" in ticked.stderr) == (True, False), ticked
    assert [invoke(world, verb).code in (0, 1, 2) for verb in ("run", "audit", "status")] == [True] * 3
    found = [
        run["status"] for run in json.loads(invoke(world, "history", "--json").out) if run["job"] == "good"
    ]
    assert (
        found == ["success"] or "no such job: hostile" in ticked.stderr
    )  # it was refused, and with it the command


@pytest.mark.parametrize(
    "values",
    [
        'at = "9999-12-31T23:59:59-12:00"',
        'every = "1d"\nanchor = "9999-12-31T23:59:59-12:00"',
        'at = "9998-12-31T23:59:59-12:00"', 'at = "0002-01-01T00:00:00+12:00"', 'every = "1d"\nanchor = "9998-12-31"',
        "every = 12000000000", 'cron = "0 0 30 2 *"', 'cron = "0 0 29 2 1#5"', 'every = "1s"\ncatch_up = "all"\ncatch_up_limit = 2147483647',
    ],
)  # fmt: skip
def test_the_ends_of_the_calendar_break_no_question(world, values):
    world.configure(f"[jobs.a]\ncommand = 'true'\nenabled = true\n{values}\n")
    done = world.run("run")
    assert (done.returncode in (0, 1, 2), "Traceback" in done.stderr) == (True, False), done.stderr[-500:]

    for words in (["check"], ["status"], ["jobs"], ["next"], ["explain", "a"], ["show", "a"], ["audit"]):
        assert invoke(world, *words).code in (0, 1, 2), words
