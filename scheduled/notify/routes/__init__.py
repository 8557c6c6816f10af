"""The ways on which notices reach people: each route is one module, and one line in `registry`."""
