"""How a copy was installed, and what it says once its Python or its libraries are gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scheduled import installation
from tests.fixtures.world import ENTRY

AGAIN = "install it again in the way you did, then run `scheduled install`"
NOW = f"3.{sys.version_info.minor}"


def package(environment):
    place = environment / "lib/python3.11/site-packages/scheduled"
    place.mkdir(parents=True)
    return place


@pytest.mark.parametrize(
    ("environment", "advice"),
    [
        (".local/share/pipx/venvs/scheduled-x", "run `pipx reinstall scheduled-x`, then `scheduled install`"),
        (".local/pipx/venvs/scheduled", "run `pipx reinstall scheduled`, then `scheduled install`"),
        (
            ".local/share/uv/tools/scheduled",
            "run `uv tool upgrade --reinstall scheduled`, then `scheduled install`",
        ),
        ("venv", AGAIN),
    ],
)
def test_it_is_installed_again_in_the_way_it_was(tmp_path, environment, advice):
    assert installation.again(package(tmp_path / environment)) == advice


def test_what_install_sh_made_is_made_again_by_the_same_checkout(tmp_path):
    place = package(tmp_path / "venv")
    (tmp_path / "venv/installed-by").write_text("'/home/a b/checkout/install/install.sh' --no-cron\n")

    assert installation.again(place) == "run '/home/a b/checkout/install/install.sh' --no-cron"


@pytest.fixture
def moved(tmp_path):
    """Return a function that gives a copy of the program in the site-packages of a Python of that name."""

    def make(name):
        place = tmp_path / "lib" / name / "site-packages"
        place.mkdir(parents=True)
        (place / "scheduled").symlink_to(ENTRY.parent)
        return place / "scheduled" / "__main__.py"

    return make


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", ["run", "status", "--help"])
@pytest.mark.parametrize("options", [["-I", "-S"], ["-I"]], ids=" ".join)
def test_under_another_python_every_verb_says_in_one_line_what_to_do(world, moved, verb, options):
    world.configure("")
    assert run(sys.executable, "-I", "-S", ENTRY, *world.command("run")[2:]).returncode == 0
    assert run(sys.executable, "-I", "-S", ENTRY, *world.command("run")[2:]).returncode == 0  # an idle one

    done = run(sys.executable, *options, moved("python3.10"), *world.command(verb)[2:])

    said = f"scheduled: was installed for Python 3.10, and this is Python {NOW} (was the system upgraded?); "
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"{said}{AGAIN}\n",
    )


@pytest.mark.parametrize("name", [f"python{NOW}", "python3", "python3.10-apps", "python3.x"])
def test_under_the_same_python_it_runs(world, moved, name):
    world.configure("")

    assert run(sys.executable, "-I", "-S", moved(name), *world.command("run")[2:]).returncode == 0


def test_a_checkout_in_a_directory_that_is_called_as_another_python_runs(world, tmp_path):
    (tmp_path / "python3.10").mkdir()
    (tmp_path / "python3.10/checkout").symlink_to(ENTRY.parents[1])
    world.configure("")

    done = run(
        sys.executable,
        "-I",
        tmp_path / "python3.10/checkout/scheduled/__main__.py",
        *world.command("run")[2:],
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_packages_of_a_python_without_a_global_lock_are_of_another_python(world, moved):
    world.configure("")

    done = run(sys.executable, "-I", "-S", moved(f"python{NOW}t"), *world.command("run")[2:])

    assert (done.returncode, f"was installed for Python {NOW}t" in done.stderr) == (1, True)


def test_a_library_that_is_missing_is_named(world, tmp_path):
    world.configure("")
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare")

    done = run(tmp_path / "bare/bin/python", "-I", ENTRY, *world.command("status")[2:])

    said = f"scheduled: its library click is missing; {AGAIN}\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_the_libraries_it_needs_are_those_of_the_package():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    needed = {name.partition(">")[0].replace("python-", "") for name in project["dependencies"]}

    assert needed - {"tzdata; sys_platform != 'linux'"} == installation.NEEDED


def test_nothing_else_of_the_environment_is_needed_to_say_it():
    code = "import sys; before = {*sys.modules}; from scheduled import installation; print({*sys.modules} - before)"
    done = run(
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {os.fspath(ENTRY.parents[1])!r}); {code}",
    )

    assert (done.returncode, "msgspec" in done.stdout) == (0, False)
