"""Notifications: conditions, notices, the outbox and its routes, and the signals on the session bus."""
