"""Requests: parsers, strict types, bodies and files."""
