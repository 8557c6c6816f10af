"""What the user wrote: reading, checking and editing scheduled.toml and jobs.d."""
