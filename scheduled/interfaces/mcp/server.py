"""`scheduled mcp`: the interface for agents (Model Context Protocol), on stdin and stdout of whoever started it.

An agent may look. What more it may do, `[mcp]` in scheduled.toml says, and is asked anew with every call.
"""

import reprlib
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

import msgspec
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import ConfigDict, ValidationError, create_model

import scheduled
from scheduled import service
from scheduled.errors import ConfigError, ScheduledError
from scheduled.instance import Instance
from scheduled.interfaces.mcp.cron_tools import CronTools
from scheduled.interfaces.mcp.own_tools import OwnTools
from scheduled.interfaces.mcp.scheduler_tools import SchedulerTools
from scheduled.interfaces.permissions import Permission, Permissions
from scheduled.interfaces.threads import in_thread

INSTRUCTIONS = (
    "scheduled runs periodic jobs from cron, without a daemon. Ask `explain` why a job ran, did not, or will; "
    "`scheduler_get_status` how everything stands. Instants are RFC 3339; jobs are named."
)
READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)
CHANGES = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)


def serve(instance: Instance) -> None:
    """Answer until stdin ends."""
    build(instance).run("stdio")


def build(instance: Instance) -> MCPServer[Any]:
    """Return the server with all its tools and resources."""
    permissions = Permissions(instance, "mcp", "add_commands")
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
    """A tool that refuses arguments of another kind as it refuses everything else."""

    async def run(self, arguments: dict[str, Any], context: Any, convert_result: bool = False) -> Any:
        """Ask, with the arguments held against the tool's schema first."""
        try:
            return await super().run(arguments, context, convert_result)
        except ToolError as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            known = ", ".join(self.fn_metadata.arg_model.model_fields) or "none"
            return _refusal(ConfigError("; ".join(_faults(error.__cause__, known))))


def _faults(found: ValidationError, known: str) -> Iterator[str]:
    for fault in found.errors(include_url=False):
        name = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            yield f"{name}: no such argument; there are {known}"
        elif fault["type"] == "missing":
            yield f"{name}: is missing"
        else:
            yield f"{name}: {fault['msg']}, got {reprlib.repr(fault['input'])}"


def _description(question: Callable[..., Any], permission: Permission | None) -> str:
    said = " ".join((question.__doc__ or "").split())
    return said if permission is None else f'{said} Needs allow = ["{permission}"] in [mcp].'


def _answering(
    question: Callable[..., Any], permission: Permission | None, permissions: Permissions
) -> Callable[..., Any]:
    """Ask for the permission first; say a trouble to the agent in its own words."""

    def asked(arguments: Mapping[str, Any]) -> Any:
        permissions.need(permission)
        return question(**arguments)

    @wraps(question)
    async def answer(**arguments: Any) -> Any:
        try:
            return await in_thread(lambda: asked(arguments))
        except ScheduledError as error:
            return _refusal(error)

    return answer


def _refusal(error: ScheduledError) -> CallToolResult:
    told = {"status": "error", "message": str(error), "exit_code": error.exit_code}
    return CallToolResult(
        content=[TextContent(type="text", text=str(error))], structured_content=told, is_error=True
    )


def _strict(tool: Tool) -> Tool:
    """Have an argument that the tool does not know refused, not passed over in silence."""
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
        """Say how everything stands, trouble first."""
        return msgspec.json.encode(_read(service.status, permissions)).decode()

    @server.resource("scheduled://report", mime_type="text/markdown")
    def report() -> str:
        """Return the newest daily report."""
        text: str | None = _read(service.report, permissions)["text"]
        return text or "There is no report yet; the tool `cron_run_now` makes one from its job."


def _read(question: Callable[[Instance], Any], permissions: Permissions) -> Any:
    try:
        return question(permissions.instance)
    except ScheduledError as error:
        raise ResourceError(str(error)) from None
