"""If the Python or the libraries of a copy are gone, it prints one line with the command that repairs it."""

import os
import subprocess
import sys

import pytest

from tests.fixtures.world import ENTRY

AGAIN = "reinstall it in the way you installed it, then run `scheduled install`"


NOW = f"3.{sys.version_info.minor}"


@pytest.fixture
def moved(tmp_path):
    """Return a function that creates a copy of the program in the site-packages of the Python of a given name."""

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
def test_under_another_python_every_verb_prints_one_line_with_the_advice(world, moved, verb, options):
    world.configure("")
    assert run(sys.executable, "-I", "-S", ENTRY, *world.command("run")[2:]).returncode == 0
    assert run(sys.executable, "-I", "-S", ENTRY, *world.command("run")[2:]).returncode == 0  # an idle one

    done = run(sys.executable, *options, moved("python3.10"), *world.command(verb)[2:])

    error = f"scheduled: was installed for Python 3.10, but this is Python {NOW} (was the system upgraded?); "
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"{error}{AGAIN}\n",
    )


@pytest.mark.parametrize("name", [f"python{NOW}", "python3", "python3.10-apps", "python3.x"])
def test_under_the_same_python_it_runs(world, moved, name):
    world.configure("")

    assert run(sys.executable, "-I", "-S", moved(name), *world.command("run")[2:]).returncode == 0


def test_a_checkout_in_a_directory_named_like_another_python_runs(world, tmp_path):
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


def test_the_packages_of_a_free_threaded_python_are_those_of_another_python(world, moved):
    world.configure("")

    done = run(sys.executable, "-I", "-S", moved(f"python{NOW}t"), *world.command("run")[2:])

    assert (done.returncode, f"was installed for Python {NOW}t" in done.stderr) == (1, True)


def test_a_missing_library_is_named(world, tmp_path):
    world.configure("")
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare")

    done = run(tmp_path / "bare/bin/python", "-I", ENTRY, *world.command("status")[2:])

    error = f"scheduled: the required library click is missing; {AGAIN}\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", error)


def test_the_module_needs_no_library():
    code = "import sys; before = {*sys.modules}; from scheduled import installation; print({*sys.modules} - before)"
    done = run(
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {os.fspath(ENTRY.parents[1])!r}); {code}",
    )

    assert (done.returncode, "msgspec" in done.stdout) == (0, False)
