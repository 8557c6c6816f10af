"""What is told to people and programs: conditions, notices, the outbox, the session bus."""
