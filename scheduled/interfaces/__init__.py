"""The interfaces besides the command line. Each calls `service`, has no logic of its own, and exits when it is idle."""
