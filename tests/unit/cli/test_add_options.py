"""The options of `add` become the table of a job."""

import pytest

from scheduled.cli.definitions import _from_options
from scheduled.errors import ConfigError


@pytest.mark.parametrize(
    ("key", "value"), [("for_each", ""), ("cron", ("",)), ("cron", ("@daily", "")), ("description", "")]
)
def test_an_option_that_is_given_must_not_be_empty(key, value):
    option = key.replace("_", "-")
    with pytest.raises(ConfigError, match=f"^--{option}: is empty; give a value, or leave the option out$"):
        _from_options({"command": "true", key: value})


def test_options_that_are_not_given_are_left_out():
    assert _from_options(
        {"command": "true", "for_each": None, "cron": (), "disabled": False, "words": ()}
    ) == {"command": "true"}
