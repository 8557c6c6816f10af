"""`check` and the server refuse the same entries of `[web] hosts`, with file, line and key."""

import pytest

from scheduled.config.check import check, with_lines
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.interfaces.web import server

WRONG = [
    "*",
    "",
    "http://",
    "ftp://x",
    "x:99999",
    "x:0",
    "x:",
    "https://jobs.example.org/path",
    "a b",
    "user@x",
]
RIGHT = ["box.lan", "https://jobs.example.org", "HTTP://Jobs.Example.org:8080/", "[::1]:80", "10.0.0.1:65535"]


@pytest.fixture
def instance(tmp_path):
    return Instance(str(tmp_path / "scheduled.toml"), str(tmp_path / "state"))


def write(instance, hosts):
    instance.config_file.write_text(f"[web]\nallow_edit = false\nhosts = {hosts!r}\n".replace("'", '"'))
    instance.config_file.chmod(0o600)


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_address_is_refused_by_check_and_by_the_server(instance, text):
    write(instance, ["box.lan", text])
    expected = (
        f"{instance.config_file}:3: web.hosts: {text!r} is not the address of a host; write for example"
    )

    found = with_lines(check(instance.config_file))
    with pytest.raises(ConfigError) as refused:
        server._names(instance)

    assert not found["ok"]
    assert [problem.startswith(expected) for problem in found["problems"]] == [True]
    assert str(refused.value) == found["problems"][0]


def test_an_address_is_accepted_by_check_and_by_the_server(instance):
    write(instance, RIGHT)

    assert check(instance.config_file)["ok"]
    assert server._names(instance) == tuple(RIGHT)
