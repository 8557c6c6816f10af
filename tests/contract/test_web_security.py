"""The security of the web interface: token, cookie, hosts, origins, escaping, rates, and permission to add commands."""

import re

import pytest

from scheduled.config.web_hosts import outside
from scheduled.errors import ConfigError
from scheduled.interfaces.web.rate_limit import Limits, Rate
from scheduled.interfaces.web.security import COOKIE
from scheduled.interfaces.web.tokens import Key
from tests.fixtures.web import ADDRESS, CODE, TOKEN

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


def test_the_token_itself_does_not_work_in_a_url(connect):
    assert connect("stranger").get("/", params={"token": TOKEN}).status_code == 401


def test_a_url_with_a_code_is_exchanged_for_a_cookie_and_a_url_without_it(connect):
    client = connect("stranger")

    answer = client.get("/runs", params={"job": "hello", "token": CODE})

    assert (answer.status_code, answer.headers["location"]) == (303, "/runs?job=hello")
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert TOKEN not in answer.headers["set-cookie"] and CODE not in answer.headers["set-cookie"]
    assert client.get("/runs").status_code == 200


def test_a_code_works_once(connect):
    client = connect("stranger")
    client.get("/", params={"token": CODE})
    client.cookies.clear()

    again = client.get("/", params={"token": CODE})

    assert (again.status_code, "set-cookie" in again.headers) == (401, False)
    assert "scheduled web --url" in again.text


def test_a_signed_in_browser_uses_up_the_code_too_and_may_open_a_used_address(connect):
    browser = connect("browser")

    first, second = (browser.get("/runs", params={"token": CODE}) for _ in range(2))
    browser.cookies.clear()

    assert [answer.headers["location"] for answer in (first, second)] == ["/runs", "/runs"]
    assert browser.get("/", params={"token": CODE}).status_code == 401


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_only_get_uses_up_a_code(connect, method):
    client = connect("stranger")
    client.headers |= {"Origin": ADDRESS}

    assert client.request(method, "/runs", params={"token": CODE}).status_code in (401, 405)
    assert client.get("/runs", params={"token": CODE}).status_code == 303


def test_wrong_codes_are_rate_limited_and_a_right_one_is_not(connect):
    client = connect("stranger", limits=Limits(wrong_keys=Rate(2, 6)))

    seen = [client.get("/", params={"token": code}).status_code for code in ("a", "b", "c", CODE)]

    assert seen == [401, 401, 429, 303]


def test_over_tls_the_cookie_is_secure(connect):
    client = connect("stranger", secure=True, port=443)
    client.base_url = "https://127.0.0.1"

    assert "Secure" in client.get("/", params={"token": CODE}).headers["set-cookie"]


def test_the_exchange_never_redirects_to_another_host(connect):
    answer = connect("stranger").get(f"//evil.example/?token={CODE}")

    assert answer.headers["location"].startswith("/")
    assert not answer.headers["location"].startswith("//")


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
    client = connect(exposed=True, outside=(outside("box.lan"),))

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


@pytest.mark.parametrize("headers", [
    {"who": "stranger"},
    {"who": "stranger", "Authorization": "Bearer wrong"},
    {"who": "browser", "Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"},
    {"who": "browser", "Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
])  # fmt: skip
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/jobs"), ("PUT", "/api/jobs/hello/toggle"), ("GET", "/login")]
)
def test_requests_of_strangers_and_of_other_sites_do_not_use_up_the_rate_of_the_owner(
    connect, method, path, headers
):
    headers = dict(headers)
    client = connect(
        headers.pop("who"), limits=Limits(reads=Rate(3, 6), writes=Rate(3, 6), wrong_keys=Rate(2, 2))
    )

    strange = [client.request(method, path, headers=headers).status_code for _ in range(8)]
    own = {"Authorization": f"Bearer {TOKEN}", "Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}
    seen = [
        client.request(method, "/api/jobs/hello/toggle" if method == "PUT" else path, headers=own).status_code
        for _ in range(3)
    ]

    assert strange[-1] == 429
    assert seen == [200, 200, 200]


@pytest.mark.parametrize("sign_in", [
    lambda client: client.post("/login", data={"token": TOKEN}, headers={"Origin": ADDRESS}),
    lambda client: client.get("/", params={"token": CODE}),
])  # fmt: skip
def test_strangers_cannot_keep_the_right_token_or_an_unused_address_out(connect, sign_in):
    limits = Limits(reads=Rate(3, 6), writes=Rate(3, 6), wrong_keys=Rate(2, 2))
    client = connect("stranger", limits=limits)
    strange = [
        (
            client.post("/login", headers={"Origin": ADDRESS}).status_code,
            client.get("/", params={"token": "used"}).status_code,
            client.get("/api/jobs").status_code,
        )
        for _ in range(8)
    ]

    assert (strange[0], strange[-1]) == ((401, 401, 401), (429, 429, 429))
    assert sign_in(client).status_code == 303


def test_only_requests_that_are_let_in_count_as_use(connect):
    counted = []
    client = connect("stranger", active=lambda scope, change: counted.append((scope["path"], change)))
    for path in ("/", "/api/jobs", "/login", "/static/style.css", "/nowhere", "/?token=wrong"):
        client.get(path)
    client.get("/", headers={"Host": "evil.example"})
    client.post("/login", data={"token": "wrong"}, headers={"Origin": ADDRESS})
    before = list(counted)

    client.get("/api/jobs", headers={"Authorization": f"Bearer {TOKEN}"})

    assert (before, counted) == ([], [("/api/jobs", +1), ("/api/jobs", -1)])


# Behind a proxy


@pytest.mark.parametrize(("hosts", "host", "origin", "accepted"), [
    ("https://jobs.example.org", "jobs.example.org", "https://jobs.example.org", True),
    ("https://jobs.example.org", "jobs.example.org:443", "https://jobs.example.org:443", True),
    ("https://Jobs.Example.org/", "jobs.example.org", "https://jobs.example.org", True),
    ("https://jobs.example.org:8443", "jobs.example.org:8443", "https://jobs.example.org:8443", True),
    ("http://jobs.example.org", "jobs.example.org", "http://jobs.example.org", True),
    ("jobs.example.org", "jobs.example.org", "https://jobs.example.org", True),
    ("jobs.example.org", "jobs.example.org", "http://jobs.example.org", True),
    ("jobs.example.org", "jobs.example.org:8443", "https://jobs.example.org:8443", True),
    ("jobs.example.org:8443", "jobs.example.org:8443", "https://jobs.example.org:8443", True),
    ("[fd00::1]:8443", "[fd00::1]:8443", "https://[fd00::1]:8443", True),
    ("https://jobs.example.org", "jobs.example.org", "http://jobs.example.org", False),
    ("https://jobs.example.org", "jobs.example.org:8443", "https://jobs.example.org:8443", False),
    ("https://jobs.example.org:8443", "jobs.example.org", "https://jobs.example.org", False),
    ("jobs.example.org:8443", "jobs.example.org:8000", "http://jobs.example.org:8000", False),
    ("jobs.example.org", "other.example.org", "https://other.example.org", False),
    ("jobs.example.org", "jobs.example.org", "https://jobs.example.org:8443", False),
])  # fmt: skip
def test_an_address_outside_of_a_proxy_has_its_own_scheme_and_port(connect, hosts, host, origin, accepted):
    browser = connect("browser", outside=(outside(hosts),))

    answer = browser.put("/api/jobs/hello/toggle", headers={"Host": host, "Origin": origin})

    assert (answer.status_code == 200) is accepted
    assert answer.status_code in (200, 403, 421)


@pytest.mark.parametrize(("hosts", "forwarded", "secure"), [
    ("https://jobs.example.org", {}, True),
    ("http://jobs.example.org", {"X-Forwarded-Proto": "https"}, False),
    ("jobs.example.org", {"X-Forwarded-Proto": "https"}, True),
    ("jobs.example.org", {}, False),
])  # fmt: skip
def test_the_cookie_is_secure_if_the_browser_uses_tls_to_the_proxy(connect, hosts, forwarded, secure):
    client = connect("stranger", outside=(outside(hosts),))

    answer = client.get("/", params={"token": CODE}, headers={"Host": "jobs.example.org", **forwarded})

    assert answer.status_code == 303
    assert ("Secure" in answer.headers["set-cookie"]) is secure


@pytest.mark.parametrize(
    "text", ["", "two words", "ftp://x", "https://", "https://x/path", "x:port", "https://user@x", "*"]
)
def test_a_wrong_address_of_a_host_is_an_error_in_words(text):
    with pytest.raises(ConfigError, match=r"web\.hosts: .* write for example"):
        outside(text)


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
