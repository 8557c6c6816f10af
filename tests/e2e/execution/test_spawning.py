"""A program starts in the same way with posix_spawn and, where that is not possible, with subprocess."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scheduled.execution import process, spawning
from scheduled.execution.protocol import Spec

SHOW = (
    'echo "$PWD $(umask) $VALUE"; ls -l /proc/self/fd | grep -c "$0"; cut -d " " -f 5-6 /proc/$$/stat; echo $$;'
    " grep -E 'SigIgn|SigBlk' /proc/self/status; cat; echo wrong >&2"
)


@pytest.fixture(params=["posix_spawn", "subprocess"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "subprocess":

        def impossible(*_: object) -> int:
            raise NotImplementedError

        monkeypatch.setattr(spawning, "start", impossible)
    return str(request.param)


def spec(directory: Path, *argv: str, **values: Any) -> Spec:
    given: dict[str, Any] = {
        "run_id": "a-1", "job": "a", "attempt": 1, "argv": argv, "cwd": str(directory),
        "env": {"PATH": os.defpath, "VALUE": "x"}, "output": str(directory / "out"), "timeout": 10,
        "output_limit": 1 << 20, "report": "",
    }  # fmt: skip
    return Spec(**{**given, **values})


def output_of(wanted: Spec, path: Path) -> tuple[int, str]:
    """Start a program with the file *path* as its output; return its exit code and what it printed."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    try:
        _, status = os.waitpid(process.spawn(wanted, fd), 0)
    finally:
        os.close(fd)
    return os.waitstatus_to_exitcode(status), path.read_text()


def test_a_program_gets_its_directory_umask_variables_streams_and_session(way: str, tmp_path: Path) -> None:
    before = os.getcwd(), os.umask(0o022)
    ignored = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        with (tmp_path / "other").open("w"):  # not inherited
            code, text = output_of(
                spec(tmp_path, "sh", "-c", SHOW, str(tmp_path), umask=0o027), tmp_path / "out"
            )
    finally:
        signal.signal(signal.SIGPIPE, ignored)
        after = os.getcwd(), os.umask(before[1])

    lines = text.splitlines()
    assert (code, after) == (0, (before[0], 0o022)), way
    assert lines[0] == f"{tmp_path} 0027 x"
    assert (
        lines[1] == "2"
    )  # of the files of the test, `ls` has the output: as stderr, and once more for the lock
    assert lines[2].split() == [lines[3], lines[3]]  # the process group and the session
    assert int(lines[5].split()[1], 16) & 1 << (signal.SIGPIPE - 1) == 0
    assert lines[6:] == ["wrong"]


@pytest.mark.parametrize(
    ("argv", "cwd", "kind", "named"),
    [
        (["no-such-program"], ".", FileNotFoundError, "no-such-program"),
        (["./no-such-program"], ".", FileNotFoundError, "./no-such-program"),
        (["plain"], ".", PermissionError, "plain"),
        (["./plain"], ".", PermissionError, "./plain"),
        (["true"], "gone", FileNotFoundError, "gone"),
        (["true"], "plain", NotADirectoryError, "plain"),
    ],
)
def test_the_error_names_what_cannot_be_used(
    way: str, tmp_path: Path, argv: list[str], cwd: str, kind: type[OSError], named: str
) -> None:
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    env = {"PATH": f"/nowhere:{tmp_path}:/usr/bin"}
    wanted = spec(tmp_path, *argv, env=env, cwd=str(tmp_path / cwd))
    before = os.getcwd()

    with pytest.raises(kind) as failure:
        output_of(wanted, tmp_path / "out")

    assert str(failure.value.filename).endswith(named), way
    assert os.getcwd() == before


def test_a_program_of_the_job_s_own_path_and_directory_is_found(way: str, tmp_path: Path) -> None:
    script = tmp_path / "bin" / "hello"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o700)

    for name, env in (("hello", {"PATH": f"/nowhere:{script.parent}"}), ("bin/hello", {})):
        assert output_of(spec(tmp_path, name, env=env), tmp_path / name.replace("/", "-")) == (
            0,
            "hello\n",
        ), way


@pytest.mark.usefixtures("way")
def test_a_name_with_a_null_byte_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="null"):
        output_of(spec(tmp_path, "true\0"), tmp_path / "out")


def test_a_priority_is_set_by_subprocess(tmp_path: Path) -> None:
    assert output_of(spec(tmp_path, "nice", nice=5), tmp_path / "out") == (0, "5\n")


def test_the_directory_of_the_supervisor_may_be_unsearchable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    real = os.open

    def refused(path: str, *rest: int, **more: int) -> int:
        if path == ".":
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest, **more)

    monkeypatch.setattr(spawning.os, "open", refused)

    assert output_of(spec(tmp_path, "pwd"), tmp_path / "out") == (0, f"{tmp_path}\n")
    assert os.getcwd() == "/"


def test_a_program_starts_without_the_import_of_subprocess(tmp_path: Path) -> None:
    code = (
        "import os, sys; from scheduled.execution import process, protocol; import msgspec\n"
        "spec = msgspec.json.decode(sys.argv[1], type=protocol.Spec)\n"
        "_, status = os.waitpid(process.spawn(spec, 1), 0); print(status, 'subprocess' in sys.modules)"
    )
    wanted = msgspec.json.encode(spec(tmp_path, "echo", "hello")).decode()

    assert output_of(spec(tmp_path, sys.executable, "-c", code, wanted), tmp_path / "out") == (
        0,
        "hello\n0 False\n",
    )
