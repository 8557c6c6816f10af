"""How a run is executed: commands, Python, handlers, under one supervisor per tick."""
