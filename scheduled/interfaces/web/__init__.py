"""The web interface: REST and pages, in the foreground, on demand. Needs the extra `web` (starlette, uvicorn)."""
