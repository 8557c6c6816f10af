"""Execute runs: commands, Python code and handlers, under one supervisor process per tick."""
