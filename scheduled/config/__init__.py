"""Load, check and edit the user's configuration: scheduled.toml and jobs.d/*.toml."""
