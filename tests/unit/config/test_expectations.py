"""`expect` of a job table: its values, and warnings about expectations that are always or never met."""

import pytest

from scheduled.config import expect_doubts
from scheduled.config.execution_doubts import of_execution
from scheduled.config.job_table import parse_job
from scheduled.core.jobs import Action, Expect
from scheduled.core.tick_times import Ticks
from scheduled.errors import ConfigError
from scheduled.schedules.zones import DAY, HOUR, MINUTE

NOW = 1_780_000_000


def parsed(tmp_path, table, defaults=None):
    table = {key: value for key, value in {"command": "true", **table}.items() if value is not None}
    return parse_job("job", table, source=tmp_path / "x.toml", defaults=defaults or {}, timezone="UTC")


def test_the_keys_are_read(tmp_path):
    given = {
        "by": "9:05", "within": "2d", "duration": "2.5x", "output": "^ok", "fresh": "~/x", "command": ["a", "b"],
    }  # fmt: skip

    assert parsed(tmp_path, {"expect": given}).expect == Expect(
        by=9 * 60 + 5,
        within=2 * DAY,
        times=2.5,
        output="^ok",
        fresh="~/x",
        command=Action("command", words=("a", "b")),
    )
    assert parsed(tmp_path, {"expect": {"duration": "2h"}}).expect == Expect(duration=2 * HOUR)


@pytest.mark.parametrize(
    ("expect", "text"),
    [
        ({}, "expect: is empty; write one of by, within, duration, output, fresh, command, or remove it"),
        ({"by": "25:00"}, "expect.by: must be a time of day, got '25:00'; write for example \"09:00\""),
        ({"by": ""}, "expect.by: must be a time of day"),
        ({"within": "2 weeks"}, "expect.within: '2 weeks' is not a duration"),
        ({"within": 0}, "expect.within: out of range"),
        ({"duration": "1x"}, "expect.duration: '1x' is not more than the median itself"),
        ({"duration": "long"}, 'or "3x" for three times the median of the last runs'),
        ({"output": "a(b"}, "expect.output: missing ), unterminated subpattern at character 2"),
        ({"output": ".*"}, "expect.output: '.*' matches an empty line"),
        ({"output": ""}, "expect.output: '' matches an empty line"),
        ({"fresh": " "}, "expect.fresh: is empty"),
        ({"command": ""}, "expect.command: is empty; write a command, or remove it"),
        ({"command": []}, "expect.command: is empty; write a command, or remove it"),
        ({"out": "x"}, "expect.out: unknown key"),
        ({"fresh": "a\0b"}, "expect.fresh: contains a NUL character"),
        (True, "expect: must be a table, got a boolean"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_key(tmp_path, expect, text):
    with pytest.raises(ConfigError) as raised:
        parsed(tmp_path, {"expect": expect})

    assert text in str(raised.value)


def test_a_chain_has_time_expectations_only(tmp_path):
    chain = {"command": None, "chain": ["a"]}
    with pytest.raises(ConfigError, match="expect: a chain executes nothing of its own"):
        parsed(tmp_path, {**chain, "expect": {"output": "x"}})
    given = {"output": "x", "within": "2d"}

    assert parsed(tmp_path, chain, {"expect": given}).expect == Expect(within=2 * DAY)
    assert parsed(tmp_path, chain, {"expect": {"output": "x"}}).expect is None
    assert parsed(tmp_path, {**chain, "expect": {"by": "09:00"}}).expect == Expect(by=540)


def test_a_target_that_a_shell_could_interpret_is_no_part_of_its_command(tmp_path):
    from scheduled.actions.command import faults

    job = parsed(tmp_path, {"for_each": ["a b"], "expect": {"command": "test {target}"}})

    assert any(text.startswith("expect.command: {target} can't be 'a b'") for text in faults(job))


def test_a_program_that_does_not_exist_is_a_doubt(tmp_path):
    job = parsed(tmp_path, {"expect": {"command": "nonexistent x"}})

    assert [text.partition(":")[0] for text in of_execution(job, "/usr/bin", "/")] == ["expect.command"]


DAILY = {"cron": "0 3 * * *"}


@pytest.mark.parametrize(
    ("table", "texts"),
    [
        ({**DAILY, "expect": {"by": "09:00", "within": "2d", "duration": "1m"}}, []),
        ({"cron": "30 23 * * *", "expect": {"by": "06:00"}}, []),  # the next morning
        ({"cron": "0 10 * * *", "expect": {"by": "09:00"}}, ["expect.by: is that of the day after each slot, 23h later"]),
        ({"cron": "0 */8 * * *", "expect": {"by": "09:00"}}, []),
        ({"cron": "* * * * *", "expect": {"by": "09:00"}}, ["expect.by: no tick starts the slot of"]),
        ({**DAILY, "not_between": ["02:00", "10:00"], "expect": {"by": "09:00"}}, ["expect.by: no tick starts the slot of"]),
        ({"cron": "58 8 * * *", "expect": {"by": "09:00"}}, ["expect.by: no tick starts the slot of"]),
        ({"cron": "50 8 * * *", "jitter": "5h", "expect": {"by": "09:00"}}, ["expect.by: no tick starts the slot of"]),
        ({"expect": {"by": "09:00"}}, ["expect.by: has no effect on a job without a schedule"]),
        ({"every": "1d", "from": "end", "expect": {"by": "09:00"}}, ['expect.by: has no effect with from = "end"']),
        ({"at": ["2020-01-01T00:00"], "expect": {"by": "09:00", "within": "1h"}}, []),
        ({**DAILY, "expect": {"within": "1d"}}, ["expect.within: 1d is not longer than the time between two slots (1d)"]),
        ({"cron": "0 3 * * MON-FRI", "expect": {"within": "2d"}}, ["expect.within: 2d is not longer than the time between two slots (3d)"]),
        ({"cron": "0 3 * * MON-FRI", "expect": {"within": "4d"}}, []),
        ({"expect": {"within": "1h"}}, []),
        ({"expect": {"duration": "5m"}}, ["expect.duration: is never reached, because a run ends after its timeout (5m)"]),
        ({"expect": {"duration": "3x"}}, []),
        ({"command": None, "chain": ["a"], "expect": {"duration": "5h"}}, []),
        (DAILY, []),
    ],
)  # fmt: skip
def test_what_can_never_or_must_always_be_broken_is_a_doubt(tmp_path, table, texts):
    job = parsed(tmp_path, table)
    found = list(expect_doubts.warnings(job, table, Ticks(5 * MINUTE), NOW))

    assert [text[: len(expected)] for text, expected in zip(found, texts, strict=True)] == texts


def test_a_default_that_has_no_effect_on_a_job_is_no_doubt(tmp_path):
    job = parsed(tmp_path, {}, {"expect": {"by": "09:00"}})

    assert list(expect_doubts.warnings(job, {}, Ticks(5 * MINUTE), NOW)) == []
