"""The truth on disk: ledger, snapshot, locks."""
