"""The error for an expression in another notation names what to write, and that is accepted."""

import pytest

from scheduled.schedules.cron import parse
from scheduled.schedules.cron_hash import resolve
from scheduled.schedules.durations import parse_interval
from scheduled.schedules.schedule import ScheduleError


def error_of(expression):
    with pytest.raises(ScheduleError) as error:
        parse(expression)
    return str(error.value)


@pytest.mark.parametrize(
    ("expression", "field", "instead"),
    [
        ("0 22-6/2 * * *", 1, "22-23/2,0-6/2"),
        ("0 21-6/2 * * *", 1, "21-23/2,1-6/2"),
        ("50-10/7 * * * *", 0, "50-59/7,4-10/7"),
        ("55-2/30 * * * *", 0, "55-59/30"),
        ("0 23-0 * * *", 1, "23,0"),
        ("0 0 28-3 * *", 2, "28-31,1-3"),
        ("0 0 * NOV-feb *", 3, "NOV-12,1-feb"),
        ("0 0 * * MON-SUN", 4, "MON-7"),
        ("0 0 * * FRI-MON", 4, "FRI-6,0-MON"),
        ("0 0 * * 5-2/2", 4, "5-6/2,0-2/2"),
        ("0 0 * * 7-2", 4, "0-2"),
        ("1/2/3 * * * *", 0, "1-59/2"),
        ("0-30/5/2 * * * *", 0, "0-30/5"),
        ("*/5/2 * * * *", 0, "*/5"),
        ("0 0 ? * MON", 2, "*"),
        ("0 0 * * ?", 4, "*"),
        ("0 0 * * Sunday", 4, "SUN"),
        ("0 0 * * Monday-Friday", 4, "MON-FRI"),
        ("0 0 * * Tues,thurs", 4, "TUE,THU"),
        ("0 0 1 Sept *", 3, "SEP"),
        ("0 0 1 june *", 3, "JUN"),
    ],
)
def test_a_term_is_replaced_by_one_that_is_accepted(expression, field, instead):
    assert error_of(expression).endswith(f": write {instead}")
    fields = expression.split()
    fields[field] = instead
    parse(" ".join(fields))


@pytest.mark.parametrize(
    ("expression", "instead"),
    [
        ("~ * * * *", "H"),
        ("0 ~ * * *", "H"),
        ("10~40 * * * *", "H(10-40)"),
        ("~/5 * * * *", "H/5"),
        ("0~30/5 * * * *", "H(0-30)/5"),
    ],
)
def test_a_random_value_becomes_a_hashed_one(expression, instead):
    assert f": write {instead}, a fixed value" in error_of(expression)
    parse(resolve(instead + " * * * *", "backup"))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("TZ=UTC 0 3 * * *", 'write timezone = "UTC" and cron = "0 3 * * *"'),
        ("CRON_TZ=Europe/Berlin @daily", 'write timezone = "Europe/Berlin" and cron = "@daily"'),
        (
            "CRON_TZ=UTC 0 3 * * * cmd -a",
            'write timezone = "UTC" and cron = "0 3 * * *" and command = \'cmd -a\'',
        ),
        ("TZ=Mars/X 0 3 * * *", 'write timezone with a name such as Europe/Berlin and cron = "0 3 * * *"'),
        ("'0 3 * * *'", 'has quotes inside the text: write cron = "0 3 * * *"'),
        ('"@daily"', 'has quotes inside the text: write cron = "@daily"'),
        ("0 3 * * * /bin/true", "write cron = \"0 3 * * *\" and command = '/bin/true'"),
        ("0 3 * * 1-5 root /bin/sync -a", "write cron = \"0 3 * * 1-5\" and command = '/bin/sync -a'"),
        ("@daily /bin/true", "write cron = \"@daily\" and command = '/bin/true'"),
        (
            "0 0 12 * * ?",
            'write "0 12 * * *" if the first field is the seconds, "0 0 12 * *" if the last one is too many',
        ),
        (
            "0 3 * * 1 2",
            'write "3 * * 1 2" if the first field is the seconds, "0 3 * * 1" if the last one is too many',
        ),
        ("*/5 * * * * *", "cron starts nothing more often than every minute"),
        ("0 0 12 ? * MON-FRI 2026", 'write "0 12 * * MON-FRI" if the first field is the seconds'),
        ("? ? * * *", "minute: '?' is not valid: write 0, or * for every minute"),
        ("0,15, * * * *", "write 0,15, without the empty part between commas"),
    ],
)
def test_a_notation_of_another_program_is_recognised(expression, message):
    assert message in error_of(expression)


@pytest.mark.parametrize(
    ("expression", "interval"),
    [("@every 5m", "5m"), ("@every 1h30m", "1h30m"), ("every 10 minutes", "10m"), ("@every 2 hours", "2h")],
)
def test_an_interval_belongs_to_the_key_every(expression, interval):
    assert error_of(expression).endswith(f'write every = "{interval}" instead of cron')
    parse_interval(interval)


@pytest.mark.parametrize(
    "expression", ["@every 5 parsecs", "0 0 * * Someday", "0 0 * * MONTH", "* 5-x * * *", "0 0 W * *"]
)
def test_anything_else_gets_the_general_advice(expression):
    assert "write " in error_of(expression)
