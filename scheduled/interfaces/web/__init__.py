"""The web interface: a REST API and pages, served in the foreground. Needs the extra `web` (starlette, uvicorn)."""
