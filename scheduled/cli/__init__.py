"""The command line: arguments to service, documents to a terminal."""
