"""`check` warns of jobs that are valid and will probably not do what is meant."""

import pytest

from scheduled.config.check import check


@pytest.fixture
def home(tmp_path):
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin/backup.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    (tmp_path / "plain.sh").touch()
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
def test_a_doubt_names_its_key_and_the_next_step(home, text, expected):
    found = warnings(home, f"[jobs.a]\n{text}\n")

    assert [warning.startswith(f"a: {expected}") for warning in found] == [True] * (expected is not None), (
        found
    )


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
        'python = "package.module:function"',
        'command = "true"\non = "coffee_ready"\nwhere = { cups = 2 }',
        'command = "true"\non_interrupted = "test -e done"',
        'command = "true"\non = "job_failed"\nwhere = { status = "timed_out" }',
        'command = "true"\non = "job_failed"\nwhere = { job = "a", exit_code = 3 }',
    ],
)
def test_what_the_shell_or_the_user_defines_is_no_doubt(home, monkeypatch, text):
    monkeypatch.setenv("HOME", str(home))
    assert warnings(home, f"[jobs.a]\n{text.replace('HOME', str(home))}\n") == []
