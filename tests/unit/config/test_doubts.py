"""`check` warns of jobs that are valid and will probably not do what is meant."""

import os

import pytest

from scheduled.config.check import check

MODULE = """
import json as imported
from os import path
if path:
    def conditional(): pass
async def later(): pass
class Work: pass
assigned = annotated: int = lambda: None
""".replace("assigned = annotated: int", "annotated: int = None\nassigned")


SPECIAL = {"fifo": "HOME/fifo", "directory": "HOME/bin", "device": "/dev/zero"}


@pytest.fixture
def home(tmp_path):
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin/backup.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    (tmp_path / "plain.sh").touch()
    package = tmp_path / "package"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')\n")
    (package / "inner/__init__.py").touch()
    (package / "jobs.py").write_text(MODULE)
    (package / "dynamic.py").write_text("def __getattr__(name): return print\n")
    (package / "broken.py").write_text("def f(:\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/found_there.py").write_text("def f(): pass\n")
    (tmp_path / "file.env").write_text(f'# comment\nexport PYTHONPATH="{tmp_path}/elsewhere"\n')
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 30)
    return tmp_path


def warnings(home, text):
    path = home / "scheduled.toml"
    path.write_text(text)
    path.chmod(0o600)
    found = check(path, environment={"HOME": str(home)})
    assert found["ok"], found
    return [warning.removeprefix(f"{path}: jobs.") for warning in found["warnings"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('command = ["/nowhere/x"]', "command: /nowhere/x does not exist; create it, or correct the path"),
        ('command = "/nowhere/x --now > log"', "command: /nowhere/x does not exist; "),
        ('command = "~/nowhere.sh"', "command: ~/nowhere.sh does not exist; "),
        ('command = ["./plain.sh"]', "command: ./plain.sh is not an executable file; run `chmod +x ./plain.sh`"),
        ('command = "./bin"', "command: ./bin is not an executable file; "),
        ('command = ["no-such-program", "-v"]', "command: there is no program no-such-program in the PATH of jobs (/usr/bin:/bin); "),
        ('command = "A=1 no-such-program | cat"', "command: there is no program no-such-program in the PATH"),
        ('command = ["bash", "gone.sh", "x"]', "command: gone.sh does not exist in "),
        ('command = "python3 -u gone.py"', None),  # the first word after an option is not always a script
        ('command = "sh gone.sh"', "command: gone.sh does not exist in "),
        ('command = "true"\nonly_if.command = "no-such-program -v"', "only_if.command: there is no program no-such-program in the PATH of jobs (/usr/bin:/bin); "),
        ('command = "true"\nonly_if.command = "no-such-program"\nenv = { PATH = "/nowhere" }', "only_if.command: there is no program no-such-program in the PATH of jobs (/nowhere); "),
        ('command = "true"\nonly_if.command = "pgrep -x x || exit 0"\nonly_if.ac_power = true', None),
        ('python = "gone.py"', "python: gone.py does not exist in "),
        ('python = "nomod:f"', "python: there is no module nomod in "),
        ('python = "package.nomod.x:f"', "python: there is no module package.nomod in "),
        ('python = "package.jobs.x:f"', "python: there is no module package.jobs.x in "),
        ('python = "package.jobs:gone"', "python: HOME/package/jobs.py defines no gone; "),
        ('python = "package:gone"', "python: HOME/package/__init__.py defines no gone; "),
        ('python = "package.broken:f"', "python: HOME/package/broken.py:1: "),
        ('python = "json:no_such_function"', "python: "),
        ('python = "found_there:f"', "python: there is no module found_there in "),
        ('command = "cd /nope && ./x"', "command: /nope is not a directory; create it, or correct the path"),
        ('command = "cd ~/nope; ./x"', "command: ~/nope is not a directory; "),
        ('command = "cd \'/no pe\'\\n./x"', "command: /no pe is not a directory; "),
        ('command = "true"\nonly_if.command = "cd /nope && ./x"', "only_if.command: /nope is not a directory; "),
        ('command = "true"\ncwd = "/nowhere"', "cwd: /nowhere is not a directory; create it, or correct the path"),
        ('command = "true"\nenv_file = "/nowhere.env"', "env_file: /nowhere.env does not exist; "),
        ('command = "true"\non = "job_faild"', "on: no event is called job_faild; did you mean job_failed? An event of your own needs `scheduled emit job_faild`"),
        ('command = "true"\non = "job_failed"\nwhere = { jobb = "a" }', "where.jobb: job_failed has no jobb; did you mean job?"),
        ('command = "true"\non = "machine_booted"\nwhere = { zzz = "a" }', "where.zzz: machine_booted has no zzz; it has boot"),
        ('command = "true"\non = "job_failed"\nwhere = { job = "aa" }', "where.job: there is no job aa; did you mean a?"),
        ('command = "true"\non_interrupted = "skp"', "on_interrupted: skp is run as a command; did you mean skip?"),
        ('command = "true"\non = "job_failed"\nwhere = { status = "faild" }', "where.status: no run has the status faild; write one of "),
    ],
)  # fmt: skip
def test_a_doubt_names_its_key_and_the_next_step(home, monkeypatch, text, expected):
    monkeypatch.setenv("HOME", str(home))
    found = warnings(home, f"[jobs.a]\n{text}\n")

    wanted = "" if expected is None else f"a: {expected}".replace("HOME", str(home))
    assert [warning.startswith(wanted) for warning in found] == [True] * (expected is not None), found


@pytest.mark.parametrize(
    "text",
    [
        'command = ["bin/backup.sh"]',
        'command = "~/bin/backup.sh -v && no-such-program"',
        'command = "cd /tmp; ./x"',
        'command = "$EDITOR x"',
        'command = "for x in a b; do echo $x; done"',
        'command = "PATH=/opt/bin backup"',
        'command = "echo \'unbalanced"',
        'command = ["bash", "-c", "x"]',
        'command = ["backup.sh"]\nenv = { PATH = "HOME/bin" }',
        'command = ["sh", "backup.sh"]\ncwd = "~/bin"',
        'python = "package.jobs:later"',
        'python = "package.jobs:conditional"',
        'python = "package.jobs:Work.method"',
        'python = "package.jobs:assigned"',
        'python = "package.jobs:annotated"',
        'python = "package.jobs:path.join"',
        'python = "package.jobs:imported"',
        'python = "package.dynamic:anything"',
        'python = "package:inner"',
        'python = "json:dumps"',
        'python = "sys:exit"',
        'python = "found_there:f"\nenv = { PYTHONPATH = "HOME/elsewhere" }',
        'python = "found_there:f"\ncwd = "HOME/elsewhere"',
        'python = "found_there:f"\nenv_file = "HOME/file.env"',
        'command = "cd $DIR && ./x"',
        'command = "cd /nope || exit 0; ./x"',
        'command = "cd relative && ./x"',
        'command = "cd && ./x"',
        'command = "true"\non = "coffee_ready"\nwhere = { cups = 2 }',
        'command = "true"\non_interrupted = "test -e done"',
        'command = "true"\non = "job_failed"\nwhere = { status = "timed_out" }',
        'command = "true"\non = "job_failed"\nwhere = { job = "a", exit_code = 3 }',
    ],
)
def test_what_the_shell_or_the_user_defines_is_no_doubt(home, monkeypatch, text):
    monkeypatch.setenv("HOME", str(home))
    assert warnings(home, f"[jobs.a]\n{text.replace('HOME', str(home))}\n") == []


def test_no_code_of_the_user_runs(home):
    warnings(home, '[jobs.a]\npython = "package.jobs:gone"\n')
    warnings(home, '[jobs.a]\npython = "package:gone"\n')

    assert not (home / "imported").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('cron = "7 3 * * *"\ngrace = "1m"', "grace: 1m is too short for ticks every 5m: the slot of "),
        ('cron = "7 3 * * *"\ngrace = "2m"', "or run `scheduled install --every 2`"),
        ('cron = "7 3 * * *"\ngrace = "2m"', "write at least 5m"),
        ('cron = "7 3 * * *"\ngrace = "30s"', "grace: 30s is too short"),
        ('cron = "0 3 * * *"\njitter = "9m"\ngrace = "1s"', "grace: 1s is too short"),
        ('cron = "0 * * * *"\nnot_between = ["00:00", "23:59"]', "not_between: these quiet hours cover every tick (ticks come every 5m)"),
        ('not_between = ["08:02", "08:01"]', "not_between: these quiet hours cover every tick"),
    ],
)  # fmt: skip
def test_slots_that_no_tick_starts_are_a_doubt(home, text, expected):
    [found] = warnings(home, f'timezone = "UTC"\n[jobs.a]\ncommand = "true"\n{text}\n')

    assert found.startswith("a: ") and expected in found


@pytest.mark.parametrize(
    "text",
    [
        'cron = "0 3 * * *"\ngrace = "1m"',
        'cron = "7 3 * * *"\ngrace = "5m"',
        'cron = "* * * * *"\ngrace = "1m"',  # install starts ticks every minute
        'cron = "0 * * * *"\nnot_between = ["00:00", "23:55"]',
        'cron = "0 * * * *"\nnot_between = ["08:01", "08:00"]',
        'cron = "0 * * * *"\nnot_between = ["08:00", "07:00"]\ngrace = "1m"',
    ],
)
def test_slots_that_a_tick_starts_in_time_are_no_doubt(home, text):
    assert warnings(home, f'timezone = "UTC"\n[jobs.a]\ncommand = "true"\n{text}\n') == []


@pytest.mark.timeout(20)  # a read of a FIFO or of /dev/zero has no end
@pytest.mark.parametrize("name", SPECIAL.values(), ids=SPECIAL)
@pytest.mark.parametrize("key", ["env_file", "python"])
def test_what_is_no_regular_file_is_named_and_not_read(home, monkeypatch, key, name):
    monkeypatch.setenv("HOME", str(home))
    place = name.replace("HOME", str(home))
    action = 'command = "true"\n' if key == "env_file" else ""

    found = warnings(home, f'[jobs.a]\n{action}{key} = "{place}"\n')

    assert found == [f"a: {key}: {place} is not a regular file; write the path of one"]


@pytest.mark.parametrize("key", ["env_file", "python"])
def test_a_file_of_a_gigabyte_is_named_and_not_read(home, monkeypatch, key):
    monkeypatch.setenv("HOME", str(home))
    action = 'command = "true"\n' if key == "env_file" else ""

    (found,) = warnings(home, f'[jobs.a]\n{action}{key} = "~/large"\n')

    assert found.startswith(f"a: {key}: ~/large is larger than ")


def test_a_directory_that_python_executes_is_no_doubt(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home))
    (home / "package/__main__.py").touch()

    assert warnings(home, '[jobs.a]\npython = "~/package"\n') == []


def test_a_module_of_a_gigabyte_is_named_and_not_read(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home))
    with (home / "huge.py").open("wb") as file:
        file.truncate(1 << 30)

    (found,) = warnings(home, '[jobs.a]\npython = "huge:f"\n')

    assert found.startswith(f"a: python: {home}/huge.py: too large: ")


def test_a_home_of_no_user_in_the_path_of_variables_is_a_doubt(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home))

    (found,) = warnings(home, '[jobs.a]\ncommand = "true"\nenv_file = "~no-such-user/x"\n')

    assert found.startswith("a: env_file: ~no-such-user/x does not exist")
