"""The file of `[notify] deadman` on a file system that does not answer."""

import os
import signal
from types import SimpleNamespace

import pytest

from scheduled import idle
from scheduled.engine import announcing, deadman
from scheduled.paths import Paths
from tests.fixtures.in_process_cli import invoke


@pytest.fixture
def file(world, monkeypatch):
    found = world.root / "alive"
    world.configure(f'timezone = "UTC"\n[notify]\ndeadman = "{found}"\n[jobs.a]\ncommand = "true"\n')
    monkeypatch.setattr(idle, "on_terminal", lambda: False)
    return found


def hang(*_, **__):
    while True:
        signal.pause()


def hang_at(monkeypatch, file):
    opened = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *rest, **more: (hang if path == file else opened)(path, *rest, **more)
    )


def test_a_tick_ends_and_names_the_file(world, file, monkeypatch):
    hang_at(monkeypatch, file)

    done = invoke(world, "run")

    assert (
        f"notify.deadman: {file}: can't be touched, so its monitor will report that no tick comes: "
        "its file system does not answer" in done.err
    )
    assert not os.path.lexists(world.state / "deadman")


@pytest.mark.usefixtures("file")
def test_the_file_is_not_asked_for_inside_of_a_transaction(world, monkeypatch):
    steps, announce, prepare = [], announcing.announce, deadman.prepare
    monkeypatch.setattr(deadman, "prepare", lambda runtime: steps.append("file") or prepare(runtime))
    monkeypatch.setattr(
        announcing,
        "announce",
        lambda *given: (steps.append("begin"), announce(*given), steps.append("end"))[1],
    )

    invoke(world, "run")

    assert steps == ["file", "begin", "end"]


@pytest.mark.usefixtures("file")
def test_the_last_thing_of_a_tick_does_not_hang_either(world, monkeypatch):
    invoke(world, "run")
    monkeypatch.setattr(os, "utime", hang)

    assert deadman.touch(Paths(world.state, world.config)) is None


def test_a_parent_that_ignores_its_children_gets_the_answer(world, file):
    """cron, or what started it, may have set SIGCHLD to be ignored; the children of a process inherit that."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert invoke(world, "run").err == ""
        link = os.fsencode(world.state / "deadman")
        assert os.readlink(link) == os.fsencode(file)
        assert not idle._touched(link, 10**18)
        file.unlink()
        file.mkdir()
        found = deadman.prepare(
            SimpleNamespace(
                paths=Paths(world.state), config=SimpleNamespace(notify=SimpleNamespace(deadman=str(file)))
            )
        )
        assert "Is a directory" in found[deadman.KEY].text
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_child_that_no_signal_ends_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(deadman, "SPARE", -idle.HANGS)
    hang_at(monkeypatch, tmp_path / "alive")
    runtime = SimpleNamespace(
        paths=Paths(tmp_path), config=SimpleNamespace(notify=SimpleNamespace(deadman=str(tmp_path / "alive")))
    )

    (found,) = deadman.prepare(runtime).values()

    assert "its file system does not answer" in found.text


def test_an_idle_tick_is_not_idle_then(world, file, monkeypatch):
    invoke(world, "run")
    link = os.fsencode(world.state / "deadman")
    assert idle._touched(link, 10**18)
    assert file.stat().st_mtime_ns == 10**18
    monkeypatch.setattr(idle.posix, "utime", hang)

    assert not idle._touched(link, 10**18)
