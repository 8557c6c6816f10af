"""Installation for one user: the crontab block, service files, the starter configuration and the demo."""
