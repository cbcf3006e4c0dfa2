"""Files on their way in, and backups."""
