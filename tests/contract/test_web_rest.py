"""The REST interface: its routes under every prefix, its answers, its errors as problem details."""

import pytest

from scheduled.config.job_table import OFF
from scheduled.interfaces.web.api import openapi

JOBS = """
timezone = "Europe/Berlin"
[jobs.hello]
every = "30m"
command = "echo hello"
[jobs.broken]
command = "exit 3"
[jobs.slow]
command = "echo begun; sleep 60"
[jobs.both]
chain = ["hello", ["broken", "hello"]]
on_failure = "continue"
[jobs.listener]
on = "coffee_ready"
command = "true"
"""


@pytest.fixture(autouse=True)
def jobs(world):
    world.configure(JOBS)


@pytest.fixture
def rest(connect):
    return connect()


SAME = [
    ("jobs", ["jobs"]), ("jobs/hello", ["show", "hello"]), ("runs", ["history"]), ("runs?job_id=hello&limit=1", ["history", "hello", "-n", "1"]),
    ("runs?status=failed", ["history", "--status", "failed"]), ("status", ["status"]), ("next?limit=3", ["next", "-n", "3"]),
    ("jobs/hello/next", ["next", "hello"]), ("jobs/hello/explain", ["explain", "hello"]), ("jobs/hello/logs", ["logs", "hello"]),
    ("incidents", ["incidents"]), ("notices", ["notices"]), ("dry-run", ["run", "--dry-run"]), ("audit?after=2020-01-01", ["audit", "--from", "2020-01-01"]), ("audit", ["audit"]), ("check", ["check"]),
    ("forecast?from=2031-01-01&to=2031-01-02", ["forecast", "--from", "2031-01-01", "--to", "2031-01-02"]),
]  # fmt: skip
MOVING = {"uptime_seconds", "seconds_ago", "in_seconds", "ticks"}


@pytest.mark.parametrize("path", ["jobs/hello@main", "jobs/hello%40main"])
def test_a_target_may_follow_the_jobs_name(rest, path):
    answer = rest.get(f"/api/{path}")

    assert (answer.status_code, answer.json()["detail"].partition(";")[0]) == (404, "no such job: hello@main")


@pytest.mark.parametrize("path", ["next", "jobs/hello/next"])
def test_every_slot_has_a_target_field(rest, path):
    assert {row["target"] for row in rest.get(f"/api/{path}").json()} == {None}


def settled(document):
    """Return a document without the fields that change from second to second."""
    if isinstance(document, dict):
        return {key: settled(value) for key, value in document.items() if key not in MOVING}
    return [settled(value) for value in document] if isinstance(document, list) else document


def test_the_answers_are_the_documents_of_the_command_line(rest, world):
    world.run("run")
    world.run("run", "hello", "broken")

    for path, words in SAME:
        answer = rest.get(f"/api/daemon/{path}")
        assert (path, answer.status_code, answer.headers["content-type"]) == (path, 200, "application/json")
        assert settled(answer.json()) == settled(world.json(*words))
        assert settled(rest.get(f"/api/{path}").json()) == settled(answer.json())


def test_the_paths_under_v1_have_the_same_answers(rest, world):
    world.run("run", "hello")

    assert rest.get("/v1/jobs").json() == rest.get("/api/jobs").json()
    assert rest.get("/v1/jobs/runs").json() == rest.get("/api/runs").json()
    assert rest.post("/v1/jobs/hello/trigger?wait=30").json()["result"]["exit_code"] == 0


def test_chains_and_their_steps(rest):
    [chain] = rest.get("/api/daemon/chains").json()

    assert (chain["name"], chain["steps"], chain["on_failure"]) == (
        "both",
        [["hello"], ["broken", "hello"]],
        "continue",
    )


@pytest.mark.parametrize(("method", "verb"), [("put", "toggle"), ("post", "run")])
def test_a_job_that_is_not_a_chain_is_not_found_under_chains(rest, world, method, verb):
    answer = getattr(rest, method)(f"/api/daemon/chains/hello/{verb}")

    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("no such chain: hello is a job without steps")
    assert world.json("history") == []
    assert world.json("show", "hello")["enabled"]


# Changes


@pytest.mark.parametrize("path", ["/api/daemon/jobs", "/api/chains"])
def test_toggle_inverts_or_sets_the_state_of_a_job(rest, world, path):
    name = "both" if "chains" in path else "hello"
    for body, enabled in [
        (None, False),
        (None, True),
        ({"enabled": True}, True),
        ({"enabled": False}, False),
    ]:
        answer = rest.put(f"{path}/{name}/toggle", **({} if body is None else {"json": body}))

        assert answer.json()["enabled"] is enabled
        [line] = [line for line in world.json("jobs") if line["name"] == name]
        assert line["enabled"] is enabled


def test_a_call_that_waits_for_its_run_returns_the_result(rest, world):
    answer = rest.post("/api/daemon/jobs/broken/run?wait=30").json()

    assert (answer["job"], answer["over"], answer["result"]["exit_code"]) == ("broken", True, 1)
    [run] = world.json("history", "broken")
    assert (run["status"], run["trigger"], run["exit_code"]) == ("failed", "manual", 3)


def test_a_run_continues_after_a_call_that_does_not_wait_and_can_be_stopped(rest, until, world):
    answer = rest.post("/api/daemon/jobs/slow/run")

    run_id = answer.json()["run_id"]
    assert answer.json() == {
        "job": "slow",
        "target": None,
        "jobs": [{"job": "slow", "target": None}],
        "run_id": run_id,
        "run_ids": [run_id],
        "over": False,
        "result": None,
    }
    assert (answer.status_code, answer.headers["location"]) == (202, f"/api/daemon/runs/{run_id}")
    assert rest.get(answer.headers["location"]).json()["job"] == "slow"
    for wait in (0, 5):
        assert rest.post(f"/api/daemon/jobs/slow/run?wait={wait}").status_code == 409
    [run] = until(
        lambda: [run for run in rest.get("/api/runs?job_id=slow").json() if run["status"] == "running"]
    )
    assert run["run_id"] == run_id
    assert world.json("stop", run_id)["job"] == "slow"
    assert until(lambda: rest.get(f"/api/runs/{run['run_id']}").json()["finished_at"])


def test_a_run_is_started_again_and_a_future_slot_is_skipped(rest, world):
    world.run("run", "broken")
    [run] = rest.get("/api/runs?job_id=broken").json()
    answer = rest.post(f"/api/runs/{run['run_id']}/rerun?wait=30")
    again = answer.json()
    slot = rest.get("/api/jobs/hello/next").json()[0]["scheduled_for"]
    skipped = rest.post("/api/jobs/hello/skip", json={"slot": slot}).json()

    assert (again["job"], again["over"], len(world.json("history", "broken"))) == ("broken", True, 2)
    assert (answer.status_code, answer.headers["location"]) == (202, f"/api/runs/{again['run_id']}")
    assert again["run_id"] == rest.get("/api/runs?job_id=broken").json()[0]["run_id"] != run["run_id"]
    assert (skipped["skipped"], skipped["first"]) == (1, slot)


def test_pause_and_resume(rest, world):
    assert rest.put("/api/jobs/hello/pause", json={"until": "+2h"}).json()["paused"] is True
    assert "hello" in world.json("status")["paused"] or world.json("jobs")[0]["paused"]
    assert rest.put("/api/jobs/hello/resume").json()["paused"] is False


def test_an_event_starts_the_jobs_that_wait_for_it(rest, world):
    answer = rest.post("/api/events", json={"name": "coffee_ready", "payload": {"cups": 2}})

    assert answer.json()["jobs"] == ["listener"]
    world.run("run")
    assert [run["trigger"] for run in world.json("history", "listener")] == ["event"]


# Definitions


def test_a_new_job_is_disabled_and_the_answer_has_its_location(rest, world):
    answer = rest.post(
        "/api/daemon/jobs", json={"name": "new", "job_type": "cron", "schedule": "@daily", "chain": ["hello"]}
    )

    assert (answer.status_code, answer.headers["location"]) == (201, "/api/daemon/jobs/new")
    job = rest.get(answer.headers["location"]).json()
    assert (job["enabled"], job["schedule"], world.json("show", "new")["enabled"]) == (
        False,
        "@daily",
        False,
    )


def test_keys_are_changed_and_removed(rest, world):
    rest.post("/api/jobs", json={"name": "new", "cron": "@daily", "chain": ["hello"], "grace": "1h"})

    answer = rest.patch("/api/jobs/new", json={"cron": None, "every": "2h", "grace": None})

    assert answer.json()["changed"] is True
    settings = world.json("show", "new")["settings"]
    assert (settings["schedules"][0]["kind"], settings["grace"]) == ("every", None)


# What `add --json` takes, and what of it decides what is executed.
HARMLESS = {
    "on_failure": "continue", "catch_up_limit": 5, "gate_deadline": "1h", "on_interrupted": "skip", "success_codes": [0, 3],
    "max_retries": 2, "limits": {"open_files": 64}, "nice": 5, "output_limit": "2M",
    "on": "coffee_ready", "where": {"cups": 2},
}  # fmt: skip
EXECUTED = {
    "only_if": {"ac_power": True}, "env_file": "~/secrets", "umask": "077", "inhibit_sleep": True, "env": {"N": 1},
    "on_interrupted": "test -e done",
}  # fmt: skip


def test_the_keys_of_a_job_that_the_command_line_takes_are_taken(rest, world):
    added = rest.post("/api/daemon/jobs", json={"name": "new", "chain": ["hello"], **HARMLESS})

    assert added.status_code == 201, added.json()
    settings = world.json("show", "new")["settings"]
    assert (settings["catch_up_limit"], settings["retry"]["max_attempts"], settings["where"]) == (
        5,
        3,
        {"cups": "2"},
    )
    assert rest.patch("/api/jobs/new", json={"success_codes": [0], "limits": None}).status_code == 200


def test_false_switches_off_each_key_that_a_job_can_switch_off(rest, world):
    world.configure('[web]\nallow_edit = true\n[jobs.new]\nevery = "1h"\ncommand = "true"\n')
    shown = openapi.document()["components"]["schemas"]["ChangeBody"]["properties"]
    off = {
        "limits": {"cpu": False},
        "secrets": {"TOKEN": False},
        **dict.fromkeys(sorted({*OFF, "retry"}), False),
    }

    for key, value in [*off.items(), ("limits", {"cpu": False}), ("secrets", {"TOKEN": False})]:
        answer = rest.patch("/api/jobs/new", json={key: value})
        assert answer.status_code == 200, (key, answer.text)
        assert [False] in [kind.get("enum") for kind in shown[key]["anyOf"]], key
    assert "grace = false" in world.config.read_text()
    wrong = [rest.patch("/api/jobs/new", json={key: True}).status_code for key in off]
    assert {*wrong} <= {400, 422}, wrong


@pytest.mark.parametrize("key", EXECUTED)
def test_keys_that_decide_what_is_executed_need_the_permission(rest, world, key):
    new = {"name": "new", "command": "true", key: EXECUTED[key]}
    refused = rest.post("/api/daemon/jobs", json={"name": "new", "chain": ["hello"], key: EXECUTED[key]})
    assert (refused.status_code, key in refused.json()["detail"]) == (403, True)

    world.configure(JOBS + "[web]\nallow_edit = true\n")
    assert rest.post("/api/daemon/jobs", json=new).status_code == 201


def test_the_words_of_other_schedulers_are_taken(rest, world):
    words = {
        "job_type": "interval",
        "schedule": "5m",
        "retry_on_fail": True,
        "max_retries": 4,
        "is_active": True,
    }
    added = rest.post("/api/daemon/jobs", json={"name": "new", "chain": ["hello"], **words})

    assert added.status_code == 201, added.json()
    shown = world.json("show", "new")
    assert (shown["enabled"], shown["settings"]["retry"]["max_attempts"]) == (True, 5)


# Errors


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/daemon/jobs/helo", None, 404), ("GET", "/api/jobs/helo/explain", None, 404), ("POST", "/v1/jobs/helo/trigger", None, 404),
        ("PUT", "/api/jobs/helo/toggle", None, 404), ("GET", "/api/runs?job_id=helo", None, 404), ("GET", "/api/runs/none", None, 404), ("POST", "/api/runs/none/stop", None, 422), ("POST", "/api/runs/none/rerun", None, 404), ("GET", "/api/runs?since=soon", None, 422),
        ("GET", "/api/nowhere", None, 404), ("GET", "/v1/nowhere", None, 404), ("DELETE", "/api/daemon/jobs", None, 405),
        ("GET", "/api/runs?limit=0", None, 400), ("GET", "/api/runs?limit=x", None, 400), ("GET", "/api/runs?status=fine", None, 400),
        ("GET", "/api/jobs?x=1", None, 400), ("GET", "/api/runs?limit=1&limit=2", None, 400), ("GET", "/api/forecast", None, 400),
        ("GET", "/api/forecast?from=now&to=then", None, 422), ("GET", "/api/forecast?from=2026-01-01&to=9999-01-01", None, 422), ("GET", "/api/jobs/hello/explain?at=now", None, 422),
        ("POST", "/api/jobs", {"name": "x", "chian": ["hello"]}, 400), ("POST", "/api/jobs", {"chain": ["hello"]}, 400), ("POST", "/api/jobs", [], 400),
        ("POST", "/api/jobs", {"name": "hello", "chain": ["both"]}, 422), ("POST", "/api/jobs", {"name": "a/b", "chain": ["hello"]}, 422),
        ("POST", "/api/jobs", {"name": "x", "cron": "61 * * * *", "chain": ["hello"]}, 422), ("POST", "/api/jobs", {"name": "x", "chain": ["y"]}, 422),
        ("PUT", "/api/jobs/hello/toggle", {"enabled": "yes"}, 400), ("PUT", "/api/jobs/hello/pause", {"until": "yesterday"}, 422),
    ],
)  # fmt: skip
def test_an_error_is_a_problem_document(rest, method, path, body, status):
    answer = rest.request(method, path, **({} if body is None else {"json": body}))

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["title"] and problem["detail"]


def test_the_error_for_an_unknown_job_suggests_the_nearest_name(rest):
    assert "did you mean hello?" in rest.get("/api/jobs/helo").json()["detail"]


@pytest.mark.parametrize("path", ["/api/jobs", "/api/events"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_accepted(rest, path, kind):
    assert rest.post(path, content=b'{"name": "x"}', headers={"Content-Type": kind}).status_code == 415


@pytest.mark.parametrize("sent", [b"{", b"\xff", b"[" * 30_000, b"nul", b'{"name": "\xed\xa0\x80"}'])
def test_invalid_json_is_a_problem_document(rest, sent):
    answer = rest.post("/api/jobs", content=sent, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_wrong_method_is_answered_with_the_allowed_ones(rest):
    answer = rest.put("/api/daemon/jobs", json={})

    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


def test_an_invalid_configuration_is_a_problem_document_that_names_it(rest, world):
    world.configure("timezone = 7")

    answer, jobs = rest.get("/api/dry-run"), rest.get("/api/jobs")

    assert answer.status_code == 422
    assert "timezone" in answer.json()["detail"] and str(world.config) in answer.json()["detail"]
    assert f"{world.config}:1: timezone: must be a string" in jobs.headers["Scheduled-Config-Error"]


@pytest.mark.parametrize(
    ("method", "path", "body", "detail"),
    [
        ("POST", "jobs", {"name": "x", "comand": "true"}, "body: comand: unknown key; did you mean command?"),
        ("POST", "jobs", {"name": "x", "priority": "hgh"}, "body: priority: 'hgh' is not allowed; write one of critical, high, medium, low"),
        ("PATCH", "jobs/a", {"retry": {"max_attempt": 3}}, "body: retry.max_attempt: unknown key; did you mean max_attempts?"),
        ("PATCH", "jobs/a", {"timeout": [1]}, "body: timeout: must be "),
        ("POST", "events", {"nam": "x"}, "body: nam: unknown key; did you mean name?"),
        ("GET", "forecast?frm=2030-01-01", None, "query: frm: unknown key; did you mean from?"),
        ("GET", "jobs/a/next?limit=x", None, "query: limit: must be an integer, got a string"),
        ("GET", "jobs/a/next?limit=0", None, "query: limit: "),
    ],
)  # fmt: skip
def test_a_mistake_is_named_as_on_the_command_line(rest, method, path, body, detail):
    answer = rest.request(method, f"/api/{path}", **({} if body is None else {"json": body}))

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(detail)


def test_before_the_first_tick_everything_answers(rest):
    answers = {path: rest.get(f"/api/{path}").status_code for path, _ in SAME}

    assert {path for path, status in answers.items() if status != 200} == {"audit", "audit?after=2020-01-01"}
