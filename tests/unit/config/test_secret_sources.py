"""`secrets` of a job table, and the warnings about them."""

from pathlib import Path

import pytest

from scheduled.config.check import check
from scheduled.config.job_table import parse_job
from scheduled.core.secret_sources import Source, read_source
from scheduled.errors import ConfigError


def job(defaults=None, **table):
    given = {"command": "true", **table}
    return parse_job("x", given, source=Path("/x.toml"), defaults=defaults or {}, timezone="UTC")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("file:~/a b", Source("file", "~/a b")), ("command:pass show a:b", Source("command", "pass show a:b")),
        ("credential:x", Source("credential", "x")), ("credential:../x", None), ("credential:a/b", None), ("credential:..", None),
        ("file:", None), ("command:  ", None), ("File:/a", None), ("hunter2", None), ("", None), ("vault:x", None),
    ],
)  # fmt: skip
def test_a_source_is_a_file_a_command_or_a_credential(written, expected):
    assert read_source(written) == expected


def test_secrets_of_a_job_are_merged_with_those_of_all_jobs():
    defaults = {"secrets": {"A": "file:/a", "B": "file:/b"}}

    assert job(defaults, secrets={"B": "command:b"}).secrets == {"A": "file:/a", "B": "command:b"}


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        ({"A": "hunter2"}, 'secrets.A: must be where the secret comes from: "file:PATH", '),
        ({"A B": "file:/a"}, "secrets: 'A B' is not a valid variable; "),
        ({"": "file:/a"}, "secrets: '' is not a valid variable; "),
        ({"SCHEDULED_JOB": "file:/a"}, "secrets.SCHEDULED_JOB: `scheduled` sets variables with such names itself; "),
        ({"A": 5}, "secrets.A: must be a string, got an integer"),
        ("file:/a", "secrets: must be a table, got a string"),
        ({"A": "file:/a\0"}, "secrets.A: contains a NUL character"),
    ],
)  # fmt: skip
def test_a_wrong_secret_is_refused_with_its_key_and_without_its_value(secrets, message):
    with pytest.raises(ConfigError) as caught:
        job(secrets=secrets)

    assert str(caught.value).startswith(message) and "hunter2" not in str(caught.value)


@pytest.fixture
def warnings(tmp_path):
    (tmp_path / "good").write_text("a-token")
    (tmp_path / "read").write_text("a-token")
    (tmp_path / "open").write_text("a-token")
    (tmp_path / "short").write_text("abc")
    for name, mode in (("good", 0o600), ("read", 0o604), ("open", 0o606), ("short", 0o600)):
        (tmp_path / name).chmod(mode)

    def found(table):
        path = tmp_path / "scheduled.toml"
        path.write_text(table.replace("ROOT", str(tmp_path)))
        path.chmod(0o600)
        document = check(path, environment={"HOME": str(tmp_path)})
        assert document["ok"], document
        return [
            text.removeprefix(f"{path}: jobs.").replace(str(tmp_path), "ROOT")
            for text in document["warnings"]
        ]

    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("file:ROOT/good", ""), ("file:good", ""), ("command:true", ""),
        ("file:ROOT/none", "file: ROOT/none does not exist; create it, or correct the path"),
        ("file:ROOT/read", "file: ROOT/read can be read by other users; run `chmod 600 ROOT/read`"),
        ("file:ROOT/open", "file: ROOT/open: is writable by all users; chmod o-w ROOT/open; until then its runs fail"),
        ("file:ROOT/short", "file: ROOT/short has fewer than 4 bytes, which can't be masked, so its runs fail; "),
        ("file:ROOT", "file: ROOT is not a regular file; "),
        ("command:/nowhere/pass show x", "command: /nowhere/pass does not exist; "),
        ("credential:x", "credential: a tick that cron starts has no CREDENTIALS_DIRECTORY, so its runs fail; "),
    ],
)  # fmt: skip
def test_check_warns_of_a_source_that_gives_no_secret(warnings, source, expected):
    found = warnings(f'[jobs.x]\ncommand = "true"\nsecrets = {{ A = "{source}" }}\n')

    assert len(found) == bool(expected)
    assert all(text.startswith(f"x: secrets.A: {expected}") for text in found)


def test_check_warns_of_secrets_without_effect(warnings):
    shared = '[defaults]\nenv = { A = "x" }\nsecrets = { A = "file:good", B = "file:good" }\n'
    chain = '[jobs.c]\nchain = ["x"]\nsecrets = { C = "file:good" }\n[jobs.d]\nchain = ["x"]\n'
    job = '[jobs.x]\ncommand = "true"\nenv = { B = "x", C = "y" }\nsecrets = { C = "file:good" }\n'

    assert warnings(shared + chain + job) == [
        "c: secrets: a chain starts no process, so they have no effect; write them in its steps",
        "x: secrets.C: env has this variable too, which has no effect; remove one of them",
    ]
