"""What goes out: representations, entity tags, pages, tables."""
