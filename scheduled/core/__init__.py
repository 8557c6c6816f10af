"""Jobs, runs and slots as values, and the decisions about them. Pure: no clock, files or processes."""
