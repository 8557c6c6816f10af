"""`scheduled mcp`: the interface for agents (Model Context Protocol), on stdin and stdout.

An agent may always read. `[mcp]` in scheduled.toml allows more; it is read for every call.
"""

import difflib
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any

import anyio
import msgspec
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import ConfigDict, ValidationError, create_model

import scheduled
from scheduled import question, service
from scheduled.advice import complete, complete_in
from scheduled.errors import ConfigError, ScheduledError
from scheduled.instance import Instance
from scheduled.interfaces.mcp import stdio
from scheduled.interfaces.mcp.cron_tools import CronTools
from scheduled.interfaces.mcp.own_tools import OwnTools
from scheduled.interfaces.mcp.scheduler_tools import SchedulerTools
from scheduled.interfaces.permissions import Permission, Permissions
from scheduled.interfaces.threads import in_thread

INSTRUCTIONS = (
    "scheduled runs periodic jobs from cron, without a daemon. `explain` explains why a job ran, did not run, or will "
    "run. `scheduler_get_status` returns the status of all jobs. Instants are RFC 3339. Jobs are referred to by name."
)
READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)
# Tools that need no readable configuration: their permission is then that of the last one that this process has read.
WITHOUT_CONFIG = frozenset({"stop"})
CHANGES = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)


def serve(instance: Instance) -> None:
    """Serve until stdin ends."""
    anyio.run(stdio.serve, build(instance))


def build(instance: Instance) -> MCPServer[Any]:
    """Return the server with all its tools and resources."""
    permissions = Permissions(instance, "mcp", "add_commands")
    permissions.remember()
    groups = (OwnTools(permissions), CronTools(permissions), SchedulerTools(permissions))
    server: MCPServer[Any] = MCPServer(
        "scheduled",
        version=scheduled.__version__,
        instructions=INSTRUCTIONS,
        tools=[_tool(group, name, permissions) for group in groups for name in group.NAMES],
        log_level="WARNING",
    )
    _resources(server, permissions)
    return server


def _tool(group: Any, name: str, permissions: Permissions) -> Tool:
    permission = group.NAMES[name]
    tool = _Tool.from_function(
        _answering(getattr(group, name), permission, permissions),
        name=name,
        description=_description(getattr(group, name), permission),
        annotations=READ_ONLY if permission is None else CHANGES,
    )
    return _strict(tool)


class _Tool(Tool):
    """A tool that reports invalid arguments in the same form as any other error."""

    async def run(self, arguments: dict[str, Any], context: Any, convert_result: bool = False) -> Any:
        """Validate the arguments against the tool's schema, then call the tool."""
        try:
            return await super().run(arguments, context, convert_result)
        except ToolError as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            known = list(self.fn_metadata.arg_model.model_fields)
            return _error_result(ConfigError("; ".join(_problems(error.__cause__, known))))


def _problems(found: ValidationError, known: Sequence[str]) -> Iterator[str]:
    for problem in found.errors(include_url=False):
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            yield f"{name}: no such argument; {_advice(name, known)}"
        elif problem["type"] == "missing":
            yield f"{name}: is missing"
        else:
            yield f"{name}: {problem['msg']}, got {reprlib.repr(problem['input'])}"


def _advice(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    names = f"the arguments are {', '.join(known) or 'none'}"
    table = next(
        (f"; other keys of a job belong into `{key}`" for key in ("options", "config") if key in known), ""
    )
    return f"did you mean {near[0]}? {names}" if near else names + table


def _description(function: Callable[..., Any], permission: Permission | None) -> str:
    description = " ".join((function.__doc__ or "").split())
    return description if permission is None else f'{description} Needs allow = ["{permission}"] in [mcp].'


def _answering(
    function: Callable[..., Any], permission: Permission | None, permissions: Permissions
) -> Callable[..., Any]:
    """Return *function* with a check of the permission, and with ScheduledError turned into an error result."""

    def permitted(arguments: Mapping[str, Any]) -> Any:
        permissions.need(permission, last_known=function.__name__ in WITHOUT_CONFIG)
        if permission is not None:
            return function(**arguments)
        with question.limited():
            return function(**arguments)

    @wraps(function)
    async def answer(**arguments: Any) -> Any:
        try:
            return complete_in(await in_thread(lambda: permitted(arguments)))
        except ScheduledError as error:
            return _error_result(error)

    return answer


def _error_result(error: ScheduledError) -> CallToolResult:
    message = complete(str(error))
    document = {"status": "error", "message": message, "exit_code": error.exit_code}
    return CallToolResult(
        content=[TextContent(type="text", text=message)], structured_content=document, is_error=True
    )


def _strict(tool: Tool) -> Tool:
    """Return *tool* with a schema that refuses unknown arguments; the SDK would ignore them."""
    known = tool.fn_metadata.arg_model
    strict = create_model(known.__name__, __base__=known)
    strict.model_config = ConfigDict(**{**known.model_config, "extra": "forbid"})
    strict.model_rebuild(force=True)
    metadata = tool.fn_metadata.model_copy(update={"arg_model": strict})
    return tool.model_copy(
        update={"fn_metadata": metadata, "parameters": strict.model_json_schema(by_alias=True)}
    )


def _resources(server: MCPServer[Any], permissions: Permissions) -> None:
    @server.resource("scheduled://status", mime_type="application/json")
    def status() -> str:
        """Return the status of all jobs and of the ticks, problems first."""
        return msgspec.json.encode(_read(service.status, permissions)).decode()

    @server.resource("scheduled://report", mime_type="text/markdown")
    def report() -> str:
        """Return the newest daily report."""
        text: str | None = _read(service.report, permissions)["text"]
        return (
            text or "There is no report yet. To write one, run the report's job with the tool `cron_run_now`."
        )


@question.limited()
def _read(function: Callable[[Instance], Any], permissions: Permissions) -> Any:
    try:
        instance = permissions.instance
        instance.without_config = True
        return complete_in(function(instance))
    except ScheduledError as error:
        raise ResourceError(complete(str(error))) from None
