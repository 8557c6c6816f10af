"""What people and programs are notified of: conditions, notices, the outbox and its routes, the session bus."""
