"""When things are due: cron expressions, zones and their slots, as pure arithmetic. Knows no job."""
