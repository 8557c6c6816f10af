"""The table of routes, by name."""

from importlib import import_module

from scheduled.notify.routes.base import Route, RouteSettings

MAIL, SEND, DISPATCH = "mail", "send", "dispatch"
ROUTES = {
    MAIL: "scheduled.notify.routes.mail:MailRoute",
    SEND: "scheduled.notify.routes.send:SendRoute",
    DISPATCH: "scheduled.notify.routes.dispatch:DispatchRoute",
}


def open_route(name: str, settings: RouteSettings) -> Route:
    """Return the route *name*, ready to deliver. Raise KeyError if there is no such route."""
    module, _, route = ROUTES[name].partition(":")
    opened: Route = getattr(import_module(module), route)(settings)
    return opened
