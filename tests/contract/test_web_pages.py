"""Edge cases of the pages: a job that was removed during its run, a number that is not valid."""

import re
from pathlib import Path

import pytest

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

    assert all("gone" in text for text in seen[:4])  # every page names the failed job
    found = set().union(*map(links, seen))
    assert {path for path in found if browser.get(path).status_code != 200} == set()


@pytest.mark.parametrize("start", ["9" * 5000, "٣", "²", "-1", "1.5", "", "x"])
def test_an_invalid_number_is_refused(world, browser, start):
    world.run("run", "other")
    [run] = browser.get("/api/runs").json()

    answer = browser.get(f"/live/log/{run['run_id']}", params={"from": start})

    assert (answer.status_code, "must be a number" in answer.text) == (400, True)
