"""The security of the web interface: token, cookie, hosts, origins, escaping, rates, and permission to add commands."""

import re

import pytest

from scheduled.interfaces.web.rate_limit import Limits, Rate
from scheduled.interfaces.web.security import COOKIE
from scheduled.interfaces.web.tokens import Key
from tests.fixtures.web import ADDRESS, TOKEN

JOBS = """
timezone = "UTC"
[jobs.hello]
description = "<script>alert(1)</script>"
command = "echo '<img src=x onerror=alert(2)>'"
[jobs.pair]
chain = ["hello"]
"""
PAGES = [
    "/",
    "/daemon",
    "/jobs/hello",
    "/jobs/hello/edit",
    "/new",
    "/runs",
    "/chains",
    "/incidents",
    "/forecast",
]
ANSWERS = ["/api/daemon/jobs", "/api/jobs", "/v1/jobs", "/api/status", "/api/openapi.json"]
WRITES = [
    ("POST", "/jobs/hello/disable"), ("POST", "/pause"), ("POST", "/new"), ("POST", "/jobs/hello/edit"),
    ("POST", "/jobs/hello/remove"), ("POST", "/login"), ("POST", "/logout"), ("PUT", "/api/daemon/jobs/hello/toggle"),
    ("POST", "/api/daemon/jobs"), ("POST", "/v1/jobs/hello/trigger"), ("DELETE", "/api/jobs/hello"), ("PATCH", "/api/jobs/hello"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def jobs(world):
    world.configure(JOBS)


def enabled(client, job="hello"):
    return client.get(f"/api/jobs/{job}").json()["enabled"]


# The token


@pytest.mark.parametrize("path", [*PAGES, *ANSWERS])
def test_a_request_without_a_token_gets_nothing(connect, path):
    answer = connect("stranger").get(path)

    assert answer.status_code == 401
    assert "hello" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/login/../api/jobs",
        "/static/../api/jobs",
        "/static/%2e%2e/api/jobs",
        "/static/..%2f..%2fkeys.py",
        "//api/jobs",
        "/LOGIN/../jobs/hello",
        "/api//jobs",
    ],
)
def test_no_path_bypasses_the_token(connect, path):
    client = connect("stranger")

    answer = client.request("GET", ADDRESS + path, extensions={"target": path.encode()})

    assert answer.status_code in (401, 404)
    assert "hello" not in answer.text and "renew" not in answer.text


@pytest.mark.parametrize("given", ["wrong", TOKEN[:-1], TOKEN + "x", "", "é", Key(TOKEN).session])
def test_only_the_whole_token_is_accepted(connect, given):
    client = connect("stranger")

    assert client.get("/api/jobs", headers={b"Authorization": f"Bearer {given}".encode()}).status_code == 401
    assert client.get("/", params={"token": given}).status_code == 401


def test_a_url_with_the_token_is_exchanged_for_a_cookie_and_a_url_without_it(connect):
    client = connect("stranger")

    answer = client.get("/runs", params={"job": "hello", "token": TOKEN})

    assert (answer.status_code, answer.headers["location"]) == (303, "/runs?job=hello")
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert TOKEN not in answer.headers["set-cookie"]
    assert client.get("/runs").status_code == 200


def test_over_tls_the_cookie_is_secure(connect):
    client = connect("stranger", secure=True, port=443)
    client.base_url = "https://127.0.0.1"

    assert "Secure" in client.get("/", params={"token": TOKEN}).headers["set-cookie"]


def test_the_exchange_never_redirects_to_another_host(connect):
    answer = connect("stranger").get(f"//evil.example/?token={TOKEN}")

    assert answer.headers.get("location", "/").startswith("/")
    assert not answer.headers.get("location", "/").startswith("//")


def test_the_token_may_be_pasted_into_the_sign_in_page(connect):
    client = connect("stranger")
    client.headers |= {"Origin": ADDRESS}

    assert client.post("/login", data={"token": "wrong"}).status_code == 401
    assert client.post("/login", data={"token": TOKEN}).status_code == 303
    assert client.get("/").status_code == 200
    assert client.post("/logout").status_code == 303
    assert client.get("/").status_code == 401


# Host, origin, and security headers


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1", "127.0.0.1:8001", "localhost.evil.example:8000", "127.0.0.1:8000.evil.example",
     "x@127.0.0.1:8000", "192.168.0.7:8000", "[::1", "127.0.0.1:8000/", "",
     "127.0.0.1:8000?x", "127.0.0.1:8000#x", "127.0.0.1:8000/login?", "127.0.0.1:8000\\x", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:8000:8000"],
)  # fmt: skip
def test_a_request_for_another_host_is_misdirected(connect, host):
    assert connect().get("/api/jobs", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST:8000", "[::1]:8000"])
def test_requests_for_the_servers_own_names_are_answered(connect, host):
    assert connect().get("/api/jobs", headers={"Host": host}).status_code == 200


def test_an_exposed_server_accepts_ip_addresses_and_configured_names(connect):
    client = connect(exposed=True, names=frozenset(["box.lan"]))

    assert [
        client.get("/api/jobs", headers={"Host": host}).status_code
        for host in ("192.168.0.7:8000", "box.lan:8000", "evil.example:8000")
    ] == [200, 200, 421]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:9000"}, {"Origin": "https://127.0.0.1:8000"},
     {"Origin": "http://localhost:8000"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)  # fmt: skip
def test_a_page_of_another_site_changes_nothing(connect, method, path, headers):
    client = connect("browser")
    client.headers |= headers

    assert client.request(method, path, json={}).status_code == 403


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_cookie_without_an_origin_changes_nothing(connect, method, path):
    client = connect("browser")
    del client.headers["Origin"], client.headers["Sec-Fetch-Site"]

    assert client.request(method, path, json={}).status_code == 403


@pytest.mark.parametrize(("method", "path"), [write for write in WRITES if write[1] != "/login"])
@pytest.mark.parametrize("header", ["x", "Bearer", "Bearer x", "Basic x", f"Basic {TOKEN}", TOKEN])
def test_a_wrong_authorization_header_does_not_replace_the_origin_of_a_cookie(connect, method, path, header):
    client = connect("browser")
    del client.headers["Origin"], client.headers["Sec-Fetch-Site"]

    assert client.request(method, path, json={}, headers={"Authorization": header}).status_code == 403
    assert enabled(client)


def test_a_program_with_the_token_needs_no_origin_with_or_without_a_cookie(connect):
    for who, changed in (("program", False), ("browser", True)):
        client = connect(who)
        client.headers.pop("Origin", None), client.headers.pop("Sec-Fetch-Site", None)
        answer = client.put(
            "/api/jobs/hello/toggle",
            json={"enabled": changed},
            headers={"Authorization": f"Bearer {TOKEN}"},
        )

        assert (answer.status_code, enabled(client)) == (200, changed)


def test_wrong_tokens_in_changes_are_rate_limited_too(connect):
    client = connect("stranger", limits=Limits(wrong_keys=Rate(2, 6)))

    seen = [client.delete("/api/jobs/hello", headers={"Authorization": "Bearer x"}) for _ in range(3)]

    assert [answer.status_code for answer in seen] == [401, 401, 429]


def test_a_refused_write_changes_nothing(connect):
    client = connect("browser")

    client.post("/jobs/hello/disable", headers={"Origin": "http://evil.example"})
    still = enabled(client)
    client.post("/jobs/hello/disable")

    assert (still, enabled(client)) == (True, False)


@pytest.mark.parametrize("path", [*PAGES, *ANSWERS, "/login", "/nowhere", "/static/style.css"])
@pytest.mark.parametrize("who", ["browser", "stranger"])
def test_every_answer_has_the_security_headers(connect, path, who):
    headers = connect(who).get(path).headers

    policy = headers["content-security-policy"]
    assert (
        "default-src 'none'" in policy
        and "frame-ancestors 'none'" in policy
        and "form-action 'self'" in policy
    )
    assert "unsafe" not in policy and "*" not in policy and "data:" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", [*PAGES, *ANSWERS])
def test_no_other_origin_may_read(connect, path):
    client = connect("browser")

    answers = [client.get(path, headers={"Origin": "http://evil.example"}), client.options(path)]

    assert not [name for answer in answers for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", [*PAGES, "/preview", "/login"])
def test_no_page_has_a_script_or_a_style_of_its_own(connect, path):
    page = connect("browser").get(path).text

    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+\s*=\s*[\"']|javascript:", page)


# Escaping


@pytest.mark.parametrize(
    "path",
    ["/", "/jobs/hello", "/jobs/hello/edit", "/jobs/%3Cscript%3E", "/runs/%3Cscript%3E", "/runs?job=%3Cscript%3E&status=%3Cscript%3E",
     "/preview?when=cron&schedule=%3Cscript%3E", "/forecast?day=%3Cscript%3E", "/forecast?job=%3Cscript%3E", "/%3Cscript%3E",
     "/new?name=%3Cscript%3E", "/live/log/%3Cscript%3E?from=%3Cscript%3E", "/?token=%3Cscript%3E"],
)  # fmt: skip
@pytest.mark.parametrize("who", ["browser", "stranger"])
def test_values_in_urls_are_escaped_in_pages(connect, path, who):
    page = connect(who).get(path).text

    assert "<script>" not in page and "<img src=x" not in page


def test_values_of_a_submitted_form_are_escaped(connect):
    evil = '"><script>alert(1)</script>'
    fields = dict.fromkeys(("name", "schedule", "work", "timezone", "description", "after"), evil)

    page = connect("browser").post("/new", data={**fields, "when": "cron", "what": "chain"})

    assert page.status_code == 422
    assert "<script>alert" not in page.text and "&lt;script&gt;" in page.text


def test_the_output_of_a_job_is_escaped(connect, world):
    world.run("run", "hello")
    client = connect("browser")
    [run] = client.get("/api/runs").json()

    for path in ("/jobs/hello", f"/runs/{run['run_id']}", f"/live/log/{run['run_id']}?from=0"):
        assert "&lt;img src=x" in client.get(path).text and "<img src=x" not in client.get(path).text
    assert client.get(f"/runs/{run['run_id']}/output.txt").headers["content-type"].startswith("text/plain")


# Rate and size limits


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_wrong_tokens_are_rate_limited_and_the_right_one_is_not(connect):
    clock = Clock()
    client = connect("stranger", now=clock, limits=Limits(wrong_keys=Rate(3, 6)))
    wrong, right = ({"Authorization": f"Bearer {token}"} for token in ("wrong", TOKEN))

    seen = [client.get("/api/jobs", headers=wrong) for _ in range(4)]
    assert [answer.status_code for answer in seen] == [401, 401, 401, 429]
    assert seen[-1].headers["retry-after"] == "11"
    assert client.get("/api/jobs", headers=right).status_code == 200
    clock.now = 10.0
    assert [client.get("/api/jobs", headers=wrong).status_code for _ in range(2)] == [401, 429]


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/jobs"), ("PUT", "/api/jobs/hello/toggle")])
def test_reads_and_writes_each_have_their_rate(connect, method, path):
    clock = Clock()
    client = connect(now=clock, limits=Limits(reads=Rate(2, 60), writes=Rate(2, 60)))

    assert [client.request(method, path).status_code for _ in range(3)] == [200, 200, 429]
    clock.now = 1.0
    assert client.request(method, path).status_code == 200


def test_a_large_body_and_a_body_without_a_length_are_refused(connect):
    client = connect()
    job = {"name": "big", "description": "x" * 70_000, "chain": ["hello"]}

    assert client.post("/api/jobs", json=job).status_code == 413
    assert client.post("/api/jobs", content=iter([b"{", b"}"])).status_code == 411
    for length, status in (("9" * 5000, 413), ("70000", 413), ("-1", 411), ("²", 411), ("", 411)):
        headers = {b"Content-Length": length.encode("latin-1")}
        assert client.post("/api/jobs", content=b"", headers=headers).status_code == status


# Permission to add and change commands


@pytest.mark.parametrize(
    "body",
    [{"command": "true"}, {"command": ["true"]}, {"python": "os:abort"}, {"job_type": "cron", "schedule": "@daily", "command": "true"},
     {"job_type": "interval", "schedule": "5m", "script_path": "/tmp/x.py"}, {"chain": ["hello"], "env": {"LD_PRELOAD": "/tmp/x.so"}},
     {"chain": ["hello"], "cwd": "/tmp"}],
)  # fmt: skip
def test_no_command_is_added_through_the_web(connect, world, body):
    client = connect()

    answer = client.post("/api/daemon/jobs", json={"name": "new", **body})

    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert "allow_edit" in answer.json()["detail"]
    assert not (world.config.parent / "jobs.d").exists()


def test_no_command_is_changed_or_removed_through_the_web(connect, world):
    client = connect("browser")
    before = world.config.read_bytes()

    answers = [
        client.patch("/api/jobs/hello", json={"command": "false"}),
        client.patch("/api/jobs/hello", json={"command": None, "chain": ["pair"]}),
        client.delete("/api/jobs/hello"),
        client.post("/jobs/hello/remove"),
        client.post("/jobs/hello/edit", data={"when": "manual", "what": "command", "work": "false"}),
        client.post("/jobs/hello/edit", data={"when": "manual", "what": "chain", "work": "pair"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 403, 422, 422]
    assert all("allow_edit" in answer.text for answer in answers)
    assert world.config.read_bytes() == before


def test_the_form_neither_offers_nor_accepts_a_command(connect, world):
    client = connect("browser")

    assert 'value="command" disabled' in client.get("/new").text
    answer = client.post("/new", data={"name": "new", "when": "manual", "what": "command", "work": "true"})

    assert answer.status_code == 422 and "allow_edit" in answer.text
    assert not (world.config.parent / "jobs.d").exists()


WORK = re.compile(r'name="what" value="(\w+)"[^>]*?( disabled)?>')


def offered(page):
    return {value for value, disabled in WORK.findall(page) if not disabled}


def test_a_form_offers_only_the_actions_that_can_be_saved(connect, world):
    client = connect("browser")
    refused = client.post("/jobs/hello/edit", data={"when": "manual", "what": "chain", "work": "pair"})

    for page in (client.get("/jobs/hello/edit").text, refused.text):
        assert (offered(page), 'name="work"' in page) == (set(), False)
        assert "echo &#39;&lt;img" in page  # the action is shown as it is
    assert (
        offered(client.get("/jobs/pair/edit").text)
        == offered(client.get("/new").text)
        == {"handler", "chain"}
    )
    saved = client.post("/jobs/hello/edit", data={"when": "every", "schedule": "2h"})
    assert (saved.status_code, client.get("/api/jobs/hello").json()["schedule"]) == (303, "every 2h")
    world.configure(JOBS + "[web]\nallow_edit = true\n")
    assert offered(client.get("/jobs/hello/edit").text) == {"command", "python", "handler", "chain"}


def test_with_allow_edit_commands_are_written(connect, world):
    world.configure(JOBS + "[web]\nallow_edit = true\n")
    client = connect("browser")

    assert client.post("/api/daemon/jobs", json={"name": "a", "command": "true"}).status_code == 201
    assert (
        client.post(
            "/new",
            data={"name": "b", "when": "cron", "schedule": "@daily", "what": "command", "work": "true"},
        ).status_code
        == 303
    )
    assert client.patch("/api/jobs/a", json={"command": "false"}).status_code == 200
    assert (client.get("/api/jobs/a").json()["action"], client.get("/api/jobs/b").json()["action"]) == (
        "false",
        "true",
    )
    assert client.delete("/api/jobs/a").status_code == 200


def test_the_configuration_is_loaded_for_every_request(connect, world):
    client = connect()
    assert client.post("/api/jobs", json={"name": "a", "command": "true"}).status_code == 403

    world.configure(JOBS + "[web]\nallow_edit = true\n")

    assert client.post("/api/jobs", json={"name": "a", "command": "true"}).status_code == 201


def test_the_name_of_the_cookie():
    assert COOKIE == "scheduled-session"
