"""Who is asking, by which credential, and what they may do."""
