"""A configuration of which only some files are parsed again is the one that all of its files make."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduled.config import check, edit, files, parsed_file
from scheduled.config.changes import digest, summary
from scheduled.config.config import Config
from scheduled.config.files import load_config
from scheduled.errors import ConfigError
from scheduled.paths import Paths
from scheduled.state.open import read_only
from scheduled.state.sqlite.ledger import SqliteLedger, using

MAIN = """
timezone = "Europe/Berlin"
[defaults]
grace = "2h"
[jobs.main]
cron = "0 6 * * *"
command = "true"
start_delay = "1m"
"""
BODIES = (
    'cron = "H 7 * * 1-5"\ncommand = "true"\nretry = {max_attempts = 3, delay = "10m"}',
    'every = "1h"\ncommand = ["ls", "-l"]\ngroup = "g"\nwake = true',
    'every = "1h"\nfrom = "end"\ncommand = "true"\nnotify = ["me"]',
    'at = 2027-01-02T03:04:05\nhandler = "health"\noptions = {depth = 3}',
    'at = 2027-01-02T03:04:05+02:00\ncommand = "nosuchprogram"',
    'every = "1h"\nanchor = 2026-01-02T03:04:05-05:30\nhandler = "unknown"',
    'command = "true"\napprove = true',
    'on = "job_failed"\nwhere = {job = "c"}\ncommand = "true"\nafter = ["a"]',
    'cron = "30 2 * * *"\ntimezone = "Europe/Paris"\nhandler = "unknown"\nafter = ["c"]',
    'chain = ["c"]',
    'on = "go"\ncommand = "true"',
    'cron = "0 5 * * *"\ncommand = "true"\nafter = ["b"]',
    'cron = "0 5 * * *"\nchain = ["a", ["b", "main"]]',
    'for_each = "branches"\ncron = "0 5 * * *"\ncommand = "x {target}"\njitter = "5m"',
)
REFUSED = ("command = 3", 'cron = "61 * * * *"\ncommand = "true"', 'command = "true"\nodd = 1')
FILES = ("a.toml", "b.toml", "c.toml")
DEFINITIONS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "main"]), st.sampled_from((*BODIES, *REFUSED)), max_size=3
)
CONTENTS = st.one_of(
    st.none(), DEFINITIONS.map(lambda jobs: "".join(f"[jobs.{name}]\n{body}\n" for name, body in jobs.items())),
    st.sampled_from(["[jobs", "[settings]\nx = 1\n", "jobs = 3\n"]),
)  # fmt: skip


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "state", tmp_path / "etc" / "scheduled.toml")


def written(paths: Paths, contents: Mapping[str, str | None]) -> None:
    """Write the files of jobs.d that have other contents now."""
    for name, content in contents.items():
        file = paths.config.parent / "jobs.d" / name
        if content is None:
            file.unlink(missing_ok=True)
        elif not file.exists() or file.read_text() != content:
            file.write_text(content)


def empty(paths: Paths) -> None:
    for place in (paths.root, paths.config.parent):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
    (paths.config.parent / "jobs.d").mkdir(mode=0o700)
    paths.config.write_text(MAIN)


def kept(paths: Paths) -> bool:
    config = load_config(paths.config)
    config.read_at += 3600
    parsed_file.keep(paths, config)
    return paths.parsed.exists()


def shown(config: Config) -> tuple[object, ...]:
    fields = [
        getattr(config, name)
        for name in config.__struct_fields__
        if name not in ("written", "read_at", "jobs", "digest", "parsed")
    ]
    jobs, tables = [*config.jobs.items()], [*config.written.jobs.items()]
    return fields, jobs, config.jobs.index, summary(config), digest(config), [name for name, _ in tables]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # `empty` begins each of them
@given(
    st.fixed_dictionaries(dict.fromkeys(FILES, CONTENTS)),
    st.fixed_dictionaries(dict.fromkeys(FILES, CONTENTS)),
    st.booleans(),
)
def test_only_the_changed_files_are_parsed_again_and_nothing_differs(
    paths: Paths, before: Mapping[str, str | None], after: Mapping[str, str | None], drafted: bool
) -> None:
    empty(paths)
    written(paths, before)
    valid = kept(paths)
    jobs_d = paths.config.parent / "jobs.d"
    drafts = (
        {jobs_d / name: None if text is None else text.encode() for name, text in after.items()}
        if drafted
        else {}
    )
    if not drafted:
        written(paths, after)

    found = parsed_file.load(paths, paths.config, drafts=drafts)

    assert shown(found) == shown(load_config(paths.config, drafts))
    assert valid or found.parsed


def test_what_did_not_change_is_not_parsed(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    empty(paths)
    written(paths, {"a.toml": f"[jobs.a]\n{BODIES[0]}\n", "b.toml": f"[jobs.b]\n{BODIES[1]}\n"})
    assert kept(paths)
    written(paths, {"b.toml": f"[jobs.b]\n{BODIES[2]}\n", "c.toml": f"[jobs.c]\n{BODIES[5]}\n"})
    parsed, parse = [], files.parse_job

    def parse_job(name: str, *arguments: object, **options: object) -> object:
        parsed.append(name)
        return parse(name, *arguments, **options)

    monkeypatch.setattr(files, "parse_job", parse_job)
    monkeypatch.setattr(files, "_known", {})

    parsed_file.load(paths, paths.config)

    assert parsed == ["b", "c"]


def test_a_file_of_which_the_name_is_not_text_is_no_error(paths: Paths) -> None:
    empty(paths)
    name = os.fsdecode(b"\xff.toml")
    written(paths, {name: f"[jobs.a]\n{BODIES[0]}\n"})
    kept(paths)
    written(paths, {"b.toml": f"[jobs.b]\n{BODIES[1]}\n"})

    assert list(parsed_file.load(paths, paths.config).jobs) == ["main", "b", "a"]


def test_other_rights_of_the_directory_of_jobs_are_noticed(paths: Paths) -> None:
    empty(paths)
    written(paths, {"a.toml": f"[jobs.a]\n{BODIES[0]}\n"})
    assert kept(paths)
    (paths.config.parent / "jobs.d").chmod(0o777)

    problems = parsed_file.load(paths, paths.config).problems

    assert ["writable by all users" in problem for problem in problems] == [True]


def test_a_draft_of_scheduled_toml_is_parsed_with_all_files(paths: Paths) -> None:
    empty(paths)
    assert kept(paths)

    found = parsed_file.load(paths, paths.config, drafts={paths.config: MAIN.replace("2h", "3h").encode()})

    assert (found.jobs["main"].grace, parsed_file.load(paths, paths.config).jobs["main"].grace) == (
        10800,
        7200,
    )
    with pytest.raises(ConfigError, match="timezone"):
        parsed_file.load(paths, paths.config, drafts={paths.config: b'timezone = "Nowhere"\n'})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries(dict.fromkeys(FILES, CONTENTS)), st.sampled_from(FILES), CONTENTS, st.booleans())
def test_an_edit_of_one_file_adds_the_messages_that_a_check_of_everything_adds(
    paths: Paths, before: Mapping[str, str | None], name: str, content: str | None, known: bool
) -> None:
    empty(paths)
    with using(SqliteLedger(paths.ledger)) as ledger, ledger.transaction():
        if known:
            ledger.remember("cadence", "60")
    written(paths, before)
    kept(paths)
    file = paths.config.parent / "jobs.d" / name
    after = None if content is None else content.encode()

    found = edit.new_messages(paths.config, paths, edit.Edit(file, edit.read(file), after))

    with read_only(paths) as ledger:
        old, new = (check.check(paths.config, drafts, ledger) for drafts in ({}, {file: after}))
    added = {key: [text for text in new[key] if text not in old[key]] for key in ("problems", "warnings")}
    assert found == tuple(check.with_lines(added, {file: after}).values())


def test_a_file_of_which_the_name_is_not_text_and_that_has_no_jobs_is_no_error(paths: Paths) -> None:
    empty(paths)
    written(paths, {os.fsdecode(b"\xff.toml"): "# none\n"})

    assert not kept(paths)
    assert list(parsed_file.load(paths, paths.config).jobs) == ["main"]


def test_a_time_with_an_offset_has_the_same_hash_before_and_after_another_file_changed(paths: Paths) -> None:
    empty(paths)
    written(paths, {"a.toml": f"[jobs.a]\n{BODIES[4]}\n", "b.toml": ""})
    before = summary(load_config(paths.config))
    assert "+02:00" in BODIES[4] and kept(paths)
    written(paths, {"b.toml": "# a comment\n"})

    found = parsed_file.load(paths, paths.config)

    assert (summary(found), digest(found)) == (before, digest(load_config(paths.config)))


def test_the_zone_is_that_of_the_jobs_also_if_the_host_gets_another_one_meanwhile(paths: Paths) -> None:
    empty(paths)
    paths.config.write_text(MAIN.replace('timezone = "Europe/Berlin"', ""))
    config = load_config(paths.config, kept_zone=lambda: "Europe/Berlin")
    config.read_at += 3600
    parsed_file.keep(paths, config)
    written(paths, {"b.toml": f"[jobs.b]\n{BODIES[0]}\n"})
    zones = iter(["Europe/Berlin", "Asia/Tokyo"])

    found = parsed_file.load(paths, paths.config, lambda: next(zones))

    assert (found.timezone, {job.zone for job in found.jobs.values()}) == ("Europe/Berlin", {"Europe/Berlin"})


def new_messages(paths: Paths, name: str, content: str) -> tuple[list[str], list[str]]:
    with using(SqliteLedger(paths.ledger)) as ledger, ledger.transaction():
        ledger.remember("cadence", "60")
    file = paths.config.parent / "jobs.d" / name
    return edit.new_messages(paths.config, paths, edit.Edit(file, edit.read(file), content.encode()))


def test_an_edit_that_brings_jobs_of_other_files_in_force_checks_them(paths: Paths) -> None:
    empty(paths)
    behind = '[jobs.b]\ncommand = "true"\nafter = ["a"]\n[jobs.c]\nhandler = "unknown"\nafter = ["b"]\n'
    written(paths, {"a.toml": "[jobs.a]\ncommand = 3\n", "b.toml": behind})

    problems, _ = new_messages(paths, "a.toml", '[jobs.a]\ncommand = "true"\n')

    assert ["jobs.c: handler:" in problem for problem in problems] == [True]


def test_an_edit_is_not_refused_for_a_fault_that_another_job_had_before(paths: Paths) -> None:
    empty(paths)
    written(paths, {"b.toml": '[jobs.b]\nhandler = "unknown"\n[jobs.c]\ncommand = "nosuchprogram"\n'})

    assert new_messages(paths, "new.toml", '[jobs.new]\nchain = ["b", "c"]\n') == ([], [])


def test_an_edit_that_takes_a_step_out_of_a_chain_warns_about_the_step(paths: Paths) -> None:
    empty(paths)
    written(
        paths,
        {"a.toml": '[jobs.a]\ncommand = "true"\napprove = true\n', "b.toml": '[jobs.b]\nchain = ["a"]\n'},
    )

    _, warnings = new_messages(paths, "b.toml", '[jobs.b]\nchain = ["main"]\n')

    assert ["jobs.a: approve: has no effect" in warning for warning in warnings] == [True]
