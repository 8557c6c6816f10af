"""Getting in and out of the user's crontab without touching anything else."""
