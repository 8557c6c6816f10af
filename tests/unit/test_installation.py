"""How a copy was installed, how an extra is added, and the error if its Python or a library is missing."""

import importlib.util
import json
import re
import shlex
import site
import sys
from pathlib import Path

import pytest

from scheduled import installation
from scheduled.install import extras

ROOT = Path(__file__).parents[2]
AGAIN = "reinstall it in the way you installed it, then run `scheduled install`"


def package(environment):
    place = environment / "lib/python3.11/site-packages/scheduled"
    place.mkdir(parents=True)
    return place


@pytest.mark.parametrize(
    ("environment", "advice"),
    [
        (
            ".local/share/pipx/venvs/scheduled-cron-x",
            "run `pipx reinstall scheduled-cron-x`, then `scheduled install`",
        ),
        (".local/pipx/venvs/scheduled-cron", "run `pipx reinstall scheduled-cron`, then `scheduled install`"),
        (
            ".local/share/uv/tools/scheduled-cron",
            "run `uv tool upgrade --reinstall scheduled-cron`, then `scheduled install`",
        ),
        ("venv", AGAIN),
    ],
)
def test_the_advice_reinstalls_it_in_the_way_it_was_installed(tmp_path, environment, advice):
    assert installation.again(package(tmp_path / environment)) == advice


def test_a_copy_of_install_sh_is_reinstalled_from_the_same_checkout(tmp_path):
    place = package(tmp_path / "venv")
    (tmp_path / "venv/installed-by").write_text("'/home/a b/checkout/install/install.sh' --no-cron\n")

    assert installation.again(place) == "run '/home/a b/checkout/install/install.sh' --no-cron"


def came_from(place, source):
    """Record the origin of the copy in *place* as installers do."""
    noted = place.parent / "scheduled_cron-1.dist-info"
    noted.mkdir()
    if source is not None:
        (noted / "direct_url.json").write_text(json.dumps(source))


class TestAnExtra:
    """The command that adds an extra, in the way the copy was installed."""

    @pytest.mark.parametrize(
        ("recorded", "command"),
        [
            ("'/a b/install.sh'", "'/a b/install.sh' --with mcp,web"),
            ("/c/install.sh --no-cron", "/c/install.sh --no-cron --with mcp,web"),
            ("/c/install.sh --no-cron --with dbus,mcp", "/c/install.sh --no-cron --with mcp,web"),
            ("/c/install.sh --with mcp --try", "/c/install.sh --try --with mcp,web"),
        ],
    )
    def test_install_sh_is_called_with_its_former_arguments_and_the_extra(self, tmp_path, recorded, command):
        place = package(tmp_path / "venv")
        (tmp_path / "venv/installed-by").write_text(f"{recorded}\n")

        assert installation.with_extra(place, "web", present={"mcp"}) == command

    def test_pipx_keeps_the_extras_that_are_there(self, tmp_path):
        place = package(tmp_path / "pipx/venvs/scheduled-cron")

        command = installation.with_extra(place, "web", present={"mcp", "dbus"})

        assert command == "pipx install --force 'scheduled-cron[dbus,mcp,web]'"

    def test_pipx_keeps_the_suffix_and_the_arguments_of_pip(self, tmp_path):
        place = package(tmp_path / "anywhere/scheduled-cron-x")
        record = {"main_package": {"suffix": "_x", "pip_args": ["--editable", "--index-url=https://a/b c"]}}
        (place.parents[3] / "pipx_metadata.json").write_text(json.dumps(record))

        assert shlex.split(installation.with_extra(place, "web")) == [
            *("pipx", "install", "--force", "--suffix=_x", "--pip-args='--index-url=https://a/b c'"),
            "scheduled-cron[web]",
        ]

    def test_uv_keeps_its_python_and_the_other_packages(self, tmp_path):
        place = package(tmp_path / "uv/tools/scheduled-cron")
        (place.parents[3] / "uv-receipt.toml").write_text("""
[tool]
requirements = [
    { name = "scheduled-cron", extras = ["mcp"] },
    { name = "mine", extras = ["a", "b"], specifier = ">=1" },
    { name = "near", directory = "/home/a b/near" },
    { name = "wheel", extras = ["c"], path = "/w.whl" },
    { name = "edited", editable = "/home/edited" },
    { name = "far", url = "https://a/far.whl" },
    { name = "farther", git = "https://a/b?subdirectory=c&rev=main" },
]
python = "3.12"
""")

        assert shlex.split(installation.with_extra(place, "web", present={"mcp"})) == [
            *("uv", "tool", "install", "--force", "--python", "3.12"),
            *("--with", "mine[a,b]>=1", "--with", "/home/a b/near", "--with", "/w.whl[c]"),
            *("--with-editable", "/home/edited", "--with", "far @ https://a/far.whl"),
            *("--with", "farther @ git+https://a/b@main#subdirectory=c"),
            "scheduled-cron[mcp,web]",
        ]

    def test_without_a_receipt_uv_installs_the_program_alone(self, tmp_path):
        place = package(tmp_path / "uv/tools/scheduled-cron")

        assert installation.with_extra(place, "web") == "uv tool install --force 'scheduled-cron[web]'"

    @pytest.mark.parametrize(
        ("source", "requirement"),
        [
            (None, "scheduled-cron[web]"),
            ({"url": "https://a/s.whl", "archive_info": {}}, "scheduled-cron[web] @ https://a/s.whl"),
            (
                {"url": "https://a/b", "vcs_info": {"vcs": "git", "commit_id": "0"}, "subdirectory": "c"},
                "scheduled-cron[web] @ git+https://a/b#subdirectory=c",
            ),
            (
                {
                    "url": "file:///b",
                    "vcs_info": {"vcs": "git", "commit_id": "0", "requested_revision": "v1"},
                },
                "scheduled-cron[web] @ git+file:///b@v1",
            ),
        ],
    )
    def test_the_requirement_has_the_origin_of_the_program(self, tmp_path, monkeypatch, source, requirement):
        place = package(tmp_path / "venv")
        came_from(place, source)
        monkeypatch.setattr(sys, "executable", "/venv/bin/python")

        words = shlex.split(installation.with_extra(place, "web", present={"mcp"}))

        assert words == ["/venv/bin/python", "-m", "pip", "install", requirement]

    @pytest.mark.parametrize("environment", ["venv", "pipx/venvs/scheduled-cron", "uv/tools/scheduled-cron"])
    def test_a_local_copy_is_not_replaced_by_one_from_the_package_index(self, tmp_path, environment):
        place = package(tmp_path / environment)
        wheel = tmp_path / "ä b.whl"
        wheel.touch()
        came_from(place, {"url": wheel.as_uri(), "archive_info": {}})

        assert shlex.split(installation.with_extra(place, "web"))[-1] == f"{wheel}[web]"

    def test_a_local_copy_with_a_missing_origin_has_a_remark(self, tmp_path):
        place = package(tmp_path / "uv/tools/scheduled-cron")
        came_from(place, {"url": "file:///no/such", "dir_info": {}})

        command = "uv tool install --force '/no/such[web]' (first restore /no/such, which no longer exists)"
        assert installation.with_extra(place, "web") == command

    def test_a_checkout_is_installed_editable(self, tmp_path, monkeypatch):
        (tmp_path / "check out").mkdir()
        (tmp_path / "check out/pyproject.toml").touch()
        monkeypatch.setattr(sys, "executable", "/venv/bin/python")

        command = installation.with_extra(tmp_path / "check out/scheduled", "web")

        assert command == f"/venv/bin/python -m pip install --editable '{tmp_path}/check out[web]'"

    def test_an_editable_copy_of_uv_stays_editable(self, tmp_path, monkeypatch):
        environment = tmp_path / "uv/tools/scheduled-cron"
        (tmp_path / "checkout").mkdir()
        (tmp_path / "checkout/pyproject.toml").touch()
        monkeypatch.setattr(sys, "prefix", str(environment))

        command = installation.with_extra(tmp_path / "checkout/scheduled", "web")

        assert command == f"uv tool install --force --editable '{tmp_path}/checkout[web]'"

    def test_without_pip_the_command_is_one_of_uv(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "executable", "/venv/bin/python")
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

        command = installation.with_extra(package(tmp_path / "venv"), "web")

        assert command == "uv pip install --python /venv/bin/python 'scheduled-cron[web]'"

    def test_a_copy_in_the_site_packages_of_the_user_stays_there(self, tmp_path, monkeypatch):
        place = package(tmp_path / "home")
        monkeypatch.setattr(site, "getusersitepackages", lambda: str(place.parent))

        words = shlex.split(installation.with_extra(place, "web"))

        assert words[1:] == ["-m", "pip", "install", "--user", "scheduled-cron[web]"]


def test_the_required_libraries_are_the_dependencies_of_the_package():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {name.partition(">")[0].replace("python-", "") for name in project["dependencies"]}

    assert needed - {"tzdata; sys_platform != 'linux'"} == installation.NEEDED


def test_the_name_and_the_extras_are_those_of_the_package():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["name"] == installation.NAME
    assert {*project["optional-dependencies"]} - {"test", "lint"} == {*extras.LIBRARIES}


def test_no_command_in_the_sources_installs_the_other_program():
    wrong = re.compile(r"(?<!un)install\b[^`\n]*(?<![\w/.-])scheduled(?:\[|==|['\"`]|$)", re.MULTILINE)
    assert wrong.search("pip install 'scheduled[web]'") and wrong.search("`pipx install scheduled`")
    places = [
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "docs", "scheduled", "install", "handlers", "state")
    ]
    files = [
        file
        for place in places
        for file in [place, *place.rglob("*")]
        if file.suffix in {".md", ".py", ".sh", ".1"}
    ]

    assert len(files) > 150
    assert [str(file) for file in files if wrong.search(file.read_text())] == []
