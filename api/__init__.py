"""The HTTP floor: input, identity, errors, paging and the application itself."""
