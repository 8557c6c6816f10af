"""The interface for agents (Model Context Protocol)."""
