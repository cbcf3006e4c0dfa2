"""The database layer: engine, column types, transactions, reading, writing and schema."""
