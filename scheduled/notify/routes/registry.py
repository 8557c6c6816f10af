"""The routes by name."""

from importlib import import_module

from scheduled.notify.routes.base import Route, RouteSettings

MAIL = "mail"
ROUTES = {MAIL: "scheduled.notify.routes.mail:MailRoute"}


def open_route(name: str, settings: RouteSettings) -> Route:
    """Return the route *name*, ready to deliver; raises KeyError if there is none of that name."""
    module, _, route = ROUTES[name].partition(":")
    opened: Route = getattr(import_module(module), route)(settings)
    return opened
