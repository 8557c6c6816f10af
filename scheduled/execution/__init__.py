"""How a run is executed: commands, Python and handlers under one supervisor per tick."""
