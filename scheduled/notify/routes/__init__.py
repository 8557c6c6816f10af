"""The routes that deliver notices. A route is one module, and one line in `registry`."""
