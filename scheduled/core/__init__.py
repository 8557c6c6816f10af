"""The decisions, pure: jobs, runs and slots as values, and what becomes of them. No clock, file or process."""
