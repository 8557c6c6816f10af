"""The agent workspace that the built-in handlers check and clean up."""
