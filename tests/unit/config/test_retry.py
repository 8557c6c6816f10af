"""`retry` in a job table: false, or a table with the failures that are retried."""

import pytest

from scheduled.config.files import load_config

DEFAULTS = "[defaults]\nretry = {max_attempts = 4, delay = 5}\n"


@pytest.fixture
def load(tmp_path):
    path = tmp_path / "scheduled.toml"

    def loaded(retry, before=DEFAULTS):
        path.write_text(f'{before}[jobs.a]\ncommand = "true"\nretry = {retry}\n')
        return load_config(path)

    return loaded


def test_false_means_one_attempt_in_spite_of_the_defaults(load):
    assert load("false").jobs["a"].retry.max_attempts == 1
    assert load("{delay = 9}").jobs["a"].retry.max_attempts == 4


def test_a_table_of_the_job_applies_where_the_defaults_are_false(load):
    assert load("{max_attempts = 2}", "[defaults]\nretry = false\n").jobs["a"].retry.max_attempts == 2


def test_the_failures_that_are_retried_are_statuses_classes_and_exit_codes(load):
    assert load('{retry_on = ["timeout", "auth", 7]}').jobs["a"].retry.on == ("timed_out", "auth", 7)


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        ("true", "retry: must be a table or false; write for example { max_attempts = 3 }"),
        ("3", "retry: must be a boolean or a table, got an integer"),
        ('{retry_on = ["often"]}', "retry.retry_on: 'often' is not known; write failed, timed_out, auth, network, unexpected or exit codes"),
        ("{retry_on = [0]}", "retry.retry_on: an exit code must be from 1 to 255, got 0"),
        ("{retry_on = []}", "retry.retry_on: is empty; write retry = false for no retry, or remove the key"),
        ("{max_attemps = 3}", "retry.max_attemps: unknown key"),
        ('{backoff = "fast"}', "retry.backoff: 'fast' is not allowed; write one of exponential, linear"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named(load, retry, expected):
    assert expected in load(retry).problems[0]
