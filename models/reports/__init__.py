"""Reports: what the stock is worth, what has to be ordered, and what goes, all from the ledger."""
