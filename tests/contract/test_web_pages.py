"""Edge cases of the pages: a job that was removed during its run, a number that is not valid."""

import re
from pathlib import Path

import pytest

from scheduled import service
from scheduled.errors import TooLongError

JOBS = """
timezone = "UTC"
[jobs.other]
command = "true"
"""
WAITING = (
    JOBS
    + "[jobs.gone]\ncommand = 'echo begun; until [ -e $HOME/end ]; do sleep 0.1; done; echo over; exit 3'\n"
)


@pytest.fixture
def browser(world, connect):
    world.configure(WAITING.replace("$HOME", str(Path.home())))
    return connect("browser")


def links(page):
    """Return the links of a page to other pages of this interface."""
    return set(re.findall(r'href="(/[^"]*)"', page))


def begun(world, browser, until):
    """Start a run of a job and remove the job; return the runner's process and the path of the run's page."""
    runner = world.start("run", "gone")
    [run] = until(
        lambda: [run for run in browser.get("/api/runs?job_id=gone").json() if run["status"] == "running"]
    )
    world.configure(JOBS)
    return runner, f"/runs/{run['run_id']}"


def end(runner):
    (Path.home() / "end").touch()
    runner.wait()


def test_a_live_log_ends_with_its_run_when_the_job_was_removed_during_the_run(world, browser, until):
    runner, page = begun(world, browser, until)
    live = f"/live/log/{page.rpartition('/')[2]}?from=0"
    under_way = browser.get(live)
    end(runner)
    over = browser.get(live)

    assert (under_way.status_code, "The run is in progress." in under_way.text) == (200, True)
    assert over.status_code == 200
    assert "The run has ended" in over.text and "begun\nover\n" in over.text


def test_no_page_links_to_a_job_that_was_removed(world, browser, until):
    runner, page = begun(world, browser, until)
    seen = [browser.get(page).text]
    end(runner)
    seen += [browser.get(path).text for path in (page, "/runs", "/incidents", "/")]

    # A job that is removed from the configuration is no incident.
    assert all("gone" in text for text in seen[:3])
    found = set().union(*map(links, seen))
    assert {path for path in found if browser.get(path).status_code != 200} == set()


@pytest.mark.parametrize("start", ["9" * 5000, "٣", "²", "-1", "1.5", "", "x"])
def test_an_invalid_number_is_refused(world, browser, start):
    world.run("run", "other")
    [run] = browser.get("/api/runs").json()

    answer = browser.get(f"/live/log/{run['run_id']}", params={"from": start})

    assert (answer.status_code, "must be a number" in answer.text) == (400, True)


# Conditions, chains, attempts


def test_the_page_of_incidents_states_the_issues_of_a_workspace(world, connect, sample):
    sample.inbox("FLOW").write_text("{ torn")
    world.configure(
        f'timezone = "UTC"\nworkspace = "{sample.root}"\n'
        '[jobs.health]\nhandler = "health"\n[jobs.sweep]\nhandler = "mail_cleanup"\n'
    )
    world.run("run", "health", "sweep")

    answer = connect("browser").get("/incidents")

    assert (answer.status_code, "DRONE.local.json: 523 lines" in answer.text) == (200, True)
    assert f"{sample.inbox('FLOW')} cannot be parsed" in answer.text


CHAIN = """
timezone = "UTC"
[jobs.fetch]
command = "echo fetched"
[jobs.parse]
command = "test -e {root}/whole"
[jobs.publish]
command = "echo published"
[jobs.nightly]
chain = ["fetch", ["parse"], "publish"]
"""


@pytest.fixture
def chain(world):
    """A world with a chain that succeeded yesterday and failed at its second step today."""
    world.configure(CHAIN.format(root=world.root))
    (world.root / "whole").touch()
    world.run("run", "nightly", at="-1d")
    (world.root / "whole").unlink()
    world.run("run", "nightly")
    return world


@pytest.mark.usefixtures("chain")
def test_the_page_of_chains_shows_the_newest_run_of_the_chain_and_not_that_of_each_job(connect):
    page = connect("browser").get("/chains").text

    assert re.findall(r'<rect class="node (\w*)"', page) == ["success", "failed", ""]
    assert 'publish</a> <span class="dim">not started</span>' in page


def test_the_run_of_a_chain_shows_its_steps_with_their_runs(chain, connect):
    browser, run = connect("browser"), chain.json("history", "nightly")[0]
    for path in (f"/runs/{run['run_id']}", "/jobs/nightly"):
        page = browser.get(path).text

        assert "not started" in page and "exit code 1" in page and 'id="log"' not in page
        steps = [step["run_id"] for step in run["result"]["steps"][0] + run["result"]["steps"][1]]
        assert {f"/runs/{run_id}" for run_id in steps} <= links(page)
        assert browser.get(f"/runs/{steps[0]}").text.count(f"/runs/{run['run_id']}") == 1  # the way back


def test_the_page_of_a_run_has_its_attempts_with_their_output_and_its_result(world, connect, sample):
    world.configure(
        f'timezone = "UTC"\nworkspace = "{sample.root}"\n[jobs.health]\nhandler = "health"\n'
        '[jobs.often]\ncron = "* * * * *"\nretry = { max_attempts = 2, delay = "1s", jitter = 0 }\n'
        f'command = "echo x >> {world.root}/n; echo this is $(wc -l < {world.root}/n); exit 1"\n'
    )
    world.run("run", "health")
    world.run("run")
    browser = connect("browser")
    [health], [often] = world.json("history", "health"), world.json("history", "often", "-n", "1")
    first = f"/runs/{often['run_id']}?attempt=1"

    page = browser.get(f"/runs/{often['run_id']}").text

    assert "this is 2" in page and first in links(page)
    assert "this is 1" in browser.get(first).text
    assert browser.get(f"/runs/{often['run_id']}/output.txt?attempt=1").text == "this is 1\n"
    assert browser.get(f"/runs/{often['run_id']}?attempt=7").status_code == 404
    assert f"<dd>{health['result']['branches']}</dd>" in browser.get(f"/runs/{health['run_id']}").text


# Stop


def test_stopping_a_run_that_has_ended_shows_the_run(world, browser):
    world.run("run", "other")
    [run] = world.json("history")

    answer = browser.post(
        f"/runs/{run['run_id']}/stop", headers={"Origin": str(browser.base_url).rstrip("/")}
    )

    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run['run_id']}")
    assert browser.post("/runs/nothing/stop").status_code in (403, 404)


SLOW_CHAIN = """
timezone = "UTC"
[jobs.slow]
command = "sleep 60"
[jobs.nightly]
chain = ["slow"]
"""


@pytest.mark.parametrize("page", ["run", "job"])
def test_a_running_chain_is_stopped_with_its_step_by_the_button_of_its_page(world, connect, until, page):
    world.configure(SLOW_CHAIN)
    browser, runner = connect("browser"), world.start("run", "nightly")
    [step] = until(lambda: [run for run in world.json("history", "slow") if run["status"] == "running"])
    [run] = world.json("history", "nightly")
    place = f"/runs/{run['run_id']}" if page == "run" else "/jobs/nightly"

    shown = browser.get(place).text
    [button] = re.findall(r'action="(/runs/[^"]*/stop)"', shown)
    answer = browser.post(button)
    runner.wait()
    after = browser.get(place).text

    assert (answer.status_code, button) == (303, f"/runs/{run['run_id']}/stop")
    assert '/stop"' not in after and "stopped" in after
    assert world.json("show", step["run_id"])["status"] == "skipped"


@pytest.mark.parametrize(("button", "status"), [("approve", "success"), ("deny", "skipped")])
def test_a_run_that_asks_is_answered_on_the_page_of_incidents(world, connect, until, button, status):
    world.configure('[jobs.deploy]\ncommand = "true"\napprove = true\non = "asked"\n')
    world.run("emit", "asked")
    world.run("run")
    browser, [run] = connect("browser"), world.json("history")

    shown = browser.get("/incidents").text
    answer = browser.post(f"/runs/{run['run_id']}/{button}")
    until(lambda: world.json("show", run["run_id"])["status"] == status)

    assert f'action="/runs/{run["run_id"]}/{button}"' in shown and "/ack" not in shown
    assert answer.status_code == 303
    world.run("run")
    assert f"/{button}" not in browser.get("/incidents").text


# Skipping


def skip_button(browser):
    return '/jobs/job/skip"' in browser.get("/jobs/job").text


def test_open_slots_have_a_button_only_where_something_can_be_skipped(world, connect, until):
    text = 'timezone = "UTC"\n[jobs.job]\nevery = "1h"\ncommand = "sleep 60"\n[jobs.other]\ncommand = "sleep 60"\n'
    world.configure(text.replace("every", "not_between = ['00:00', '23:30']\nevery"))
    world.run("run", at="-90m")
    browser = connect("browser")
    waits = skip_button(browser)
    browser.post("/jobs/job/skip")
    skipped = skip_button(browser)
    world.configure(text)
    runner = world.start("run", "job")
    [run] = until(lambda: [run for run in world.json("history", "job") if run["status"] == "running"])
    running = skip_button(browser)
    browser.post(f"/runs/{run['run_id']}/stop")
    runner.wait()

    assert (waits, skipped, running) == (True, False, False)


def test_a_skip_has_a_button_that_undoes_it_as_long_as_that_is_possible(world, connect):
    text = 'timezone = "UTC"\n[jobs.job]\nevery = "1h"\nnot_between = ["00:00", "23:30"]\ncommand = "true"\n'
    world.configure(text)
    world.run("run", at="-90m")
    browser = connect("browser")

    def buttons():
        return [f'/jobs/job/{name}"' in browser.get("/jobs/job").text for name in ("skip", "unskip")]

    before = buttons()
    browser.post("/jobs/job/skip")
    skipped = buttons()
    browser.post("/jobs/job/unskip")

    assert (before, skipped, buttons()) == ([True, False], [False, True], [True, False])


# A configuration that cannot be read


def test_the_pages_show_the_ledger_and_the_error_if_the_configuration_cannot_be_read(chain, connect):
    browser, [run, *_] = connect("browser"), chain.json("history", "nightly")
    chain.configure(CHAIN.format(root=chain.root) + "[jobs.torn\n")
    error = f"{chain.config}: Expected"
    pages = (
        "/",
        "/runs",
        "/jobs/nightly",
        f"/runs/{run['run_id']}",
        "/chains",
        "/incidents",
        "/forecast",
        "/runs?job=nightly",
    )

    for path in pages:
        answer = browser.get(path)
        assert (answer.status_code, answer.text.count(error)) == (200, 1), path
        assert '/run"' not in answer.text, path  # no button that would be refused
    assert "nightly" in browser.get("/").text and "not started" in browser.get(pages[3]).text
    assert browser.get("/api/dry-run").status_code == 422


def test_no_secret_is_shown_while_the_configuration_that_names_it_cannot_be_read(world, connect, until):
    world.configure(
        'timezone = "UTC"\n[jobs.deep]\nenv = { API_TOKEN = "hunter2-hunter2" }\n'
        f'command = "echo $API_TOKEN; until [ -e {Path.home()}/end ]; do sleep 0.1; done"\n'
    )
    runner = world.start("run", "deep")
    [run] = until(lambda: world.json("history", "--status", "running"))
    world.configure("[torn\n")
    browser = connect("browser")
    seen = [
        browser.get(path).text
        for path in (f"/runs/{run['run_id']}", "/jobs/deep", f"/live/log/{run['run_id']}?from=0")
    ]
    end(runner)

    assert [("hunter2" in text, "Expected" in text) for text in seen[:2]] == [(False, True)] * 2
    assert "hunter2" not in seen[2] + browser.get(f"/runs/{run['run_id']}").text


def test_the_page_of_a_job_begins_with_its_last_outcome(world, connect):
    world.configure('timezone = "UTC"\n[jobs.job]\nevery = "1h"\ncommand = "exit 3"\n')
    browser = connect("browser")
    before = browser.get("/jobs/job").text
    world.run("run", "job")

    now = browser.get("/jobs/job").text.partition('id="now"')[2]

    assert "It has not run yet." in before
    assert now.index("Its last run failed") < now.index(world.json("explain", "job")["sentence"][:12])


def test_a_claimed_run_is_not_shown_as_running(world, connect):
    world.configure('timezone = "UTC"\n[jobs.one]\ncommand = "true"\n')
    world.run("run", "one")
    world.sql("UPDATE runs SET status = 'claimed', started_at = NULL, finished_at = NULL")

    [listed] = connect().get("/api/jobs").json()
    row = connect("browser").get("/").text.partition('<div class="state">')[2].partition("</li>")[0]

    assert (listed["running"], listed["open_reason"]) == (False, "queued")
    assert "running" not in row and "queued" in row


def test_a_run_by_hand_is_shown_without_a_slot(world, connect):
    world.configure('timezone = "UTC"\n[jobs.one]\ncommand = "true"\n')
    world.run("run", "one")
    world.run("run", "one", "--for", "2025-01-01T00:00")
    newest, oldest = world.json("history", "one")
    browser = connect("browser")

    table = browser.get("/runs").text.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = {
        run["run_id"]: row for row in table.split("</tr>") for run in (newest, oldest) if run["run_id"] in row
    }
    facts = {run["run_id"]: browser.get(f"/runs/{run['run_id']}").text for run in (newest, oldest)}

    assert "no slot, started" in rows[oldest["run_id"]] and "no slot" not in rows[newest["run_id"]]
    assert "2025-01-01T00:00:00+00:00" in rows[newest["run_id"]]
    assert "Scheduled for" not in facts[oldest["run_id"]] and "Scheduled for" in facts[newest["run_id"]]
    assert all("<dt>Slot</dt>" not in page for page in facts.values())


def test_a_damaged_ledger_is_named_with_the_next_step(world, connect):
    world.configure('timezone = "UTC"\n[jobs.one]\ncommand = "true"\n')
    world.run("run", "one")
    ledger = world.state / "ledger.db"
    ledger.write_bytes(b"damaged" * 1000)
    step = "the next tick moves it aside and restores it from the snapshot"

    page, rest, done = connect("browser").get("/"), connect().get("/api/jobs"), world.run("jobs")

    assert (page.status_code, rest.status_code, done.returncode) == (503, 503, 1)
    assert all(
        f"{ledger}: damaged: " in text and step in text for text in (page.text, rest.text, done.stderr)
    )
    assert world.run("run").stderr.startswith(
        f"scheduled: {ledger}: damaged: file is not a database; moved aside to "
    )
    assert connect("browser").get("/").status_code == 200


def test_the_calendar_shows_one_week_if_the_forecast_of_five_takes_too_long(browser, monkeypatch):
    forecast, asked = service.forecast, []

    def limited(instance, first, last, **options):
        asked.append((first, last))
        if last > "2030-01-15":
            raise TooLongError("the answer takes too long")
        return forecast(instance, first, last, **options)

    monkeypatch.setattr(service, "forecast", limited, raising=False)
    page = browser.get("/forecast?from=2030-01-09")

    assert asked == [("2030-01-07T00:00", "2030-02-11T00:00"), ("2030-01-07T00:00", "2030-01-14T00:00")]
    assert page.status_code == 200 and page.text.count('class="day"') == 7
    assert "only one week is shown" in page.text and "/forecast?from=2030-01-14" in page.text


def test_the_page_of_a_job_names_a_gate_that_is_only_assumed_to_be_open(world, connect):
    world.configure(
        """
        [jobs.gated]
        every = "1h"
        only_if = { command = "false" }
        command = "true"
        [jobs.free]
        every = "1h"
        command = "true"
        [jobs.line]
        every = "1h"
        chain = ["gated"]
        """
    )
    client = connect()
    rows = client.get("/api/jobs/gated/next").json()

    assert all("gate" in row["assumed"] for row in rows)
    assert client.get("/jobs/gated").text.count("if its gate is open then") == len(rows) > 0
    assert "gate is open" not in client.get("/jobs/free").text
    assert "if the gates of the steps are open" in client.get("/jobs/line").text


def test_the_forecast_names_what_it_assumes(world, connect):
    world.configure('timezone = "UTC"\n[jobs.one]\ncron = "0 * * * *"\ncommand = "true"\n')
    world.run("run", "one")
    browser = connect("browser")

    pages = [
        browser.get(path).text
        for path in ("/forecast", "/forecast?day=2030-01-01", "/forecast?day=2020-01-01")
    ]

    assert all(
        "ticks come every 5m (assumed: no crontab entry" in page and "every gate is open" in page
        for page in pages[:2]
    )
    assert "this span is over" in pages[2] and "every gate" not in pages[2]


# Targets


def test_the_page_of_a_job_lists_its_targets_and_each_has_a_page(world, connect):
    world.configure(
        'timezone = "UTC"\n[web]\nallow_edit = true\n[jobs.each]\ncron = "0 4 1 1 *"\nfor_each = ["a", "b c"]\n'
        'command = ["sh", "-c", "test $SCHEDULED_TARGET = a"]\n[jobs.all]\nchain = ["each"]\n'
    )
    world.run("run", "each")
    browser = connect("browser")
    job, home = browser.get("/jobs/each").text, browser.get("/").text

    assert "1 ok, 1 failed (b c)" in job and "1 ok, 1 failed (b c)" in home
    page = "/jobs/each%40b%2520c"
    assert page in links(job)
    # The test client decodes a path twice, so the name of the target arrives as it is written in `for_each`.
    assert browser.post(f"{page}/pause").headers["location"] == "/jobs/each%40b%20c"
    [paused] = [one for one in world.json("jobs")[0]["targets"] if one["paused"]]
    assert (paused["target"], world.json("jobs")[0]["paused"]) == ("b c", False)
    target = browser.get(page).text
    assert "<h1>each@b%20c</h1>" in target and "Resume" in target and "/jobs/each/edit" not in links(target)
    shown = [
        browser.get(path)
        for path in ("/jobs/all", "/runs", "/incidents", "/chains", "/forecast?day=2027-01-01")
    ]
    assert [answer.status_code for answer in shown] == [200] * 5
    assert page in links(shown[1].text)


def test_an_unknown_target_is_not_found_and_the_page_names_the_known_ones(world, connect):
    world.configure('timezone = "UTC"\n[jobs.each]\nfor_each = ["a"]\ncommand = "true"\n')

    answer = connect("browser").get("/jobs/each%40zzz")

    assert (answer.status_code, "the targets of each are each@a" in answer.text) == (404, True)


def test_the_page_of_a_job_shows_the_settings_that_show_shows(world, connect):
    world.configure(
        'timezone = "UTC"\n[jobs.job]\nonce_per = "day"\nbetween = ["09:00", "10:00"]\ncommand = "true"\nkill_after = "1m"\n'
        'start_delay = "5m"\noverlap = "skip"\npre = "echo <b>"\nsecrets = { TOKEN = "file:/etc/token" }\n'
        'only_if = { network = "default" }\n'
    )
    page = connect("browser").get("/jobs/job").text
    rows = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page))

    wanted = {
        "Between": "09:00 to 10:00",
        "Kill after": "1m",
        "Start delay": "5m",
        "Overlap": "skip",
        "Pre": "echo &lt;b&gt;",
        "Secrets": "TOKEN = file:/etc/token",
        "Only if": "there is a network",
    }
    assert {name: rows.get(name) for name in wanted} == wanted
    assert "Not between" not in rows


def test_the_page_of_a_job_shows_what_is_expected_and_what_is_broken(world, browser):
    world.configure(JOBS + '[jobs.job]\ncommand = "sleep 1.1"\nexpect = { within = "2d", duration = "1s" }\n')
    world.run("run", "job")
    page = browser.get("/jobs/job").text

    assert "its last success is at most 2d ago; a run takes at most 1s" in page
    assert "Not as expected: job: its last success took " in page
    assert "its last success took" in browser.get("/incidents").text
    assert "its last success took" in browser.get("/").text
