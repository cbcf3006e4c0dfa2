"""How each database is opened, read, written and brought up to date."""
