"""The contract: requests made up from the OpenAPI document, against the real service."""
