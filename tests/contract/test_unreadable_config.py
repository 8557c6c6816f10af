"""With a configuration that cannot be read, runs are stopped and the ledger is readable, at each interface."""

import pytest

LONG = 'timezone = "UTC"\n[jobs.long]\ncommand = "echo begun; sleep 60"\n[jobs.chain]\nchain = ["long"]\n'


@pytest.fixture
def torn(world, until):
    """Return a function that starts a job, waits until it runs, and damages the configuration."""

    def start(job="long"):
        world.configure(LONG)
        runner = world.start("run", job)
        until(lambda: [run for run in world.json("history", "long") if run["status"] == "running"])
        run = world.json("history", job)[0]
        world.configure(LONG + "[torn\n")
        return runner, run["run_id"]

    return start


def status_of(world, run_id):
    return world.sql(f"SELECT status, reason FROM runs WHERE run_id = '{run_id}'")[0]


@pytest.mark.parametrize("job", ["long", "chain"])
def test_the_command_stops_a_run(world, torn, job):
    runner, run_id = torn(job)

    done = world.run("stop", run_id)
    runner.wait(timeout=30)

    assert done.returncode == 0 and f"{world.config}: Expected" in done.stderr
    assert status_of(world, run_id) == ("skipped", "stopped")


def test_a_run_that_waits_for_its_next_attempt_is_stopped(world):
    text = 'timezone = "UTC"\n[jobs.job]\ncommand = "false"\nevery = "1h"\nretry = { max_attempts = 2, delay = "1h" }\n'
    world.configure(text)
    world.run("run", at="-90m")
    world.run("run")
    [run] = world.json("history", "--status", "waiting_retry")
    world.configure(text + "[torn\n")

    done = world.run("stop", run["run_id"])
    world.configure(text)

    assert done.returncode == 0
    assert status_of(world, run["run_id"]) == ("skipped", "stopped")
    assert world.json("audit")["ok"]


def test_rest_stops_a_run(world, torn, connect):
    runner, run_id = torn()

    answer = connect().post(f"/api/runs/{run_id}/stop")
    runner.wait(timeout=30)

    assert (answer.status_code, answer.json()["run_id"]) == (200, run_id)
    assert status_of(world, run_id) == ("skipped", "stopped")


@pytest.mark.parametrize("page", ["run", "job"])
def test_the_button_of_a_page_stops_a_run(world, torn, connect, page):
    runner, run_id = torn()
    browser, button = connect("browser"), f"/runs/{run_id}/stop"

    shown = browser.get(f"/runs/{run_id}" if page == "run" else "/jobs/long").text
    answer = browser.post(button)
    runner.wait(timeout=30)

    assert f'action="{button}"' in shown and answer.status_code == 303
    assert status_of(world, run_id) == ("skipped", "stopped")
    assert browser.get(f"/runs/{run_id}").status_code == 200


# Reading


@pytest.fixture
def failed(world):
    """A world with a job that has failed once and a configuration that was damaged afterwards."""
    text = 'timezone = "UTC"\n[jobs.job]\nevery = "1h"\ncommand = "echo found; exit 3"\n'
    world.configure(text)
    world.run("run", at="-90m")
    world.run("run")
    [run, *_] = world.json("history")
    world.configure(text + "[torn\n")
    return run["run_id"]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [("history", "job"), ("history job", "failed"), ("logs job", "found"), ("logs RUN", "found"), ("show RUN", "failed"), ("incidents", "job")],
)  # fmt: skip
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_command_that_reads_the_ledger_answers_with_the_error(world, failed, arguments, shown, form):
    done = world.run(*arguments.replace("RUN", failed).split(), *form)

    assert (done.returncode, shown in done.stdout) == (2, True)
    assert done.stderr.count(f"{world.config}: Expected") == 1
    assert "ledger" in done.stderr


NOTHING = "Nothing runs until the configuration can be read."


@pytest.mark.parametrize("form", [(), ("--json",)])
@pytest.mark.parametrize(
    ("arguments", "shown", "not_shown"),
    [
        ("show job", "failed", "medium"),
        ("jobs", "every 1h", "medium"),
        ("status", "every 1h", "medium"),
        ("explain job", NOTHING, "latest"),
    ],
)
def test_a_command_about_jobs_shows_what_the_ledger_knows_with_the_error(
    world, failed, arguments, shown, not_shown, form
):
    assert failed
    shown = "failure_count" if form and shown == "failed" else "failure count" if shown == "failed" else shown

    done = world.run(*arguments.split(), *form)

    assert (done.returncode, shown in done.stdout, not_shown in done.stdout) == (2, True, False)
    assert done.stderr.count(f"{world.config}: Expected") == 1
    assert "at line 5" in done.stderr and "ledger" in done.stderr


def test_what_starts_a_job_without_a_schedule_is_not_guessed(world):
    text = 'timezone = "UTC"\n[jobs.step]\ncommand = "true"\n[jobs.chain]\nchain = ["step"]\n'
    world.configure(text)
    world.run("run", "chain")
    before = {job["name"]: job["schedule_words"] for job in world.json("jobs")}
    world.configure(text + "[torn\n")

    after = {job["name"]: job["schedule_words"] for job in world.json("jobs")}

    assert before == {"step": "in chain", "chain": "manual"}
    assert after == dict.fromkeys(before, "without a schedule")


def test_next_lists_the_known_slots_and_that_none_of_them_runs(world, failed):
    assert failed

    done, entries = world.run("next", "job", "-n", "3"), world.json("next", "-n", "3")
    table, _, note = done.stdout.strip().rpartition("\n")

    assert (done.returncode, note) == (2, NOTHING)
    assert table.count("the configuration cannot be read") == 3
    assert [(entry["job"], entry["runs_at"], entry["reason"]) for entry in entries] == [
        ("job", None, "config_error")
    ] * 3
    assert entries == sorted(entries, key=lambda entry: entry["scheduled_for"])


def test_a_forecast_has_no_run_and_a_calendar_is_refused(world, failed):
    assert failed
    span = ("--from", "2030-01-01", "--to", "2030-01-02")

    done, calendar = world.run("forecast", *span), world.run("forecast", *span, "--ics")

    assert (done.returncode, done.stdout.splitlines()[-1]) == (2, NOTHING)
    assert world.json("forecast", *span) == []
    assert (calendar.returncode, calendar.stdout) == (2, "")


def test_an_unknown_job_is_refused_with_the_error(world, failed):
    assert failed

    done = world.run("explain", "jab")

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{world.config}: Expected" in done.stderr and "did you mean job?" in done.stderr


@pytest.mark.usefixtures("failed")
def test_pages_predict_nothing_and_show_the_last_outcome(connect):
    browser = connect("browser")
    home, page = browser.get("/").text, browser.get("/jobs/job").text

    assert home.count("<time") == 1  # the last run
    assert "Its last run for its slot of" in page and "failed" in page
    assert "Nothing runs until the configuration can be read." in page
    next_slots = page.partition('id="next-title"')[2].partition("</section>")[0]
    assert "None." in next_slots and "<time" not in next_slots


# REST and MCP


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("runs", "failed"), ("runs?job_id=job", "failed"), ("runs/RUN", "failed"), ("runs/RUN/logs", "found"),
        ("jobs/job/logs", "found"), ("incidents", "job"), ("notices", "[]"), ("jobs", "1h"), ("jobs/job", '"settings":{}'),
        ("next", "config_error"), ("jobs/job/next", "config_error"), ("status", "Expected"), ("jobs/job/explain", NOTHING),
        ("jobs/job/statuses", "failed"), ("forecast?from=2030-01-01&to=2030-01-02", "[]"),
    ],
)  # fmt: skip
def test_rest_answers_from_the_ledger_with_the_error(world, failed, connect, path, shown):
    answer = connect().get(f"/api/{path.replace('RUN', failed)}")

    assert (answer.status_code, shown in answer.text) == (200, True)
    assert f"{world.config}: Expected" in answer.headers["Scheduled-Config-Error"]


@pytest.mark.usefixtures("failed")
@pytest.mark.parametrize("path", ["chains", "dry-run"])
def test_rest_refuses_what_needs_the_configuration(connect, path):
    answer = connect().get(f"/api/{path}")

    assert answer.status_code == 422 and "Expected" in answer.json()["detail"]


def test_a_wrong_setting_is_named_with_its_line(world):
    world.configure('timezone = "UTC"\n[jobs.job]\ncommand = "true"\n')
    world.run("run", "job")
    world.configure('timezone = "UTC"\n[history]\nkeep_days = 0\n')

    done, checked = world.run("history"), world.json("check")

    message = f"{world.config}:3: history.keep_days: must be from 1 to 2147483647, got 0"
    assert done.returncode == 2 and message in done.stderr
    assert checked["problems"] == [message]


def test_check_lists_the_error(world, failed, connect):
    assert failed

    answer, done = connect().get("/api/check").json(), world.run("check", "--json")

    assert (answer["ok"], len(answer["problems"]), done.returncode) == (False, 1, 2)
    assert answer["problems"][0].startswith(f"{world.config}: Expected")


def test_agents_read_the_ledger_with_the_error(world, failed):
    mcp = pytest.importorskip("tests.fixtures.interfaces.mcp_interface")
    with mcp.McpInterface(world) as agent:
        seen = {
            "history": agent.call("history"),
            "show_run": agent.call("show_run", run_id=failed),
            "logs": agent.call("logs", name="job"),
            "incidents": agent.call("incidents"),
            "explain": agent.call("explain", job="job"),
            "next": agent.call("next_slots"),
            "jobs": agent.call("cron_list"),
            "status": agent.call("scheduler_get_status"),
            "daemon": agent.call("scheduler_daemon_status"),
        }
        resource = agent.read("scheduled://status")
        refused, _ = agent.call("dry_run")
        wrong, checked = agent.call("check")

    assert all(not is_error and "Expected" in answer["config_error"] for is_error, answer in seen.values())
    assert seen["history"][1]["result"][0]["run_id"] == failed
    assert (seen["show_run"][1]["run_id"], seen["logs"][1]["output"]) == (failed, "found\n")
    assert seen["explain"][1]["sentence"] == NOTHING
    assert {slot["reason"] for slot in seen["next"][1]["result"]} == {"config_error"}
    assert "Expected" in resource
    assert (refused, wrong, checked["ok"]) == (True, False, False)


@pytest.mark.parametrize("allowed", [True, False])
def test_an_agent_that_was_allowed_to_stop_a_run_stops_it(world, until, allowed):
    mcp = pytest.importorskip("tests.fixtures.interfaces.mcp_interface")
    text = LONG + ('[mcp]\nallow = ["run"]\n' if allowed else "")
    world.configure(text)
    runner = world.start("run", "long")
    until(lambda: [run for run in world.json("history") if run["status"] == "running"])
    [run] = world.json("history")
    with mcp.McpInterface(world) as agent:
        world.configure(text + "[torn\n")
        is_error, answer = agent.call("stop", run_id=run["run_id"])

    if not allowed:
        world.run("stop", run["run_id"])
    runner.wait(timeout=30)
    assert is_error is not allowed
    assert "Expected" in answer["config_error" if allowed else "message"]
    assert status_of(world, run["run_id"]) == ("skipped", "stopped")
