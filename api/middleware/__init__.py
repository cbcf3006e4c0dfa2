"""What stands around every request: headers, origins, maintenance, limits."""
