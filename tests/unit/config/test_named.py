"""What a user names as a job becomes the key of the job, or of one of its targets."""

import pytest

from scheduled.config import job_edits
from scheduled.config.files import load_config
from scheduled.config.named import completions, known_key, known_keys, one_target, target_keys
from scheduled.core.keys import JobKey
from scheduled.errors import ConfigError, UnknownError

TOML = """
timezone = "UTC"
[jobs.sync]
for_each = ["alpha", "beta", "feature/x y", "50%"]
command = "true"
[jobs."a@b"]
for_each = ["c", "d@e"]
command = "true"
[jobs.a]
for_each = ["b", "b@c"]
command = "true"
[jobs.one]
for_each = ["only"]
command = "true"
[jobs.plain]
command = "true"
[jobs.many]
for_each = [%s]
command = "true"
""".replace("%s", ", ".join(f'"t{number}"' for number in range(40)))


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("named") / "scheduled.toml"
    path.write_text(TOML)
    return load_config(path)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("plain", JobKey("plain")),
        ("sync", JobKey("sync")),
        ("sync@alpha", JobKey("sync", "alpha")),
        ("sync@feature/x y", JobKey("sync", "feature/x y")),
        ("sync@feature%2Fx%20y", JobKey("sync", "feature/x y")),
        ("sync@feature%2fx y", JobKey("sync", "feature/x y")),
        ("sync@50%", JobKey("sync", "50%")),
        ("sync@50%25", JobKey("sync", "50%")),
        ("a@b", JobKey("a@b")),
        ("a@%62", JobKey("a", "b")),
        ("a@@b@c", JobKey("a@b", "c")),
        ("a@b@d@e", JobKey("a@b", "d@e")),
    ],
)
def test_a_name_is_a_job_or_else_a_target(config, text, key):
    assert known_key(config, text) == key


@pytest.mark.parametrize("key", [JobKey("sync", "feature/x y"), JobKey("a@b", "d@e"), JobKey("a", "b@c")])
def test_the_label_that_is_shown_is_taken(config, key):
    assert known_key(config, str(key)) == key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("syn", "no such job: syn; did you mean sync?"),
        ("syn@alpha", "no such job: syn@alpha"),
        ("sync@", "no such job: sync@; did you mean sync?"),
        ("sync@zz", "the targets of sync are sync@alpha, sync@beta, sync@feature%2Fx%20y, sync@50%25"),
        ("sync@alpa", "no such target: sync@alpa; did you mean sync@alpha?"),
        ("plain@x", "no such job: plain@x; plain has no targets, because it has no `for_each`"),
        ("many@zzz", "many@t9 and 30 more (`scheduled show many` lists them)"),
    ],
)  # fmt: skip
def test_an_unknown_name_is_answered_with_the_nearest_or_with_the_targets(config, text, message):
    with pytest.raises(UnknownError) as error:
        known_key(config, text)

    assert message in str(error.value)


def test_a_job_means_all_its_targets_where_they_have_runs(config):
    assert target_keys(config, ["plain", "one", "a@b", "a@b@c"]) == [
        JobKey("plain"), JobKey("one", "only"), JobKey("a@b", "c"), JobKey("a@b", "d@e"),
    ]  # fmt: skip
    assert known_keys(config, ["one", "one@only", "one"]) == [JobKey("one"), JobKey("one", "only")]


def test_one_target_is_asked_for_only_if_there_are_several(config):
    assert (one_target(config, "one"), one_target(config, "sync@beta")) == (
        JobKey("one", "only"),
        JobKey("sync", "beta"),
    )
    with pytest.raises(
        ConfigError, match="sync: name one of its 4 targets; the targets of sync are sync@alpha"
    ):
        one_target(config, "sync")


def test_a_shell_completes_jobs_and_then_their_targets(config):
    assert completions(config, "s") == ["sync"]
    assert completions(config, "one") == ["one", "one@only"]
    assert completions(config, "sync@f") == ["sync@feature%2Fx%20y"]
    assert completions(config, "plain@") == []


@pytest.mark.parametrize(
    "edit", [job_edits.written, job_edits.removal, lambda file, name: job_edits.change(file, name, {})]
)
def test_a_target_has_no_definition_of_its_own(config, edit):
    for name in ("sync@alpha", "sync@unknown"):
        with pytest.raises(
            UnknownError,
            match=f"^{name}: is a target of the job sync, not a job; only sync has a definition$",
        ):
            edit(config.path, name)
    with pytest.raises(UnknownError, match=r"^no such job: plain@x"):
        edit(config.path, "plain@x")
