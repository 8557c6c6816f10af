"""Answers that only read: configuration and ledger, looked at without a lock."""
