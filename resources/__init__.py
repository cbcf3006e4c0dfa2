"""The resources: one file for each noun, with its parsers and its Resource classes."""
