"""The stock: items, their movements, and what both add up to."""
