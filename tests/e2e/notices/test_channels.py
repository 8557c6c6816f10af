"""Notices reach real receivers: a mail server, a webhook, a command, session memory. One that fails holds up no other."""

import json
import socket
import time

import pytest

from scheduled import service
from scheduled.instance import Instance
from tests.fixtures.receivers import MailServer, Webhook, free_port

TOKEN = "k3yT0kenOfTheWebhook"
JOB = '[jobs.backup]\ncommand = "echo copying; echo disk is full >&2; exit 3"\n'
EVENTS = '[[notify.routes]]\non = ["disk_*"]\nto = [{}]\n'
ROUTE = '[[notify.routes]]\non = ["job_failed"]\nto = [{}]\n'


@pytest.fixture
def mail():
    server = MailServer()
    yield server
    server.close()


@pytest.fixture
def hook():
    server = Webhook()
    yield server
    server.close()


def configure(world, channels, *names, more=""):
    lines = "".join(f"{name} = {value}\n" for name, value in channels.items())
    to = ", ".join(f'"{name}"' for name in names or channels)
    world.configure(f"[notify.channels]\n{lines}{ROUTE.format(to)}{more}{JOB}")


def make_due(world):
    """Let the pause before the next attempt of every notice be over."""
    world.sql("UPDATE outbox SET next_try = 0")


def waiting(world):
    return [(one["recipient"], one["tries"]) for one in world.json("notices")]


def test_a_failed_job_arrives_as_a_mail(world, mail):
    configure(world, {"ops": f'"{mail.url}"'}, more='[web]\nexternal_url = "https://jobs.example.org"\n')

    done = world.run("run", "backup")

    (found,) = mail.mails
    (run,) = world.json("history")
    assert found["subject"].startswith("backup failed (")
    assert found["to"] == "ops@example.org"
    text = found.get_body(("plain", "html")).get_content()
    assert "exit code 3" in text and "copying" in text and "disk is full" in text
    assert f"https://jobs.example.org/runs/{run['run_id']}" in text
    assert (done.returncode, waiting(world)) == (1, [])


def test_a_webhook_gets_text_in_the_form_of_slack(world, hook):
    configure(world, {"slack": f'"{hook.url(TOKEN)}"'})

    world.run("run", "backup")

    (found,) = hook.posts
    assert "backup failed" in found["text"] and "exit code 3" in found["text"]


def test_the_url_may_come_from_a_file_and_from_a_command(world, hook):
    secret = world.root / "url"
    secret.write_text(f"{hook.url(TOKEN)}\n")
    secret.chmod(0o600)
    configure(world, {"one": f'"file:{secret}"', "two": f'{{ url = "command:cat {secret}" }}'})

    world.run("run", "backup")

    assert len(hook.posts) == 2


def test_a_refused_notice_is_retried_later_and_its_secret_is_nowhere(world, hook):
    configure(world, {"slack": f'"{hook.url(TOKEN)}"'})
    hook.answer = 500

    failed = world.run("run", "backup")
    again = world.run("run")
    make_due(world)
    hook.answer = 200
    world.run("run")

    assert "slack: its notices are not delivered: " in failed.stderr and "500" in failed.stderr
    assert (again.stdout, again.stderr) == ("", "")
    assert (len(hook.posts), len(hook.seen), waiting(world)) == (1, 2, [])
    files = [path for path in world.state.rglob("*") if path.is_file()]
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []
    assert TOKEN not in failed.stderr


def test_a_channel_that_fails_does_not_stop_the_others(world, hook):
    got = world.root / "got"
    configure(
        world,
        {
            "dead": f'"json://127.0.0.1:{free_port()}/x"',
            "broken": '"command:echo no paper >&2; exit 5"',
            "printer": f'"command:cat > {got}"',
            "slack": f'"{hook.url(TOKEN)}"',
        },
        "dead", "broken", "gone", "printer", "memory", "slack",
    )  # fmt: skip

    done = world.run("run", "backup")

    assert got.read_text().startswith("backup failed (")
    assert len(hook.posts) == 1
    (line,) = (world.state / "memory/session_log.jsonl").read_text().splitlines()
    assert json.loads(line)["job"] == "backup"
    assert "dead: its notices are not delivered: " in done.stderr and "refused" in done.stderr
    assert (
        "broken: its notices are not delivered: its command ended with exit code 5: no paper (" in done.stderr
    )
    assert "gone: 'backup failed' dropped: no channel has the name gone" in done.stderr
    assert sorted(waiting(world)) == [("broken", 1), ("dead", 1)]


def test_a_receiver_that_never_answers_is_left_after_its_timeout_and_delays_no_job(world):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        configure(world, {"hole": f'{{ url = "json://127.0.0.1:{port}/?rto=60", timeout = "2s" }}'})
        started = time.monotonic()
        done = world.run("run", "backup")
        took = time.monotonic() - started

    (run,) = world.json("history")
    assert "hole: its notices are not delivered: no end within 2 s" in done.stderr
    assert run["status"] == "failed" and run["duration_ms"] < 2000 < took * 1000


def test_after_two_failures_of_a_channel_the_rest_waits_for_a_later_tick(world, hook):
    configure(
        world,
        {"slack": f'"{hook.url(TOKEN)}"'},
        more=EVENTS.format('"slack"'),
    )
    hook.answer = 500
    for number in range(5):
        world.run("emit", f"disk_{number}")

    done = world.run("run")
    seen = len(hook.seen)
    hook.answer = 200
    make_due(world)
    world.run("run")

    assert (done.stderr.count("not delivered"), seen, len(hook.posts), waiting(world)) == (1, 2, 5, [])


def test_a_tick_that_is_killed_while_it_sends_does_not_send_again_at_once(world):
    got = world.root / "got"
    configure(world, {"printer": f'"command:echo x >> {got}; test $(wc -l < {got}) -gt 1 || kill -9 $PPID"'})

    killed = world.run("run", "backup")
    world.run("run")
    at_once = got.read_text()
    make_due(world)
    again = world.run("run")

    assert "not delivered" not in again.stderr
    assert (killed.returncode, at_once, got.read_text(), waiting(world)) == (-9, "x\n", "x\nx\n", [])


def test_of_two_ticks_one_sends_a_notice(world, until):
    got, go = world.root / "got", world.root / "go"
    configure(world, {"printer": f'"command:echo x >> {got}; until test -e {go}; do sleep 0.05; done"'})
    world.run("emit", "other")
    first = world.start("run", "backup")
    until(got.exists)

    second = world.run("run")
    go.touch()

    assert (first.wait(timeout=20), second.returncode) == (1, 0)
    assert (got.read_text(), waiting(world)) == ("x\n", [])


def test_notices_about_events_are_posted_with_the_event(world):
    configure(
        world,
        {"unused": '"command:true"'},
        "memory",
        more=EVENTS.format('"memory"'),
    )

    world.run("emit", "disk_full", "free=3 MB", "priority=critical")
    before = waiting(world)
    world.run("run")
    lines = (world.state / "memory/session_log.jsonl").read_text().splitlines()

    (found,) = map(json.loads, lines)
    assert before == [("memory", 0)]
    assert (found["kind"], found["priority"], found["text"]) == ("disk_full", "critical", "free 3 MB")


def test_a_command_that_hangs_is_killed_with_its_children(world):
    mark = world.root / "mark"
    configure(world, {"slow": f'{{ command = "(sleep 60; touch {mark}) & sleep 60", timeout = "1s" }}'})

    done = world.run("run", "backup")

    assert "its command did not end within 1 s, and was killed" in done.stderr


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("printer", 0, "printer (command): delivered"),
        ("1", 1, "dead (command): not delivered: its command ended with exit code 1"),
        ("pages", 1, "printer (command): delivered"),
        ("@flow", 1, "@flow (mailbox): not delivered: no mailboxes"),
        ("stderr", 0, "stderr (stderr): delivered"),
        ("nothing", 2, "no channel or route is called nothing"),
    ],
)
def test_notify_sends_a_test_notice_to_a_channel_an_address_or_a_route(world, name, code, words):
    channels = '[notify.channels]\nprinter = "command:cat"\ndead = "command:false"\n'
    world.configure(f'{channels}[[notify.routes]]\nname = "pages"\nto = ["printer", "dead"]\n')

    dry = world.run("notify", "--test", name, "--dry-run")
    done = world.run("notify", "--test", name)

    assert words in done.stdout + done.stderr
    assert (done.returncode, dry.returncode) == (code, 2 if code == 2 else 0)
    assert waiting(world) == []


def test_a_tick_prints_the_notices_to_stderr_once(world):
    world.configure(
        '[notify.channels]\ncron = "stderr"\n[[notify.routes]]\non = ["job_completed", "incident"]\nto = ["cron"]\n'
        f'[jobs.copy]\ncommand = "echo 3 files"\n{JOB}'
    )
    # As an interface does: what it answers is printed by no one.
    service.run(Instance(str(world.config), str(world.state)), ["copy"])
    waits = waiting(world)
    done, failed, again = world.run("run"), world.run("run", "backup"), world.run("run")

    assert waits == [("cron", 0)]
    assert done.stderr.splitlines()[0].startswith("scheduled: copy succeeded (")
    assert "    3 files" in done.stderr.splitlines()
    assert [failed.stderr.count(text) for text in ("exit code 3", "disk is full")] == [1, 1]
    assert (again.stderr, waiting(world)) == ("", [])


def test_a_muted_job_gets_no_notices_about_its_events(world):
    got = world.root / "got"
    configure(world, {"plain": f'"command:cat >> {got}"'})
    world.run("mute", "backup")
    world.run("run", "backup")
    muted = waiting(world), got.exists()
    world.run("unmute", "backup")
    world.run("run", "backup")

    assert muted == ([], False)
    assert got.read_text().startswith("backup failed (")


def test_a_channel_that_fails_is_printed_once_until_it_works_again(world):
    up = world.root / "up"
    command = f'"command:test -e {up} || {{ echo no line; exit 1; }}"'
    configure(world, {"dead": command}, more=EVENTS.format('"dead"'))
    printed = []
    for number in range(3):
        world.run("emit", f"disk_{number}")
        done = world.run("run")
        printed.append(done.stderr)
        idle = world.run("run")
        assert (idle.returncode, idle.stderr) == (0, "")
        make_due(world)
    failing = [one["text"] for one in world.json("incidents")]
    up.touch()
    world.run("run")

    assert printed[0].startswith(
        "scheduled: dead: its notices are not delivered: its command ended with exit code 1: no line ("
    )
    assert printed[1:] == ["", ""]
    assert [text.partition(":")[0] for text in failing] == ["dead"]
    assert (world.json("incidents"), waiting(world)) == ([], [])


def test_check_names_a_url_that_apprise_does_not_understand(world):
    world.configure(
        '[notify.channels]\ngood = "json://127.0.0.1/x"\nbad = "zork://abc/secret"\nhalf = "slack://x"\n'
    )

    found = world.json("check")

    names = [text.partition(": apprise does not")[0].rpartition(".")[2] for text in found["warnings"]]
    assert (found["ok"], names) == (True, ["bad", "half"])
    assert "secret" not in str(found)


URL = "slack://TokenAAAA/TokenBBBB/TokenCCCC"
TEXT = f"""# mine
[notify.channels]
ops = "{URL}"   # ours
table = {{ url = "{URL}", timeout = "5s" }}
plain = "file:~/url"
"""


def test_a_url_is_masked_in_answers_and_in_diffs(world):
    world.configure(TEXT)
    instance = Instance(str(world.config), str(world.state))

    shown = service.section(instance, "notify")["channels"]
    done = service.set_section(instance, "notify", {"channels": {**shown, "more": "memory"}})

    assert (shown["ops"], shown["table"]["url"], shown["plain"]) == ("***", "***", "file:~/url")
    assert "Token" not in str(done) and "more" in str(done)
    assert world.config.read_text().count(URL) == 2


def test_a_notice_that_waits_is_withdrawn_if_a_person_has_ended_what_it_is_about(world):
    up, got = world.root / "up", world.root / "got"
    channel = f"command:test -e {up} || exit 1; cat >> {got}"
    world.configure(
        f'[notify.channels]\ndead = "{channel}"\n[[notify.routes]]\nto = ["dead"]\n'
        f'{JOB}[jobs.other]\ncommand = "exit 4"\n[jobs.asks]\non = "boom"\napprove = true\ncommand = "true"\n'
    )
    world.run("emit", "boom")
    world.run("run")
    world.run("run", "backup")
    world.run("run", "other")
    world.run("deny", "asks")
    world.run("disable", "backup")
    world.run("run")
    up.touch()
    make_due(world)
    world.run("run")

    assert "other: failed" in got.read_text()
    assert not any(word in got.read_text() for word in ("backup", "asks"))


def test_all_that_got_a_notice_get_the_recovery_also_those_that_only_a_follower_concerns(world):
    got, ok = world.root / "got", world.root / "ok"
    text = f"""
        timezone = "UTC"
        [notify.channels]
        op = "command:cat >> {got}"
        [jobs.dump]
        cron = "0 * * * *"
        command = "test -e {ok}"
        [jobs.rep]
        cron = "0 * * * *"
        after = ["dump"]
        command = "true"
        notify = ["op"]
    """
    world.configure(text)
    for at in ("07:55", "08:00"):
        world.run("run", at=f"2026-12-01 {at}:10")
    failed = got.read_text()
    ok.touch()
    world.run("run", at="2026-12-01 09:00:10")

    assert "dump: failed: exit code 1; because of it also: rep" in failed
    assert got.read_text().count("dump: up again") == 2  # in the subject and in the text


def test_a_notice_about_several_jobs_has_the_output_of_each(world):
    got = world.root / "got"
    jobs = "".join(
        f'[jobs.n{number}]\non = "boom"\ncommand = "echo nas gone {number}; exit 32"\n' for number in range(3)
    )
    world.configure(f'[notify.channels]\nop = "command:cat >> {got}"\n[[notify.routes]]\nto = ["op"]\n{jobs}')
    world.run("emit", "boom")
    world.run("run")

    assert [f"n{number}:\nnas gone {number}\n" in got.read_text() for number in range(3)] == [True] * 3


def test_a_question_that_slots_repeat_is_printed_once_also_with_a_dead_channel(world):
    world.configure(
        'timezone = "UTC"\n[notify.channels]\ndead = "command:false"\n[[notify.routes]]\nto = ["dead"]\n'
        '[jobs.asks]\ncron = "0 * * * *"\ncommand = "true"\napprove = true\n'
    )
    printed = [world.run("run", at=f"2026-12-01 {hour:02}:00:10").stderr for hour in range(7, 15)]

    assert sum("waits for approval" in text for text in printed) == 1
