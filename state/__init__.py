"""The state directory: ledger, snapshot, locks and file access."""
