"""The stock: items, the ledger of their movements, search, statistics and verification."""
