"""`[notify]`: channels, routes and templates, their errors, and the secrets in them."""

import pytest

from scheduled import service
from scheduled.config import edit_settings, notices
from scheduled.config.check import check
from scheduled.config.files import load_config
from scheduled.config.parsed_file import keep, load
from scheduled.core.channels import Channel
from scheduled.core.routing import Rule
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from tests.fixtures.later_workspace import LaterSample

URL = "slack://TokenAAAA/TokenBBBB/TokenCCCC"
JOB = '[jobs.backup]\ncommand = "true"\nevery = "1h"\n'


@pytest.fixture
def loaded(world):
    def load_text(text):
        world.configure(text)
        return load_config(world.config)

    return load_text


def channel(loaded, value):
    found = loaded(f"[notify.channels]\nops = {value}\n")
    assert found.problems == []
    return notices.channels(found.notify)["ops"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f'"{URL}"', Channel(name="ops", kind="url", url=URL)),
        ('"file:~/url"', Channel(name="ops", kind="url", source="file:~/url")),
        ('"credential:url"', Channel(name="ops", kind="url", source="credential:url")),
        ('{ url = "command:pass show x", timeout = "5s" }', Channel(name="ops", kind="url", source="command:pass show x", timeout=5)),
        ('"command:mail -s x me"', Channel(name="ops", kind="command", line="mail -s x me")),
        ('["mail", "-s", "x y"]', Channel(name="ops", kind="command", words=("mail", "-s", "x y"))),
        ('{ command = ["wall"], timeout = 90 }', Channel(name="ops", kind="command", words=("wall",), timeout=90)),
        ('"desktop"', Channel(name="ops", kind="desktop")),
        ('"memory"', Channel(name="ops", kind="memory")),
        ('{ path = "~/agents/memory" }', Channel(name="ops", kind="memory", path="~/agents/memory")),
    ],
)  # fmt: skip
def test_the_forms_of_a_channel(loaded, value, expected):
    assert channel(loaded, value) == expected


def test_desktop_and_memory_need_no_configuration(loaded):
    assert sorted(notices.channels(loaded(JOB).notify)) == ["desktop", "memory", "stderr"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[notify.channels]\nops = "SecretWord"', 'notify.channels.ops: must be a URL such as "ntfys://ntfy.sh/topic"'),
        ('[notify.channels]\nops = "slack://SecretWord x"', "notify.channels.ops: must be a URL"),
        ("[notify.channels]\nops = {}", "notify.channels.ops: must have exactly one of url, command and path; add one"),
        ('[notify.channels]\nops = { url = "SecretWord", path = "/x" }', "notify.channels.ops: must have exactly one of url"),
        ('[notify.channels]\nops = { url = "SecretWord" }', "notify.channels.ops.url: must be a URL"),
        ('[notify.channels]\nops = { path = "x" }', "notify.channels.ops.path: must be a directory that begins with / or ~, got 'x'"),
        ('[notify.channels]\nops = { path = "/x", timeout = "1h" }', "notify.channels.ops.timeout: must be at most 5m"),
        ("[notify.channels]\nops = []", "notify.channels.ops: the command is empty"),
        ('[notify.channels]\n"a b" = "memory"', "notify.channels.a b: 'a b' is not a valid name"),
        ('[[notify.routes]]\non = ["x"]', "notify.routes[0].to: is empty; write who gets the notices"),
        ('[[notify.routes]]\nto = ["a b"]', "notify.routes[0].to: 'a b' is neither the name of a channel nor an address"),
        ('[[notify.routes]]\non = []\nto = ["a"]', "notify.routes[0].on: is empty"),
        ('[[notify.routes]]\nname = "7"\nto = ["a"]', "notify.routes[0].name: '7' is a number"),
        ('[[notify.routes]]\nname = "x"\nto = ["a"]\n[[notify.routes]]\nname = "x"\nto = ["a"]', "notify.routes[1].name: 'x' is used twice"),
        ('[notify]\nsubject = "{jobs}"', "notify.subject: {jobs} is not known; write one of {headline}, {text}"),
        ('[notify]\nbody = "{"', "notify.body: "),
        ('[web]\nexternal_url = "jobs.example.org"', "web.external_url: 'jobs.example.org' is not the address of this server"),
        ('[web]\nexternal_url = "https://me:pw@x"', "web.external_url: "),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_and_holds_back_no_job(loaded, text, message):
    found = loaded(f"{text}\n{JOB}")

    (problem,) = found.problems
    assert f"{found.path}: {message}" in problem and "SecretWord" not in problem
    assert list(found.jobs) == ["backup"]


def test_a_wrong_channel_or_route_leaves_the_others(loaded):
    found = loaded(
        '[notify.channels]\na = "x"\nb = "memory"\n[[notify.routes]]\nto = []\n[[notify.routes]]\nto = ["b"]'
    )

    assert sorted(notices.channels(found.notify)) == ["b", "desktop", "memory", "stderr"]
    assert notices.named_rules(found.notify) == {"2": Rule(to=("b",))}


@pytest.mark.parametrize("text", ['[notify]\nchannels = "x"', '[[notify.routes]]\nto = "ops"', '[[notify.routes]]\npriority = "urgent"'])  # fmt: skip
def test_a_value_of_a_wrong_type_is_an_error_of_the_file(loaded, text):
    with pytest.raises(ConfigError, match="notify"):
        loaded(text)


def test_the_recipients_of_a_job_and_of_the_defaults(loaded):
    found = loaded(
        '[defaults]\nnotify = ["ops"]\n[jobs.a]\ncommand = "true"\n[jobs.b]\ncommand = "true"\nnotify = ["memory", "@flow"]\n'
        '[jobs.c]\ncommand = "true"\nnotify = false\n[jobs.d]\ncommand = "true"\nnotify = ["a b"]'
    )

    assert [job.notify for job in found.jobs.values()] == [("ops",), ("memory", "@flow"), ()]
    assert "jobs.d: notify: 'a b' is neither" in found.problems[0]


def test_routes_of_events_reach_the_jobs_also_from_the_kept_configuration(world):
    world.configure(
        f'[[notify.routes]]\non = ["job_failed"]\nto = ["memory"]\n[web]\nexternal_url = "https://x"\n{JOB}'
    )
    instance = Instance(str(world.config), str(world.state))
    world.state.mkdir(mode=0o700)
    parsed = load_config(world.config)
    parsed.read_at += 100
    keep(instance.paths, parsed)
    kept = load(instance.paths, world.config)

    assert not kept.parsed
    assert kept.jobs.event_routes == parsed.jobs.event_routes is not None
    assert kept.jobs.event_routes.external_url == "https://x"


@pytest.mark.parametrize(
    ("value", "kept"), [(f'"{URL}"', False), (f'{{ url = "{URL}" }}', False), ('"file:~/url"', True)]
)
def test_a_configuration_with_a_secret_url_is_not_kept(world, value, kept):
    world.configure(f"[notify.channels]\nops = {value}\n{JOB}")
    instance = Instance(str(world.config), str(world.state))
    world.state.mkdir(mode=0o700)
    parsed = load_config(world.config)
    parsed.read_at += 100
    keep(instance.paths, parsed)

    assert instance.paths.parsed.exists() is kept


def test_a_mask_is_never_written(world):
    world.configure("")
    instance = Instance(str(world.config), str(world.state))

    with pytest.raises(ConfigError, match=r"notify\.channels\.ops: \*\*\* is the mask of a secret"):
        service.set_section(instance, "notify", {"channels": {"ops": "***"}})
    assert edit_settings.section(load_config(world.config), "notify")["channels"] == {}


def warnings(world, text):
    world.configure(text)
    return check(world.config)["warnings"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[notify.routes]]\nto = ["mempry"]', "notify.routes[0].to: there is no channel mempry, so its notices are dropped; did you mean memory?"),
        ('[defaults]\nnotify = ["slack"]\n', "jobs.backup: notify: there is no channel slack, so its notices are dropped; add it to [notify.channels], or write one of desktop, memory, stderr"),
        ('[[notify.routes]]\non = ["job_faild"]\nto = ["memory"]', "notify.routes[0].on: no event is called job_faild; did you mean job_failed?"),
        ('[[notify.routes]]\njobs = ["backp"]\nto = ["memory"]', "notify.routes[0].jobs: there is no job backp; did you mean backup?"),
        ('[[notify.routes]]\nto = ["@flow"]', "notify.routes[0].to: @flow: its notices are dropped: there are no branches, because no workspace is configured"),
        ('[notify.channels]\nx = "command:no-such-program-here"', "notify.channels.x: "),
        ('[notify.channels]\nx = "file:~/no-such-file"', "notify.channels.x: "),
        ('[notify.channels]\nx = "credential:url"', "notify.channels.x: credential:url: a tick that cron starts has no CREDENTIALS_DIRECTORY"),
    ],
)  # fmt: skip
def test_check_names_what_does_not_exist(world, text, message):
    (found,) = warnings(world, f"{text}\n{JOB}")

    assert message in found


def test_check_is_content_with_what_exists(world):
    text = '[notify.channels]\nx = "command:cat"\n[[notify.routes]]\non = ["job_*", "my_event", "recovery"]\njobs = ["back*"]\nto = ["x", "desktop"]\n'

    assert warnings(world, text + JOB) == []


def test_check_reads_the_registry_for_addresses(world, later: LaterSample):
    found = warnings(
        world, f'workspace = "{later.root}"\n[[notify.routes]]\nto = ["@flow", "@nowhere"]\n{JOB}'
    )

    assert [text for text in found if "notify.routes" in text] == [
        (
            f"{world.config}: notify.routes[0].to: @nowhere: no branch has this address, so its notices are dropped; "
            "write the address of a branch"
        )
    ]


def test_check_names_the_extra_if_apprise_is_missing(world, monkeypatch):
    monkeypatch.setattr("scheduled.config.notify_doubts.find_spec", lambda _: None)
    found = warnings(world, f'[notify.channels]\nx = "{URL}"\ny = "desktop"\n{JOB}')

    assert ["notify" in text and "is not installed, so its notices wait; run " in text for text in found] == [
        True
    ] * 2
