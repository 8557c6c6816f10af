"""The kinds of action: for each one module with its keys, its words and how a run of it is prepared."""
