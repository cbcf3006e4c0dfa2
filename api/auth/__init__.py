"""Authentication and permissions: who sends a request, with which credential, and what they may do."""
