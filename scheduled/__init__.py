"""A daemonless, crontab-driven job runner that catches up on missed slots."""

__version__ = "0.1.0"
