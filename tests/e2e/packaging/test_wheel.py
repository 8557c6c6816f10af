"""The wheel contains the whole source tree and puts only `scheduled/` into site-packages."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("wheel")]

ROOT = Path(__file__).parents[3]
# Each directory of the source tree, and its path in the import package.
PLACES = {
    "scheduled": "scheduled",
    "handlers": "scheduled/handlers",
    "state": "scheduled/state",
    "install": "scheduled/install",
}
KINDS = {".py", ".sql", ".html", ".toml", ".sh", ".typed", ".css", ".js", ".svg", ".txt"}


def source_files():
    """Return the path in the wheel of each file of the source tree."""
    return {
        f"{place}/{file.relative_to(ROOT / directory)}"
        for directory, place in PLACES.items()
        for file in walk(ROOT / directory)
        if file.suffix in KINDS
        and file.parent.name != "requirements"  # of install.sh, which needs the checkout
    }


def walk(directory):
    """Return the files under *directory* without following the links in scheduled/."""
    return (
        Path(here) / name
        for here, _, names in os.walk(directory)
        for name in names
        if "__pycache__" not in here
    )


def environment():
    """Return the environment of the tests without the variables that change where Python finds packages."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The directory of an sdist and of a wheel that is built from that sdist."""
    where = tmp_path_factory.mktemp("built")
    # A build writes into its source tree, so it gets a copy.
    copy = where / "copy"
    ignored = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, copy, symlinks=True, ignore=ignored)
    run(sys.executable, "-m", "build", "--outdir", str(where / "dist"), str(copy))
    return where / "dist"


@pytest.fixture(scope="module")
def wheel(built):
    [path] = built.glob("*.whl")
    return path


def test_the_wheel_contains_exactly_the_source_tree(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    [page] = [name for name in names if name.endswith(".data/data/share/man/man1/scheduled.1")]

    assert names - {page} == source_files()


def test_the_wheel_has_the_name_of_the_distribution(wheel):
    assert wheel.name.startswith("scheduled_cron-")


def test_it_puts_only_scheduled_into_site_packages(wheel):
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {"scheduled"}


def test_the_sdist_and_the_wheel_contain_the_licence(built, wheel):
    [sdist] = built.glob("*.tar.gz")

    with tarfile.open(sdist) as archive, zipfile.ZipFile(wheel) as files:
        assert any(name.endswith("/LICENSE") for name in archive.getnames())
        assert any(name.endswith("/LICENSE") for name in files.namelist())


def test_an_installed_wheel_runs_without_the_sources(wheel, tmp_path):
    run(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    run(str(tmp_path / "venv/bin/python"), "-m", "pip", "install", "--quiet", str(wheel))

    assert "Usage:" in run(str(tmp_path / "venv/bin/scheduled"), "--help", cwd=tmp_path)
    assert (tmp_path / "venv/share/man/man1/scheduled.1").exists()
    assert "Usage:" in run(str(tmp_path / "venv/bin/python"), "-m", "scheduled", "--help", cwd=tmp_path)
    [main] = tmp_path.glob("venv/lib/*/site-packages/scheduled/__main__.py")
    assert "Usage:" in run(str(tmp_path / "venv/bin/python"), "-I", "-S", str(main), "--help", cwd=tmp_path)
