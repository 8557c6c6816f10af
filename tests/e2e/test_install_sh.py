"""`install/install.sh` in an empty home directory, from a fresh checkout."""

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scheduled.install.block_lines import BEGIN
from tests.e2e.cron_world import CronWorld, missing

ROOT = Path(__file__).parents[2]
# Each test installs packages with pip, which is slow on a machine under load.
pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("install.sh")]
needs_cron = [pytest.mark.system, pytest.mark.skipif(bool(missing()), reason=missing())]

PYTHON = Path(sys.base_prefix) / "bin" / "python3"
NO_SERVER = "http://127.0.0.1:9/"


class Newcomer:
    """An empty home directory, an empty directory for temporary files and a fresh checkout."""

    def __init__(self, directory):
        self.home, self.temporary, self.stubs = directory / "home", directory / "tmp", directory / "stubs"
        for place in (self.home, self.temporary, self.stubs):
            place.mkdir(parents=True)
        self.checkout = directory / "checkout"
        ignored = shutil.ignore_patterns(
            ".git", ".venv*", ".try", "build", "dist", "*.egg-info", "__pycache__", ".*_cache"
        )
        shutil.copytree(ROOT, self.checkout, symlinks=True, ignore=ignored)
        self.script = self.checkout / "install" / "install.sh"
        self.variables = {"PYTHON": str(PYTHON)}

    def stub(self, name, text):
        """Create a program *name* in the first directory of PATH."""
        path = self.stubs / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run(self, *arguments):
        return self._run([self.script, *arguments])

    def sh(self, line):
        """Run *line* with the shell, as a user would."""
        return self._run(["/bin/sh", "-c", line])

    def _run(self, command):
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        environment = {
            **pip,
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PATH": f"{self.stubs}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            **self.variables,
        }
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )


@pytest.fixture
def newcomer(tmp_path):
    tmp_path.chmod(0o700)
    return Newcomer(tmp_path / "newcomer")


def reports(text):
    return [Path(line.strip()) for line in text.splitlines() if line.endswith((".md", ".html"))]


def test_try_prints_a_report_and_changes_only_the_checkout(newcomer):
    newcomer.stub("crontab", f"touch {newcomer.checkout}/crontab-was-called")
    before = set(os.listdir(newcomer.checkout))

    for _ in "12":
        done = newcomer.run("--try")

        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(path.suffix for path in reports(done.stdout)) == [".html", ".md"]
        assert all(path.is_file() for path in reports(done.stdout))
        assert "hello" in done.stdout

    assert os.listdir(newcomer.home) == []
    assert os.listdir(newcomer.temporary) == []
    assert set(os.listdir(newcomer.checkout)) == before | {".venv", ".try"}


def test_after_an_interrupted_try_another_one_works(newcomer):
    packages = newcomer.checkout / ".venv/lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    subprocess.run([PYTHON, "-m", "venv", newcomer.checkout / ".venv"], check=True)
    shutil.rmtree(packages / "pip/_internal/utils")

    done = newcomer.run("--try")

    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_that_try_suggests_works(newcomer):
    command = newcomer.run("--try").stdout.strip().splitlines()[-1].strip()

    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)

    assert "hello" in done.stdout, done.stderr


def one_line(done, code, *words):
    """Assert that the script ended with *code* and one line that contains *words*."""
    assert done.returncode == code
    [line] = done.stderr.splitlines()
    assert line.startswith("install.sh: ")
    assert [word for word in words if word not in line] == []


def test_without_a_python_the_error_names_the_package(newcomer):
    del newcomer.variables["PYTHON"]
    for name in ("python3", *(f"python3.{minor}" for minor in range(11, 15))):
        newcomer.stub(name, "exit 1")

    one_line(newcomer.run("--try"), 1, "missing: Python 3.11", "apt-get install python3")


def test_without_venv_the_error_names_the_package(newcomer):
    newcomer.variables["PYTHON"] = str(newcomer.stubs / "python3")
    newcomer.stub("python3", f'case "$*" in *ensurepip*) exit 1;; esac; exec {PYTHON} "$@"')

    done = newcomer.run("--try")

    one_line(done, 1, "missing: the venv module", f"python3.{sys.version_info.minor}-venv")


def test_a_missing_network_is_an_error(newcomer):
    newcomer.variables |= {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": NO_SERVER}
    newcomer.variables |= {"PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}

    one_line(newcomer.run("--try"), 1, "missing: a network")


def test_a_missing_compiler_is_an_error_that_names_the_packages(newcomer):
    newcomer.variables |= {"PIP_NO_BINARY": "msgspec", "CC": "no-such-gcc"}
    before = set(os.listdir(newcomer.checkout))

    done = newcomer.run("--try")

    one_line(done, 1, "missing: a C compiler", "apt-get install gcc libc6-dev python3.", "details in")
    log = Path(done.stderr.rpartition("details in ")[2].rstrip("\n"))
    assert "no-such-gcc" in log.read_text()
    assert set(os.listdir(newcomer.checkout)) == before | {".venv", ".try"}


def test_a_package_with_another_hash_is_not_installed(newcomer):
    locked = newcomer.checkout / "install/requirements/base.txt"
    text = locked.read_text()
    at = text.index("tomlkit==")
    locked.write_text(text[:at] + re.sub("sha256:[0-9a-f]{4}", "sha256:0000", text[at:]))

    one_line(newcomer.run("--no-cron"), 1, "its hash differs", "nothing was installed", "details in")

    assert not (newcomer.home / ".local/bin").exists()
    assert not list((newcomer.home / ".local/share/scheduled").glob("venv*"))


def test_a_first_run_that_fails_is_not_called_done(newcomer):
    config = newcomer.home / ".config/scheduled/scheduled.toml"
    config.parent.mkdir(parents=True, mode=0o700)
    config.write_text("[jobs.a]\ncron = 'x'\ncommand = 'true'\n")
    config.chmod(0o600)

    done = newcomer.run("--no-cron")

    assert (done.returncode, "Done" in done.stdout) == (2, False)
    assert f"{config}:2: jobs.a: " in done.stderr
    assert "its first run ended with exit code 2 (see the messages above)" in done.stdout


def test_with_an_open_umask_no_other_user_can_write_what_is_installed(newcomer):
    done = newcomer.sh(f"umask 000; {newcomer.script} --no-cron --with web")

    assert (done.returncode, done.stderr) == (0, "")
    made = [path for path in newcomer.home.rglob("*") if not path.is_symlink()]
    assert len(made) > 1000
    assert [path for path in made if mode(path) & 0o022] == []


def test_without_home_the_script_fails(newcomer):
    newcomer.variables["HOME"] = ""

    one_line(newcomer.run(), 1, "missing: HOME")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bogus"], "unknown argument --bogus"),
        (["--every"], "needs a value"),
        (["--with", "mcp,bogus"], "--with bogus: there is no such extra; write any of web,mcp,dbus,notify"),
        (["--with", "*"], "--with *: there is no such extra"),
        (["--workspace", "/no"], "no such directory"),
    ],
)
def test_an_invalid_argument_is_refused_without_a_change(newcomer, arguments, words):
    one_line(newcomer.run(*arguments), 2, words)

    assert os.listdir(newcomer.home) == []


def test_a_command_of_another_installer_is_not_replaced(newcomer):
    other = newcomer.home / ".local/bin/scheduled"
    other.parent.mkdir(parents=True)
    other.write_text("other")

    one_line(newcomer.run("--no-cron"), 1, "was not written by install.sh")

    assert other.read_text() == "other"


def test_with_no_cron_only_the_crontab_is_left_out(newcomer):
    newcomer.stub("crontab", f"touch {newcomer.home}/crontab-was-called; exit 1")

    done = newcomer.run("--no-cron")

    assert done.returncode == 0, done.stderr
    assert (newcomer.home / ".local/bin/scheduled").exists()
    assert not (newcomer.home / "crontab-was-called").exists()


def test_the_command_in_the_error_about_a_missing_extra_installs_it(newcomer):
    newcomer.run("--no-cron")
    command = [newcomer.home / ".local/bin/scheduled", "web", "--url", "--port", "8000"]
    lacking = newcomer.sh(shlex.join(map(str, command)))

    assert lacking.returncode == 2
    assert "`scheduled web` needs the library starlette (No module named 'starlette'): run " in lacking.stderr
    printed = lacking.stderr.rpartition(": run ")[2]
    assert printed == f"{newcomer.script} --no-cron --with web\n"

    added = newcomer.sh(printed)
    answer = newcomer.sh(shlex.join(map(str, command)))

    assert (added.returncode, added.stderr) == (0, "")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "http://127.0.0.1:8000/?token=" in answer.stdout
    environment = newcomer.home / ".local/share/scheduled/venv"
    assert (environment / "installed-by").read_text() == printed

    upgraded = newcomer.run("--no-cron")

    assert "with web\n" in upgraded.stdout
    assert (environment / "installed-by").read_text() == printed


class Settler(Newcomer):
    """A newcomer in an isolated world with a real crontab; the home directory is that of the world."""

    def __init__(self, directory):
        super().__init__(directory)
        self.world = CronWorld(directory / "world", "UTC")
        self.home = self.world.home

    def run(self, *arguments, script=None, before=""):
        variables = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("PIP_")]
        variables += [f"{name}={value}" for name, value in self.variables.items()]
        shell = f'{before} exec env "$@"'
        return self.world.sh("sh", "-euc", shell, "sh", *variables, script or self.script, *arguments)

    def command(self, *arguments):
        return self.world.sh(self.home / ".local/bin/scheduled", *arguments)


@pytest.fixture
def settler(tmp_path):
    tmp_path.chmod(0o700)
    return Settler(tmp_path / "newcomer")


def age(environment, crontab):
    """Change an environment as if it was installed for Python 3.10 and Python was upgraded later."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (environment / "lib" / name).rename(environment / "lib/python3.10")
    for path in (environment / "bin/scheduled", crontab):
        path.write_text(path.read_text().replace(f"/lib/{name}/", "/lib/python3.10/"))


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


class TestWithCron:
    pytestmark = needs_cron

    def test_it_installs_upgrades_uninstalls_and_purges(self, settler):
        lines = b"# other line\nPATH = /a:/b\n@daily x%y\n"
        settler.world.crontab.write_bytes(lines)
        workspace = settler.checkout / "workspace"
        workspace.mkdir()
        (workspace / "BRANCH_REGISTRY.json").write_text('{"branches": []}')

        first = settler.run()

        config, state = (
            settler.home / ".config/scheduled/scheduled.toml",
            settler.home / ".local/state/scheduled",
        )
        assert first.returncode == 0, first.stderr
        assert "is not on your PATH yet" in first.stdout
        assert (mode(config), mode(state)) == (0o600, 0o700)
        installed = settler.world.crontab.read_bytes()
        assert BEGIN in installed
        environment = (settler.home / ".local/share/scheduled/venv").resolve()
        assert str(environment / "bin/python").encode() in installed

        second = settler.run()

        assert second.returncode == 0, second.stderr
        newer = (settler.home / ".local/share/scheduled/venv").resolve()
        installed = installed.replace(bytes(environment), bytes(newer))
        assert settler.world.crontab.read_bytes().partition(BEGIN)[2] == installed.partition(BEGIN)[2]

        # The installation does not depend on the checkout.
        settler.checkout.rename(settler.checkout.with_name("moved"))
        assert settler.command("check").returncode == 0
        tick = installed.split(b"@reboot ")[1].split(b"\n")[0].decode()
        assert settler.world.sh("env", "-i", f"HOME={settler.home}", "sh", "-c", tick).returncode == 0

        script = settler.checkout.with_name("moved") / "install" / "install.sh"
        uninstalled = settler.run("--uninstall", script=script)

        assert uninstalled.returncode == 0, uninstalled.stderr
        assert settler.world.crontab.read_bytes().endswith(lines)
        assert BEGIN not in settler.world.crontab.read_bytes()
        assert [config.exists(), state.exists()] == [False, True]
        assert not (settler.home / ".local/share/scheduled").exists()
        assert not os.path.lexists(settler.home / ".local/bin/scheduled")

        assert settler.run("--purge", script=script).returncode == 0
        assert not state.exists()

    def test_after_an_upgrade_of_python_each_command_prints_the_repair_and_the_repair_works(self, settler):
        settler.run()
        environment = (settler.home / ".local/share/scheduled/venv").resolve()
        age(environment, settler.world.crontab)
        tick = settler.world.crontab.read_bytes().split(b"@reboot ")[1].split(b"\n")[0].decode()

        problem = f"scheduled: was installed for Python 3.10, but this is Python 3.{sys.version_info.minor}"
        advice = f"(was the system upgraded?); run {settler.script}\n"
        for _ in ("when something is due", "when nothing is"):
            done = settler.world.sh("env", "-i", f"HOME={settler.home}", "sh", "-c", tick)
            assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{problem} {advice}")
        done = settler.command("status")
        assert (done.returncode, done.stderr) == (1, f"{problem} {advice}")

        assert settler.run().returncode == 0

        tick = settler.world.crontab.read_bytes().split(b"@reboot ")[1].split(b"\n")[0].decode()
        assert settler.world.sh("env", "-i", f"HOME={settler.home}", "sh", "-c", tick).returncode == 0
        assert settler.command("status").returncode == 0

        (environment.parent / "venv/bin/python").unlink()
        done = settler.command("status")
        problem = "scheduled: the Python that it was installed for is gone"
        assert (done.returncode, done.stderr) == (1, f"{problem} {advice}")

    def test_an_environment_of_an_earlier_version_is_replaced_and_extras_are_kept(self, settler):
        settler.run("--no-cron")
        data = settler.home / ".local/share/scheduled"
        made = (data / "venv").resolve()
        (data / "venv").unlink()
        made.rename(data / "venv")
        [packages] = (data / "venv").glob("lib/python3*/site-packages")
        (packages / "dbus_fast").mkdir()
        (packages / "my_handlers-1.dist-info").mkdir()
        metadata = "Metadata-Version: 2.1\nName: my-handlers\nVersion: 1\n"
        (packages / "my_handlers-1.dist-info/METADATA").write_text(metadata)

        done = settler.run("--no-cron")

        assert (done.returncode, done.stderr) == (0, "")
        assert "with dbus\n" in done.stdout
        assert "not in the new environment, but in the former one: my-handlers;" in done.stdout
        [packages] = (data / "venv").glob("lib/python3*/site-packages")
        assert ((data / "venv").is_symlink(), (packages / "dbus_fast/__init__.py").exists()) == (True, True)
        assert settler.command("status").returncode == 0

    def test_an_environment_that_is_in_use_is_kept(self, settler):
        settler.run()
        first = (settler.home / ".local/share/scheduled/venv").resolve()
        web = subprocess.Popen([first / "bin/python", "-c", "input()"], stdin=subprocess.PIPE)
        settler.run()
        settler.run()
        kept = first.exists()
        web.communicate(b"\n")
        settler.run()

        assert (kept, first.exists()) == (True, False)

    def test_a_failed_installation_does_not_change_the_previous_one(self, settler):
        settler.run()
        before = settler.world.crontab.read_bytes()
        places = set(os.listdir(settler.home / ".local/share/scheduled"))
        settler.variables |= {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": NO_SERVER}
        settler.variables |= {"PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}

        assert "missing: a network" in settler.run().stderr

        assert set(os.listdir(settler.home / ".local/share/scheduled")) == places | {"install.log"}
        assert settler.world.crontab.read_bytes() == before
        assert settler.command("status").returncode == 0

    def test_the_home_of_another_user_is_refused_without_a_change(self, settler):
        os.chown(settler.home, 4711, 4711)

        done = settler.run()

        one_line(done, 1, str(settler.home), "run it as", "without sudo")
        assert os.listdir(settler.home) == []
        assert not settler.world.crontab.exists()
        one_line(settler.run("--uninstall"), 1, str(settler.home))
        os.chown(settler.home, 0, 0)

    def test_with_sudo_it_prints_for_which_user_it_installs(self, settler):
        settler.variables |= {"SUDO_USER": "alice"}

        done = settler.run("--no-cron")

        assert done.stdout.startswith("Installing for root, in ")
        assert "(to install for alice, run it without sudo)" in done.stdout

    @pytest.mark.parametrize("umask", ["000", "077"])
    def test_an_installation_works_with_any_umask(self, settler, umask):
        done = settler.run(before=f"umask {umask};")

        assert done.returncode == 0, done.stderr
        tick = settler.world.crontab.read_bytes().split(b"@reboot ")[1].split(b"\n")[0].decode()
        ticked = settler.world.sh("env", "-i", f"HOME={settler.home}", "sh", "-c", tick)
        assert (ticked.returncode, ticked.stderr) == (0, "")
        made = [
            ".local",
            ".local/share",
            ".local/state",
            ".local/state/scheduled",
            ".config",
            ".config/scheduled",
        ]
        assert {name: oct(mode(settler.home / name)) for name in made} == dict.fromkeys(made, "0o700")

    def test_with_a_workspace_its_jobs_are_configured(self, settler):
        done = settler.run("--workspace", settler.checkout, "--every", "10", "--no-cron")

        config = settler.home / ".config/scheduled/scheduled.toml"
        assert f'\nworkspace = "{settler.checkout}"\n' in config.read_text()
        assert "wrote" in done.stdout
        assert "daily_report" in settler.command("status").stdout

    def test_purge_keeps_an_edited_configuration(self, settler):
        settler.run("--no-cron")
        config = settler.home / ".config/scheduled/scheduled.toml"
        config.write_text(config.read_text() + "\n# edited\n")

        done = settler.run("--purge")

        assert done.returncode == 0, done.stderr
        assert config.read_text().endswith("# edited\n")

    def test_purge_refuses_a_state_directory_from_the_environment(self, settler):
        settler.variables["SCHEDULED_STATE"] = str(settler.home)

        done = settler.run("--purge")

        assert done.returncode == 1
        assert settler.home.exists()

    def test_without_cron_the_error_names_the_package(self, settler):
        no_crontab = f'mount --bind "{settler.script.parent}/starter.toml" "$(command -v crontab)";'

        one_line(settler.run(before=no_crontab), 1, "missing: cron", "apt-get install cron")

        assert not (settler.home / ".local").exists()
