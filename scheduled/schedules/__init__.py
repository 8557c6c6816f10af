"""Schedules and their slots: cron expressions, intervals and time zones. Pure, and independent of jobs."""
