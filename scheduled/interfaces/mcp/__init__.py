"""The interface for agents (Model Context Protocol). Needs the extra `mcp`."""
