"""The commands: operations that a user starts, apart from the schedules, and that may write to the state."""
