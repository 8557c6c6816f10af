"""The file formats of the workspace's programs: registries, mailboxes, timestamps and JSON texts."""
