"""The workspace that the built-in handlers look after."""
