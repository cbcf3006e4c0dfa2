"""The ledger itself: tables, their rules and their deeds; it knows no HTTP."""
