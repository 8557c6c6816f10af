"""The pages in Debian's Chromium, headless, with a new profile."""

import re
import shutil
import subprocess
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from tests.fixtures.world import World

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium (tests/run.sh installs it)"),
    pytest.mark.xdist_group("chromium"),
]

JOBS = """
timezone = "Europe/Berlin"
[web]
allow_edit = true
[jobs.backup]
description = "A long description of a job that has much to do, written at some length"
cron = "0 3 * * *"
command = "echo saved"
[jobs.a-job-with-quite-a-long-name-that-does-not-fit-on-a-telephone]
every = "30m"
command = "exit 3"
[jobs.retried]
on = "go"
command = "echo tried; exit $((SCHEDULED_ATTEMPT == 1))"
retry = { max_attempts = 2, delay = "1s" }
[jobs.ticking]
command = "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.5; done"
[jobs.nightly]
cron = "30 1 * * *"
chain = ["backup", ["ticking", "a-job-with-quite-a-long-name-that-does-not-fit-on-a-telephone"], "backup"]
[jobs.off]
enabled = false
command = "true"
"""
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PAGES = [
    "/", "/jobs/backup", "/jobs/nightly", "/jobs/off", "/jobs/backup/edit", "/new", "/runs", "/chains", "/incidents", "/forecast",
    "/login", "/nowhere",
]  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("world"))
    world.configure(JOBS)
    world.run("run", "backup", "a-job-with-quite-a-long-name-that-does-not-fit-on-a-telephone")
    world.run("run", "nightly")
    world.run("emit", "go")
    world.run("run")
    return world


@pytest.fixture(scope="module")
def pages(world):
    """The paths of PAGES, and of the pages of a run with two attempts and of a chain's run."""
    runs = [world.json("history", name)[0]["run_id"] for name in ("retried", "nightly")]
    return [*PAGES, *(f"/runs/{run_id}" for run_id in runs)]


@pytest.fixture(scope="module")
def address(world):
    """Start a server in its own process; return the address that it prints."""
    interface = subprocess.Popen(world.command("web", "--port", "0"), stderr=subprocess.PIPE, text=True)
    yield re.search(r"http://\S+", interface.stderr.readline())[0]
    interface.terminate()
    interface.wait()
    interface.stderr.close()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def signed_in(browser, address):
    """The cookies of a browser that has opened the printed address."""
    tab = browser.new_context()
    page = tab.new_page()
    page.goto(address)
    assert page.url == address.partition("?")[0]  # without the code
    yield tab.storage_state()
    tab.close()


@pytest.fixture
def open_page(browser, address, signed_in):
    """Return a context manager that opens a page in a new tab of the browser that is signed in.

    Any message on the browser's console fails the test, except those of expected 404 and 422 responses.
    """

    @contextmanager
    def opened(path="/", **context):
        tab = browser.new_context(storage_state=signed_in, **context)
        page = tab.new_page()
        page.set_default_timeout(15_000)
        printed = []
        page.on("console", lambda message: printed.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: printed.append(str(error)))
        page.goto(address.partition("/?")[0] + path)
        yield page
        tab.close()
        assert [text for text in printed if "404" not in text and "422" not in text] == []

    return opened


@pytest.mark.usefixtures("signed_in")
def test_the_printed_address_signs_in_no_second_browser(browser, address):
    tab = browser.new_context()
    page = tab.new_page()

    answer = page.goto(address)  # as from the history of the first one

    assert answer.status == 401
    expect(page.get_by_text("scheduled web --url").first).to_be_visible()
    assert tab.cookies() == []
    tab.close()


def test_a_job_is_created_run_watched_and_disabled(open_page, world):
    proceed = world.root / "proceed"
    work = f"echo line 1; sleep 1; echo line 2; until [ -e {proceed} ]; do sleep 0.1; done; echo line 3; echo line 4"
    with open_page("/new", viewport={"width": 1600, "height": 1000}) as page:
        page.get_by_label("Name").fill("fresh")
        page.get_by_label("Schedule", exact=True).fill("0 9 * * MON")
        expect(page.locator("#preview strong")).to_have_text("At 09:00 on Monday")
        expect(page.locator("#preview li")).to_have_count(10)
        page.get_by_label("Schedule", exact=True).fill("61 9 * * *")
        expect(page.locator("#preview .error")).to_contain_text("cron:")
        page.get_by_label("every").check()
        page.get_by_label("Schedule", exact=True).fill("2h")
        expect(page.locator("#preview strong")).to_have_text("Every 2h")
        page.get_by_label("Action", exact=True).fill(work)
        page.get_by_label("Enable it at once").check()
        page.get_by_role("button", name="Add the job").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("fresh")
        page.get_by_role("button", name="Run now").click()
        expect(page.locator("#poll")).to_contain_text("The run is in progress")
        expect(page.locator("#log")).to_have_text("line 1\nline 2\n")  # it grows
        expect(page.locator("#poll")).to_contain_text("The run is in progress")
        proceed.touch()
        expect(page.locator("#poll")).to_contain_text("The run has ended: success")
        expect(page.locator("#log")).to_have_text("line 1\nline 2\nline 3\nline 4\n")
        expect(page.locator("#runs")).to_contain_text("success")

        page.get_by_role("button", name="Disable").click()
        expect(page.locator(".mark.disabled")).to_be_visible()

    [line] = [line for line in world.json("jobs") if line["name"] == "fresh"]
    assert (line["enabled"], line["last_status"]) == (False, "success")


def test_every_page_works_without_javascript(open_page, world, until):
    with open_page("/new", java_script_enabled=False) as page:
        page.get_by_label("Name").fill("plain")
        page.get_by_label("Schedule", exact=True).fill("0 9 * * MON")
        page.get_by_role("button", name="Show the next slots").click()
        expect(page.locator("#preview li")).to_have_count(10)
        page.get_by_label("Action", exact=True).fill("for i in 1 2 3 4; do echo line $i; sleep 1; done")
        page.get_by_role("button", name="Add the job").click()
        page.get_by_role("button", name="Enable").click()
        page.get_by_role("button", name="Run now").click()
        page.get_by_role("link", name="Live output as plain text").click()
        expect(page.locator("body")).to_contain_text("line 4")
        until(lambda: world.json("history", "plain")[0]["status"] == "success")
        page.goto(page.url.partition("/runs/")[0] + "/jobs/plain")
        expect(page.locator("#runs")).to_contain_text("success")
        page.get_by_role("link", name="Edit").click()
        page.get_by_label("Schedule", exact=True).fill("61 9 * * *")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("cron:")
        page.get_by_label("Schedule", exact=True).fill("0 10 * * *")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("plain")

    shown = world.json("show", "plain")
    assert (shown["enabled"], shown["schedule_words"]) == (True, "at 10:00 every day")


@pytest.mark.parametrize("width", [320, 400, 760, 1080, 1600])
def test_every_page_fits_its_window(open_page, pages, width):
    with open_page(viewport={"width": width, "height": 900}) as page:
        origin = page.url.rstrip("/")
        beyond = {}
        for path in pages:
            page.goto(origin + path)
            beyond[path] = page.evaluate("document.documentElement.scrollWidth - innerWidth")

    assert {path for path, pixels in beyond.items() if pixels > 0} == set()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1600), ("dark", 400)])
def test_axe_finds_no_accessibility_violations(open_page, pages, scheme, width):
    found = {}
    # The content security policy does not allow the script of axe
    with open_page(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True) as page:
        origin = page.url.rstrip("/")
        for path in pages:
            page.goto(origin + path)
            violations = Axe().run(page).response["violations"]
            found |= {(path, one["id"]): one["nodes"][0]["html"] for one in violations}

    assert found == {}


def test_a_job_can_be_run_with_the_keyboard_alone(open_page, world):
    with open_page("/") as page:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent").strip() == "Run backup now":
                break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("backup")

    assert outline == "solid"
    assert len(world.json("history", "backup")) > 1


def test_diagrams_and_buttons_have_text_for_screen_readers(open_page):
    with open_page("/") as page:
        assert page.get_by_role("img", name=re.compile("Last result: 1 failed")).count() == 1
        assert page.get_by_role("button", name="Disable backup").count() == 1
        page.goto(page.url + "chains")
        assert (
            page.get_by_role("img", name=re.compile("nightly: backup, then ticking and a-job")).count() == 1
        )


def test_the_list_of_jobs_shows_changes_made_through_other_interfaces(open_page, world):
    with open_page("/") as page:
        page.clock.install()
        page.reload()
        world.run("disable", "ticking")
        page.clock.fast_forward(20_000)
        row = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="ticking", exact=True))
        expect(row.locator(".mark.disabled")).to_be_visible()
    world.run("enable", "ticking")


LIVE = """
timezone = "UTC"
[jobs.first]
command = "until [ -e {root}/first ]; do sleep 0.1; done"
[jobs.second]
command = "exit 3"
[jobs.both]
chain = ["first", "second"]
[jobs.long]
command = "echo begun; sleep 60"
[jobs.timed]
cron = "0 4 * * *"
command = "true"
"""


@pytest.fixture
def live_page(browser, tmp_path, interface_of):
    """Return a signed-in page of a new world, and the world."""
    world = World(tmp_path)
    world.configure(LIVE.format(root=world.root))
    address = interface_of(world)
    tab = browser.new_context(viewport={"width": 320, "height": 900})
    page = tab.new_page()
    page.set_default_timeout(15_000)
    page.goto(address)
    yield page, world
    tab.close()


@pytest.fixture
def interface_of():
    """Return a function that starts a server for a world and returns the address that it prints."""
    started = []

    def start(world):
        started.append(
            subprocess.Popen(world.command("web", "--port", "0"), stderr=subprocess.PIPE, text=True)
        )
        return re.search(r"http://\S+", started[-1].stderr.readline())[0]

    yield start
    for process in started:
        process.terminate()
        process.wait()
        process.stderr.close()


def test_the_steps_of_a_chain_are_followed_on_the_page_of_its_run(live_page):
    page, world = live_page
    page.get_by_role("link", name="both", exact=True).click()
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("link", name="Show the run").click()
    rows = page.locator("#steps tbody tr")
    expect(rows).to_contain_text(["running", "not started"])

    (world.root / "first").touch()

    expect(rows).to_contain_text(["success", "failed exit code 3"])
    expect(page.locator("#state")).to_contain_text("failed")
    expect(page.locator("#facts")).to_contain_text("step 2 of 2: second failed")
    expect(page.locator("#poll")).to_contain_text("The run has ended: failed")


def test_stop_goes_away_with_the_run_and_an_old_page_leads_to_its_end(live_page):
    page, world = live_page
    page.get_by_role("link", name="long", exact=True).click()
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    old = page.context.new_page()
    old.route("**/live/**", lambda route: route.abort())  # a page that is not kept up to date
    old.goto(page.url)

    world.run("stop", world.json("history", "long")[0]["run_id"])

    expect(page.locator("#poll")).to_contain_text("The run has ended")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    old.get_by_role("button", name="Stop").click()
    expect(old.get_by_role("heading", level=1)).to_contain_text("long-manual-")
    expect(old.locator("#facts")).to_contain_text(re.compile(r"Reason\s*stopped"))


def test_the_pages_fit_with_the_error_of_a_configuration_that_cannot_be_read(live_page):
    page, world = live_page
    world.run("run", "second")
    world.configure("[torn")
    origin, beyond = page.url.rstrip("/"), {}
    for path in ("/", "/runs", "/jobs/second", "/chains", "/forecast", "/incidents"):
        page.goto(origin + path)
        expect(page.get_by_role("alert")).to_contain_text(str(world.config))
        beyond[path] = page.evaluate("document.documentElement.scrollWidth - innerWidth")

    assert {path for path, pixels in beyond.items() if pixels > 0} == set()
