"""The pages in a real browser: Debian's Chromium, headless, with a profile of its own."""

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
description = "A long description of a job that has much to do and says so at some length"
cron = "0 3 * * *"
command = "echo saved"
[jobs.a-job-with-quite-a-long-name-that-has-no-room-on-a-telephone]
every = "30m"
command = "exit 3"
[jobs.ticking]
command = "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.5; done"
[jobs.nightly]
cron = "30 1 * * *"
chain = ["backup", ["ticking", "a-job-with-quite-a-long-name-that-has-no-room-on-a-telephone"], "backup"]
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
def house(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("world"))
    world.configure(JOBS)
    world.run("run", "backup", "a-job-with-quite-a-long-name-that-has-no-room-on-a-telephone")
    return world


@pytest.fixture(scope="module")
def address(house):
    """An interface of a process of its own; the address that it prints."""
    interface = subprocess.Popen(house.command("web", "--port", "0"), stderr=subprocess.PIPE, text=True)
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


@pytest.fixture
def look(browser, address):
    """Open a page as somebody who has come in by the printed address; whatever the console says is a fault."""

    @contextmanager
    def looking(path="/", **context):
        tab = browser.new_context(**context)
        page = tab.new_page()
        page.set_default_timeout(15_000)
        said = []
        page.on("console", lambda message: said.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(address)
        page.goto(address.partition("/?")[0] + path)
        yield page
        tab.close()
        assert [text for text in said if "404" not in text and "422" not in text] == []

    return looking


def test_a_job_is_created_run_watched_and_disabled(look, house):
    go = house.root / "go"
    work = (
        f"echo line 1; sleep 1; echo line 2; until [ -e {go} ]; do sleep 0.1; done; echo line 3; echo line 4"
    )
    with look("/new", viewport={"width": 1600, "height": 1000}) as page:
        page.get_by_label("Name").fill("fresh")
        page.get_by_label("Schedule", exact=True).fill("0 9 * * MON")
        expect(page.locator("#preview strong")).to_have_text("At 09:00 on Monday")
        expect(page.locator("#preview li")).to_have_count(10)
        page.get_by_label("Schedule", exact=True).fill("61 9 * * *")
        expect(page.locator("#preview .error")).to_contain_text("cron:")
        page.get_by_label("every").check()
        page.get_by_label("Schedule", exact=True).fill("2h")
        expect(page.locator("#preview strong")).to_have_text("Every 2h")
        page.get_by_label("Work", exact=True).fill(work)
        page.get_by_label("Enable it at once").check()
        page.get_by_role("button", name="Add the job").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("fresh")
        page.get_by_role("button", name="Run now").click()
        expect(page.locator("#poll")).to_contain_text("It is running")
        expect(page.locator("#log")).to_have_text("line 1\nline 2\n")  # it grows
        expect(page.locator("#poll")).to_contain_text("It is running")
        go.touch()
        expect(page.locator("#poll")).to_contain_text("It is over: success")
        expect(page.locator("#log")).to_have_text("line 1\nline 2\nline 3\nline 4\n")
        expect(page.locator("#runs")).to_contain_text("success")

        page.get_by_role("button", name="Disable").click()
        expect(page.locator(".mark.disabled")).to_be_visible()

    [line] = [line for line in house.json("jobs") if line["name"] == "fresh"]
    assert (line["enabled"], line["last_status"]) == (False, "success")


def test_it_all_works_without_any_script(look, house, until):
    with look("/new", java_script_enabled=False) as page:
        page.get_by_label("Name").fill("plain")
        page.get_by_label("Schedule", exact=True).fill("0 9 * * MON")
        page.get_by_role("button", name="Show the next slots").click()
        expect(page.locator("#preview li")).to_have_count(10)
        page.get_by_label("Work", exact=True).fill("for i in 1 2 3 4; do echo line $i; sleep 1; done")
        page.get_by_role("button", name="Add the job").click()
        page.get_by_role("button", name="Enable").click()
        page.get_by_role("button", name="Run now").click()
        page.get_by_role("link", name="Its output as it grows").click()
        expect(page.locator("body")).to_contain_text("line 4")
        until(lambda: house.json("history", "plain")[0]["status"] == "success")
        page.goto(page.url.partition("/runs/")[0] + "/jobs/plain")
        expect(page.locator("#runs")).to_contain_text("success")
        page.get_by_role("link", name="Edit").click()
        page.get_by_label("Schedule", exact=True).fill("61 9 * * *")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("cron:")
        page.get_by_label("Schedule", exact=True).fill("0 10 * * *")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("plain")

    shown = house.json("show", "plain")
    assert (shown["enabled"], shown["schedule"]) == (True, "at 10:00 every day")


@pytest.mark.parametrize("width", [400, 760, 1080, 1600])
def test_every_page_fits_its_window(look, width):
    with look(viewport={"width": width, "height": 900}) as page:
        origin = page.url.rstrip("/")
        beyond = {}
        for path in PAGES:
            page.goto(origin + path)
            beyond[path] = page.evaluate("document.documentElement.scrollWidth - innerWidth")

    assert {path for path, pixels in beyond.items() if pixels > 0} == set()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1600), ("dark", 400)])
def test_axe_finds_nothing_to_complain_of(look, scheme, width):
    found = {}
    # axe is no script of ours: for it the policy is lifted
    with look(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True) as page:
        origin = page.url.rstrip("/")
        for path in PAGES:
            page.goto(origin + path)
            complaints = Axe().run(page).response["violations"]
            found |= {(path, one["id"]): one["nodes"][0]["html"] for one in complaints}

    assert found == {}


def test_the_keyboard_reaches_and_does_everything(look, house):
    with look("/") as page:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="To the content")).to_be_focused()
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent").strip() == "Run backup now":
                break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("backup")

    assert outline == "solid"
    assert len(house.json("history", "backup")) > 1


def test_a_screen_reader_hears_what_the_pictures_show(look):
    with look("/") as page:
        assert page.get_by_role("img", name=re.compile("Last 1 verdicts: 1 failed")).count() == 1
        assert page.get_by_role("button", name="Disable backup").count() == 1
        page.goto(page.url + "chains")
        assert (
            page.get_by_role("img", name=re.compile("nightly: backup, then ticking beside a-job")).count()
            == 1
        )


def test_the_list_of_jobs_follows_what_other_interfaces_do(look, house):
    with look("/") as page:
        page.clock.install()
        page.reload()
        house.run("disable", "ticking")
        page.clock.fast_forward(20_000)
        row = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="ticking", exact=True))
        expect(row.locator(".mark.disabled")).to_be_visible()
    house.run("enable", "ticking")
