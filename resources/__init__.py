"""The resources: one file a noun, each with its forms and its Resource classes."""
