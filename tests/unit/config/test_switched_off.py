"""A job switches off what [defaults] gives it with `KEY = false`."""

import pytest

from scheduled.config.doubts import doubts
from scheduled.config.job_table import OFF, parse_job
from scheduled.config.redaction import masked_table
from scheduled.config.tables import DefaultsTable
from scheduled.core.configured_jobs import Jobs
from scheduled.errors import ConfigError

DEFAULTS = {
    "cwd": "/usr", "env": {"A": "b"}, "env_file": "/etc/environment", "expect": {"within": "2d"}, "fails_if": {"stderr": True}, "gate_deadline": "1h",
    "grace": "1h", "group": "g", "ionice": "idle", "limits": {"cpu": "1m"}, "nice": 5, "not_between": ["22:00", "06:00"], "notify": ["ops"],
    "only_if": {"path": "/x"}, "secrets": {"TOK": "file:/x"}, "umask": "077",
    "heartbeat_url": "https://example.org/{job}",
}  # fmt: skip


def parsed(tmp_path, table, defaults):
    table = {"command": "true", "cron": "0 5 * * *", **table}
    return parse_job("job", table, source=tmp_path / "x.toml", defaults=defaults, timezone="UTC")


def test_every_key_of_defaults_that_is_empty_without_it_can_be_switched_off():
    empty = DefaultsTable()
    keys = {
        key
        for key in DefaultsTable.__struct_fields__
        if getattr(empty, key) in (None, {}, type(empty.limits)())
    }

    assert keys - {"timezone"} == OFF == DEFAULTS.keys()


@pytest.mark.parametrize("key", sorted(DEFAULTS))
def test_a_job_with_false_is_as_without_the_default(tmp_path, key):
    given, without = (
        parsed(tmp_path, {}, DEFAULTS),
        {name: DEFAULTS[name] for name in DEFAULTS if name != key},
    )
    job = parsed(tmp_path, {key: False}, DEFAULTS)

    assert job == parsed(tmp_path, {}, without)
    assert getattr(job, key) != getattr(given, key)
    assert parsed(tmp_path, {key: False}, {}) == parsed(tmp_path, {}, {})
    list(doubts(job, Jobs(), {}, {key: False}))
    assert masked_table({key: False}) == {key: False}


def test_a_single_secret_or_limit_is_switched_off(tmp_path):
    defaults = {"secrets": {"A": "file:/a", "B": "file:/b"}, "limits": {"cpu": "1m", "open_files": 9}}
    job = parsed(tmp_path, {"secrets": {"A": False}, "limits": {"cpu": False}}, defaults)

    assert job.secrets == {"B": "file:/b"}
    assert (job.limits.cpu, job.limits.open_files) == (None, 9)
    assert parsed(tmp_path, {"env": {"A": False}}, {"env": {"A": "b"}}).env == {
        "A": "false"
    }  # a value, as before


@pytest.mark.parametrize("action", [{"chain": ["a"]}, {"handler": "health"}])
def test_it_may_be_switched_off_where_it_would_have_no_effect(tmp_path, action):
    table = {"command": None, "cron": "0 5 * * *", "fails_if": False, **action}
    table = {key: value for key, value in table.items() if value is not None}

    assert parse_job("job", table, source=tmp_path / "x", defaults=DEFAULTS, timezone="UTC").fails_if is None


def test_defaults_have_nothing_to_switch_off(tmp_path):
    with pytest.raises(ConfigError, match="fails_if: must be a table, got a boolean"):
        parsed(tmp_path, {}, {"fails_if": False})
