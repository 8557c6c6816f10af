"""The ledger as a SQLite database."""
