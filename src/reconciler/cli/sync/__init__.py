"""The verbs about backups, a file each."""
