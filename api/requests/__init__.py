"""What comes in: parsers, strict types, bodies, files."""
