"""The interfaces beside the command line: each asks `service`, has no logic of its own, and goes when nobody needs it."""
