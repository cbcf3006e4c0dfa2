"""The people and their credentials."""
