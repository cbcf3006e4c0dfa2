"""Imports of items from files, and backups of a SQLite database."""
