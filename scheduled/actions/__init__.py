"""The kinds of action. Each is a module with its keys, its texts and the preparation of its runs."""
