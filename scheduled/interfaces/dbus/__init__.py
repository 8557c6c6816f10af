"""The interface on the session bus."""
