"""Handlers: jobs implemented in Python, built in or installed; `base` is the interface that they implement."""
