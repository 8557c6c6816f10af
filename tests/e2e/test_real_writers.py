"""Our handlers and the programs of the published package work on the same workspace at the same time."""

import json
import time
from collections import Counter
from typing import Any

import pytest

from tests.fixtures.real_workspace import RealWorkspace
from tests.fixtures.world import World

SECONDS = 10  # of concurrent work
HANDLERS = ("mail_cleanup", "health", "memory_rollover", "metrics", "daily_report")
TRIGGER = "aipass.trigger.apps.modules.core:Trigger"
SEND = "aipass.ai_mail.apps.modules.email_send:_send_direct"

pytestmark = pytest.mark.network


def configure(world: World, real: RealWorkspace, more: str = "") -> None:
    jobs = "".join(f'[jobs.{name}]\nhandler = "{name}"\n' for name in HANDLERS)
    world.configure(f'timezone = "UTC"\nworkspace = "{real.root}"\n{more}\n{jobs}')


def everywhere(real: RealWorkspace) -> Counter[str]:
    """Count each mail, by its subject: in the inboxes, in `deleted/`, and in the store of the package."""
    found: Counter[str] = Counter()
    for address in real.addresses():
        found.update(mail["subject"] for mail in real.inbox(address).get("messages", []))
        found.update(mail["subject"] for mail in real.archived(address))
    found.update(text.partition("\n")[0] for text in real.stored())
    return found


def wrong_counters(real: RealWorkspace) -> list[str]:
    wrong = []
    for address in real.addresses():
        inbox = real.inbox(address)
        messages = inbox.get("messages", [])
        counted = len(messages), sum(mail["status"] == "new" for mail in messages)
        if (inbox.get("total_messages", 0), inbox.get("unread_count", 0)) != counted:
            wrong.append(address)
    return wrong


def damaged(real: RealWorkspace) -> list[str]:
    """Return the JSON files that are not complete, of those that belong to the workspace and not to the logs."""
    found = []
    for path in real.root.rglob("*.json"):
        try:
            json.loads(path.read_text())
        except ValueError:
            found.append(str(path.relative_to(real.root)))
    return found


def results(world: World) -> list[dict[str, Any]]:
    rows = [row for row in world.json("history") if row["status"] != "success"]
    return [{key: row[key] for key in ("job", "status", "reason")} for row in rows]


def test_the_programs_make_the_workspace_and_its_files(real: RealWorkspace) -> None:
    assert real.addresses() == ["@devpulse", "@flow", "@news_desk", "@shop", "@trigger"]
    assert real.send("@flow", "@shop", "Hello", "Text") and not real.send("@flow", "@gone", "Hello", "Text")
    [mail] = real.inbox("@shop")["messages"]
    assert (mail["from"], mail["status"], mail["message"].startswith("Text\n")) == ("@flow", "new", True)
    assert real.open_mail("@shop", mail["id"]) and real.inbox("@shop")["messages"][0]["status"] == "opened"
    for number in range(12):
        assert real.deliver("@flow", "@shop", f"mail {number}", "x", days=1)
    for mail in real.inbox("@shop")["messages"]:
        assert real.close_mail("@shop", mail["id"])
    assert (len(real.archived("@shop")), len(real.stored())) == (10, 3)
    assert real.purge("@shop")["success"]

    for _ in range(2):
        assert real.send("@flow", "@shop", "Again", "Text", upsert_key="key")
    assert [mail["updates"] for mail in real.inbox("@shop")["messages"]] == [2]
    assert (real.new_plan("@shop", "A plan"), real.new_plan("@flow", "Another", "dplan")) == (1, 1)
    plans = json.loads((real.root / ".ai_central" / "PLANS.central.json").read_text())["active_plans"]
    assert {plan["plan_id"] for plan in plans} == {"FPLAN-0001", "DPLAN-0001"}
    real.write_memory("@shop", sessions=20, observations=3)
    assert len(json.loads((real.branch("@shop") / ".trinity/local.json").read_text())["sessions"]) == 21
    assert sorted(real.new_project("bakery").glob("*_REGISTRY.json"))


def test_handlers_and_the_programs_at_full_speed_lose_and_double_no_mail(
    world: World, real: RealWorkspace
) -> None:
    configure(world, real)
    branches = ["@shop", "@flow", "@news_desk"]
    for number in range(6):  # the first sweep opens or archives them; the loops do not handle this branch
        real.deliver("@flow", "@devpulse", f"long ago {number}", "x", days=10)
    for mail in real.inbox("@devpulse")["messages"][::2]:
        real.open_mail("@devpulse", mail["id"])
    real.write_memory("@shop", sessions=40, text="long " * 200)
    real.new_plan("@shop", "A plan")
    sender = real.loop("sender_loop", branches, 3 * SECONDS)
    opener = real.loop(
        "opener_loop", branches[:2], 3 * SECONDS
    )  # the sweep opens the mails of the third branch
    archiver = real.loop("archiver_loop", branches, 3 * SECONDS)
    deadline, runs = time.monotonic() + SECONDS, []
    while time.monotonic() < deadline:
        runs.append(world.run("run", *HANDLERS))
    sent, opened, closed = sender.stop(), opener.stop(), archiver.stop()

    assert [(done.returncode, done.stderr) for done in runs] == [(0, "")] * len(runs)
    assert results(world) == []
    assert damaged(real) == []
    assert wrong_counters(real) == []
    wanted = [mail["subject"] for mail in sent if mail["done"]] + [
        f"long ago {number}" for number in range(6)
    ]
    found = everywhere(real)
    assert [(subject, found[subject]) for subject in wanted if found[subject] != 1] == []
    assert len(wanted) > 20 and any(mail["done"] for mail in opened) and any(mail["done"] for mail in closed)
    swept = world.snapshot()["mail_cleanup"]["stats"]
    assert swept["auto_opened_total"] > 3 and swept["auto_closed_total"] == 3


def test_events_are_fired_into_the_real_trigger(world: World, real: RealWorkspace) -> None:
    configure(
        world, real, f'[compat]\ntrigger = "{TRIGGER}"\npython = "{real.python}"\n[jobs.x]\ncommand = "true"'
    )
    probe = real.root / "src/aipass/trigger/apps/handlers/events/registry.py"
    watch = '    trigger.on("job_completed", lambda **data: open("fired", "a").write(data["job"] + "\\n"))\n'
    marker = '    trigger.on("startup", handle_startup)\n'
    assert marker in probe.read_text()
    probe.write_text(probe.read_text().replace(marker, marker + watch))

    assert world.json("check")["warnings"] == []
    done = world.run("run", "x")

    assert (done.returncode, done.stderr) == (0, "")
    assert (real.root / "fired").read_text() == "x\n"


def test_a_handler_of_the_real_trigger_that_fails_is_a_warning(world: World, real: RealWorkspace) -> None:
    configure(world, real, f'[compat]\ntrigger = "{TRIGGER}"\npython = "{real.python}"\n')
    world.run("run")
    (world.state / "spool" / "warning_logged.json").write_text(
        '{"message": "x", "event": "the name of a parameter"}'
    )
    done = world.run("run")

    assert done.stderr.startswith("scheduled: [compat] trigger: warning_logged: TypeError: ")
    assert done.returncode == 0


def test_notices_are_sent_through_the_real_mail_program(world: World, real: RealWorkspace) -> None:
    configure(world, real, f'[compat]\nsend = "{SEND}"\npython = "{real.python}"\n')
    for number in range(3):
        real.deliver("@flow", "@shop", f"stale {number}", "x", days=3)
    assert world.json("check")["warnings"] == []
    done = world.run("run", "mail_cleanup")

    assert (done.returncode, done.stderr) == (0, "")
    [notice] = [mail for mail in real.inbox("@shop")["messages"] if mail["from"] == "@trigger"]
    assert "sent_id" in notice  # only its program writes this
    assert "TASK CHECKLIST" in notice["message"]
    assert len(list(real.mailbox("@trigger").glob("sent/*.json"))) == 1


def test_a_mail_that_the_real_mail_program_delivered_before_it_was_killed_is_not_doubled(
    world: World, real: RealWorkspace
) -> None:
    (real.root / "slow.py").write_text(
        "import time\nfrom aipass.ai_mail.apps.modules.email_send import _send_direct\n"
        "def send(**given):\n    _send_direct(**given)\n    time.sleep(100)\n"
    )
    configure(world, real, f'[compat]\nsend = "slow:send"\npython = "{real.python}"\ntimeout = 5\n')
    real.deliver("@flow", "@shop", "stale", "x", days=3)
    done = world.run("run", "mail_cleanup")

    assert "no end within 5 s; its process was killed; it has delivered the mail" in done.stderr
    [notice] = [mail for mail in real.inbox("@shop")["messages"] if mail["from"] == "@trigger"]
    assert (done.returncode, "sent_id" in notice) == (0, True)
