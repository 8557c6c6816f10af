"""Read-only queries on the configuration and the ledger; they take no lock."""
