import os
import pwd
from pathlib import Path

import pytest

from scheduled.install import environment, pam_environment

CONFIG, STATE = Path("/home/ada/etc/scheduled.toml"), Path("/home/ada/state")


@pytest.fixture
def ada(monkeypatch):
    """Make ada the user, without variables of PAM."""
    entry = pwd.struct_passwd(("ada", "x", os.getuid(), 0, "", "/home/ada", "/bin/zsh"))
    monkeypatch.setattr(environment.pwd, "getpwuid", lambda _: entry)
    monkeypatch.setattr(pam_environment, "variables", dict)
    return monkeypatch


def computed(crontab):
    return environment.complete(environment.from_crontab(crontab), CONFIG, STATE)


def test_a_job_gets_what_cron_sets_and_the_paths_of_its_instance(ada):
    ada.setenv("LANG", "de_DE.UTF-8")
    ada.setenv("PATH", "/opt/bin")

    assert computed({}) == {
        "HOME": "/home/ada", "LOGNAME": "ada", "USER": "ada", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin",
        "SCHEDULED_CONFIG": str(CONFIG), "SCHEDULED_STATE": str(STATE),
    }  # fmt: skip


@pytest.mark.usefixtures("ada")
def test_the_crontab_wins_over_the_defaults_of_cron_but_not_over_logname():
    given = computed(
        {"PATH": "/opt/bin", "HOME": "/srv", "LOGNAME": "eve", "LANG": "C", "SCHEDULED_STATE": "/x"}
    )

    assert (given["PATH"], given["HOME"], given["LOGNAME"]) == ("/opt/bin", "/srv", "ada")
    assert (given["LANG"], given["SCHEDULED_STATE"]) == ("C", str(STATE))


def test_pam_only_fills_in_what_is_missing(ada):
    found = {"LANG": "en_US.UTF-8", "PATH": "/pam", "HOME": "/pam", "TZ": "UTC", "USER": "pam"}
    ada.setattr(pam_environment, "variables", lambda: found)

    given = computed({"TZ": "Europe/Berlin"})

    assert (given["LANG"], given["TZ"], given["USER"]) == ("en_US.UTF-8", "Europe/Berlin", "pam")
    assert (given["PATH"], given["HOME"]) == ("/usr/bin:/bin", "/home/ada")


def test_what_a_shell_sets_for_itself_or_cannot_use_is_left_out():
    given = environment.complete(
        {"PWD": "/x", "OLDPWD": "/y", "SHLVL": "2", "_": "/bin/sh", "A B": "1", "9": "1", "a1": "1"},
        CONFIG,
        STATE,
    )

    assert given.keys() - {"USER", "SCHEDULED_CONFIG", "SCHEDULED_STATE"} == {"a1"}


def test_a_process_that_cron_did_not_start_is_not_taken_for_one():
    assert not environment.is_from_cron(os.getpid())
    assert not environment.is_from_cron(0)


@pytest.mark.parametrize(("from_cron", "asked"), [(True, 0), (False, 1)])
def test_whether_a_crontab_counts_is_asked_only_if_cron_did_not_start_the_tick(ada, from_cron, asked):
    ada.setattr(environment, "is_from_cron", lambda _: from_cron)
    calls = []

    environment.of_jobs(CONFIG, STATE, with_crontab=lambda: bool(calls.append(1)))

    assert len(calls) == asked
