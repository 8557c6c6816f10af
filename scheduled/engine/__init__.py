"""One tick: take in, plan, claim, execute, settle, publish."""
