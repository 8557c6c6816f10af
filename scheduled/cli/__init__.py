"""The command line: it parses arguments, calls `scheduled.service` and prints the returned documents."""
