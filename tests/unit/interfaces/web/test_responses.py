"""The pages that answer a refused request: their headings, their texts, and the way back."""

import pytest
from starlette.requests import Request

from scheduled.interfaces.web.responses import RefusedError, refused


def answer(status, detail, method="GET", path="/jobs/backup"):
    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    return refused(Request(scope), RefusedError(status, detail)).body.decode()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 411, 413, 415, 422, 429, 500, 503])
def test_no_heading_is_a_phrase_of_http(status):
    from http import HTTPStatus

    heading = answer(status, "backup: odd").partition("<h1>")[2].partition("</h1>")[0]

    assert heading and heading.lower() != HTTPStatus(status).phrase.lower()
    assert not any(word in heading for word in ("Entity", "Request ", "Forbidden", "Service", "Internal"))


def test_the_text_is_shown_as_it_is_because_it_may_begin_with_the_name_of_a_job():
    assert '<p role="alert">backup: no such job</p>' in answer(404, "backup: no such job")


def test_a_refused_button_leads_back_to_its_job_or_run():
    assert 'href="/jobs/a%20b"' in answer(422, "no", "POST", "/jobs/a b/run")
    assert 'href="/runs/r-1"' in answer(503, "no", "POST", "/runs/r-1/stop")
    assert 'href="/">All jobs</a>' in answer(404, "no", "GET", "/runs/r-1")


def test_rest_keeps_the_phrase_of_http_as_title():
    assert '"title":"Not Found"' in answer(404, "no", path="/api/jobs/x")
