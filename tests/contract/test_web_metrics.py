"""`GET /metrics` of the web interface: what `scheduled metrics` prints, with the token, and without a change."""

import pytest

JOBS = """
    timezone = "UTC"
    [metrics]
    labels = { host_group = "test" }
    [jobs.hello]
    command = "echo hello"
"""


@pytest.fixture(autouse=True)
def jobs(world):
    world.configure(JOBS)


def test_it_has_what_the_command_prints(connect, world):
    world.run("run", "hello")
    answer = connect().get("/metrics")

    assert (answer.status_code, answer.headers["content-type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    assert answer.text == world.run("metrics").stdout
    assert 'scheduled_job_runs_total{job_name="hello",status="success",host_group="test"} 1\n' in answer.text


def test_it_needs_the_token_and_refuses_changes(connect):
    refused = connect("stranger").get("/metrics")

    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert connect().post("/metrics").status_code == 405


def test_it_answers_while_the_configuration_cannot_be_read(connect, world):
    world.run("run", "hello")
    world.configure("jobs = [")
    answer = connect().get("/metrics")

    assert answer.status_code == 200
    assert "scheduled_configuration_errors 1\n" in answer.text.replace('{user="root"}', "")
