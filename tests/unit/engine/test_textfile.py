"""Why the file of metrics could not be written, in words, and that the tick remembers it."""

import errno
import os
from types import SimpleNamespace

import pytest

from scheduled.config.config import with_settings
from scheduled.config.metrics_settings import file_of
from scheduled.config.tables import MetricsTable, SettingsTable
from scheduled.engine import textfile
from scheduled.paths import Paths
from tests.fixtures.ledgers import LEDGERS


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    yield ledger
    ledger.close()


@pytest.fixture
def runtime(tmp_path):
    settings = SettingsTable(metrics=MetricsTable(textfile=str(tmp_path / "m.prom")))
    config = with_settings(tmp_path / "scheduled.toml", settings, "UTC", kept=False)
    logged = []
    return SimpleNamespace(
        config=config,
        paths=Paths(tmp_path, tmp_path / "scheduled.toml"),
        unrecorded=False,
        log_line=lambda level, text: logged.append((level, text)),
        logged=logged,
    )


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, ""),
        (errno.EROFS, ""),
        (errno.EACCES, "; let this user write to the directory, or change [metrics] textfile"),
    ],
)
def test_the_file_the_reason_and_the_remedy_are_named(runtime, ledger, tmp_path, monkeypatch, number, advice):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number), ".scheduled-x.tmp")

    monkeypatch.setattr(textfile, "write_atomically", fail)
    changed = textfile.export(runtime, ledger, None, 1e9)

    problem = f"metrics: can't be written: {tmp_path}/m.prom: {os.strerror(number)}{advice}"
    assert (changed, runtime.unrecorded, runtime.logged) == (True, True, [("ERROR", problem)])
    assert [one.text for one in textfile.problems(ledger).values()] == [problem]
    assert textfile.export(runtime, ledger, None, 1e9) is False


def test_a_success_ends_the_problem(runtime, ledger, tmp_path):
    with ledger.transaction():
        ledger.remember(textfile.FAILED, "no space")

    assert (textfile.export(runtime, ledger, None, 1e9), textfile.problems(ledger)) == (True, {})
    assert (tmp_path / "m.prom").read_text().startswith(f"# Written by scheduled for {tmp_path}\n")
    assert textfile.export(runtime, ledger, None, 1e9) is False


@pytest.mark.parametrize(
    ("textfile_key", "file"),
    [("/a/b", "/a/b/scheduled.prom"), ("/a/b.prom", "/a/b.prom"), ("~/b.prom", "HOME/b.prom")],
)
def test_a_directory_and_a_file_are_distinguished_by_the_suffix(monkeypatch, textfile_key, file):
    monkeypatch.setenv("HOME", "/home/ada")

    assert str(file_of(textfile_key)) == file.replace("HOME", "/home/ada")


def test_a_directory_may_have_the_suffix(tmp_path):
    (tmp_path / "x.prom").mkdir()

    assert file_of(str(tmp_path / "x.prom")) == tmp_path / "x.prom" / "scheduled.prom"
