"""One tick: load results and events, plan, claim, execute, settle, publish."""
