"""The signed address in a notice answers one run, once, until its expiry; only POST answers, and no other address does."""

import os
import re
import stat
from urllib.parse import parse_qs, urlsplit

import pytest

from scheduled.notify import answer_links
from tests.fixtures.web import ADDRESS

JOBS = f"""
timezone = "UTC"
[web]
external_url = "{ADDRESS}/"
[jobs.deploy]
on = "release"
command = "echo done >> {{root}}/done"
approve = {{{{ by = "1h" }}}}
"""
SAME_SITE = {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def link(world):
    world.configure(JOBS.format(root=world.root))
    return asked(world)


def asked(world):
    """Let a run ask, and return the address in the notice about it."""
    world.run("emit", "release")
    printed = world.run("run").stderr
    (found,) = re.findall(r"or open (\S+)", printed)
    return found


def fields(link, answer="approve", **changes):
    query = {name: value for name, (value,) in parse_qs(urlsplit(link).query).items()}
    return {**query, "answer": answer, **changes}


def post(client, link, answer="approve", headers=SAME_SITE, **changes):
    path = urlsplit(link).path
    return client.post(path, data=fields(link, answer, **changes), headers=headers)


def test_the_address_shows_a_page_with_two_buttons_and_changes_nothing(connect, world, link):
    client = connect("stranger")
    page = client.get(link, headers={"Sec-Fetch-Site": "cross-site"})

    assert (page.status_code, page.text.count("<button")) == (200, 2)
    assert "waits for approval" in page.text and "/jobs/" not in page.text
    assert client.head(link).status_code == 200
    assert world.json("history")[0]["status"] == "waiting_retry"


def test_a_stranger_with_the_address_approves_the_run_once(connect, world, link):
    client = connect("stranger")
    done = post(client, link)

    assert (done.status_code, "is approved" in done.text) == (200, True)
    assert (world.root / "done").read_text() == "done\n"
    for answer in ("approve", "deny"):
        assert post(client, link, answer).status_code == 403
    assert client.get(link).status_code == 403
    assert (world.root / "done").read_text() == "done\n"


def test_a_stranger_with_the_address_denies_the_run_once(connect, world, link):
    client = connect("stranger")

    assert post(client, link, "deny").status_code == 200
    assert post(client, link).status_code == 403
    assert [(run["status"], run["reason"]) for run in world.json("history")] == [("skipped", "denied")]


def test_an_answer_of_another_way_uses_the_address_up(connect, world, link):
    assert world.run("deny", "deploy").returncode == 0

    assert post(connect("stranger"), link).status_code == 403
    assert not (world.root / "done").exists()


def test_the_address_of_one_run_does_not_answer_another_one(connect, world, link):
    (first,) = [run["run_id"] for run in world.json("history")]
    world.run("emit", "release")
    world.run("run")
    (other,) = [run["run_id"] for run in world.json("history") if run["run_id"] != first]
    client = connect("stranger")

    stolen = client.post(f"/answer/{other}", data=fields(link), headers=SAME_SITE)

    assert stolen.status_code == 403
    assert {run["status"] for run in world.json("history")} == {"waiting_retry"}


@pytest.mark.parametrize(
    "changes",
    [
        {"key": ""}, {"key": "0" * 64}, {"key": "é"}, {"key": "\0"}, {"until": ""}, {"until": "9" * 30}, {"until": "-1"},
        {"until": "٣"}, {"until": "9999999999"}, {"until": "1e9"},
    ],
)  # fmt: skip
def test_a_changed_address_is_refused_without_a_word_about_the_run(connect, world, link, changes):
    client = connect("stranger")
    refused = post(client, link, **changes)
    shown = client.get(urlsplit(link).path, params={**fields(link), **changes})

    for answer in (refused, shown):
        assert answer.status_code == 403
        assert "wrong or too old" in answer.text and "deploy" not in answer.text
    assert world.json("history")[0]["status"] == "waiting_retry"


@pytest.mark.parametrize(
    "path", ["/answer/", "/answer/none", "/answer/../jobs/deploy", "/answer/%2e%2e/api/jobs"]
)
@pytest.mark.usefixtures("link")
def test_no_other_path_is_open_because_of_it(connect, path):
    answer = connect("stranger").request("GET", ADDRESS + path, extensions={"target": path.encode()})

    assert answer.status_code in (401, 403, 404)
    assert "deploy" not in answer.text


def test_an_old_address_is_refused(connect, world, link):
    (run_id,) = [run["run_id"] for run in world.json("history")]
    world.sql(
        "UPDATE runs SET claimed_at = claimed_at - 7200"
    )  # the run is older now, its deadline has passed
    key = answer_links._key(world.state)
    until = 1
    digest = answer_links._digest(key, run_id, 0, until)

    assert post(connect("stranger"), link, until=str(until), key=digest).status_code == 403


def test_a_page_of_another_site_cannot_press_the_button(connect, world, link):
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}

    assert post(connect("stranger"), link, headers=foreign).status_code == 403
    assert post(connect("stranger"), link, headers={}).status_code == 403
    assert world.json("history")[0]["status"] == "waiting_retry"


def test_an_unknown_answer_is_refused(connect, world, link):
    assert post(connect("stranger"), link, "perhaps").status_code == 400
    assert world.json("history")[0]["status"] == "waiting_retry"


def test_the_key_is_private_and_a_key_that_others_may_read_makes_no_address(connect, world, link):
    path = world.state / answer_links.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    path.chmod(0o644)
    world.run("emit", "release")
    world.run("run")
    refused = connect("stranger").get(link)

    assert (refused.status_code, str(world.state) in refused.text) == (503, False)
    assert "notices have no address to answer" in (world.state / "scheduled.log").read_text()


def test_a_new_key_makes_the_old_addresses_invalid(connect, world, link):
    (world.state / answer_links.FILE).unlink()

    assert connect("stranger").get(link).status_code == 403


def test_an_error_in_the_configuration_is_not_shown_to_a_stranger(connect, world, link):
    world.config.write_text("[jobs.deploy\n")

    refused = connect("stranger").get(link)

    assert (refused.status_code, os.fspath(world.config) in refused.text) == (503, False)


def test_without_an_external_url_the_notice_names_the_commands_only(world):
    text = JOBS.format(root=world.root)
    world.configure(text.replace("external_url", "#"))
    world.run("emit", "release")

    printed = world.run("run").stderr

    assert "scheduled approve deploy-" in printed and "or open" not in printed
    assert not (world.state / answer_links.FILE).exists()


def test_check_refuses_an_external_url_without_a_scheme(world):
    world.configure('[web]\nexternal_url = "box.lan"\n')

    done = world.run("check")

    assert (
        done.returncode,
        "web.external_url: 'box.lan' is not the address" in done.stdout + done.stderr,
    ) == (2, True)


@pytest.mark.usefixtures("link")
def test_the_buttons_of_the_pages_and_rest_answer_too(connect, world):
    (run_id,) = [run["run_id"] for run in world.json("history")]
    browser = connect("browser")

    assert "/approve" in browser.get(f"/runs/{run_id}").text and "/deny" in browser.get("/jobs/deploy").text
    assert browser.post(f"/runs/{run_id}/approve").status_code == 303
    assert world.json("history")[0]["status"] == "success"
    assert "/approve" not in browser.get(f"/runs/{run_id}").text
    assert browser.post(f"/runs/{run_id}/deny").status_code == 422
    assert (
        browser.post(f"/runs/{run_id}/approve", headers={"Origin": "https://evil.example"}).status_code == 403
    )


@pytest.mark.usefixtures("link")
def test_rest_approves_and_denies(connect, world):
    (first,) = [run["run_id"] for run in world.json("history")]
    rest = connect()
    denied = rest.post(f"/api/runs/{first}/deny")
    world.run("emit", "release")
    world.run("run")
    approved = rest.post("/api/runs/deploy/approve?wait=30")

    assert (denied.status_code, denied.json()["run_id"]) == (200, first)
    assert (approved.status_code, approved.json()["over"]) == (202, True)
    assert approved.json()["run_id"] in [run["run_id"] for run in approved.json()["result"]["runs"]]
    assert rest.post(f"/api/runs/{first}/approve").status_code == 422
