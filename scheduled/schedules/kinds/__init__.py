"""The kinds of schedules: one module each, which `registry` lists. To add a kind, write both and no more."""
