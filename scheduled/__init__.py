"""A daemonless, crontab-driven catch-up runner."""

__version__ = "0.1.0"
