"""The OpenAPI document, derived from the code."""
