"""Responses: media types, entity tags, pages and tables."""
