"""The OpenAPI document matches the REST interface: schemathesis sends valid and invalid requests made from it."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from scheduled.interfaces.web import app
from scheduled.interfaces.web.api import openapi
from scheduled.interfaces.web.rate_limit import Limits, Rate
from scheduled.interfaces.web.server_address import ServerAddress
from scheduled.interfaces.web.tokens import Key
from scheduled.service import Instance
from tests.fixtures.web import TOKEN
from tests.fixtures.world import World

JOBS = """
timezone = "UTC"
[jobs.hello]
every = "30m"
command = "echo hello"
[jobs.both]
chain = ["hello"]
"""
SIGNED = {"Authorization": f"Bearer {TOKEN}"}
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance, negative_data_rejection, unsupported_method,
]  # fmt: skip


BOUNDED = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
DOCUMENT = openapi.document()
# The paths under /api/ repeat those under /api/daemon/.
OPERATIONS = [
    (path, method)
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if path.startswith(("/api/daemon/", "/v1/"))
]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """The whole application with its guard. Adding commands is not allowed, so no generated command is executed."""
    world = World(tmp_path_factory.mktemp("world"))
    world.configure(JOBS)
    world.run("run", "hello")
    plenty = Rate(10**6, 10**6)
    address = ServerAddress(
        key=Key(TOKEN), port=80, names=frozenset(["testserver"]), limits=Limits(plenty, plenty, plenty)
    )
    application = app.create(lambda: Instance(str(world.config), str(world.state)), address)
    return schemathesis.openapi.from_asgi("/api/openapi.json", application, headers=SIGNED)


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_operation_conforms_to_the_document(api, path, method, mode):
    operation = api[path][method]

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def conforms(case):
        case.call_and_validate(headers=SIGNED, checks=CHECKS)

    conforms()
