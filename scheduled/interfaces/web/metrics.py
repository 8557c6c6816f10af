"""`GET /metrics`: the metrics in the text format of Prometheus, with the token that every request needs."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduled import question, service
from scheduled.instance import Instance
from scheduled.interfaces.threads import in_thread
from scheduled.interfaces.web.request import instance_of
from scheduled.notify.openmetrics import CONTENT_TYPE


def routes() -> Iterator[Route]:
    """Yield the route."""
    yield Route("/metrics", _metrics)


async def _metrics(request: Request) -> Response:
    instance = instance_of(request)
    instance.without_config = True
    found = await in_thread(lambda: _limited(instance))
    return Response(found, media_type=None, headers={"Content-Type": CONTENT_TYPE})


@question.limited()
def _limited(instance: Instance) -> str:
    return service.metrics_text(instance)
