"""What applies to every request: headers, CORS, maintenance, rate limits."""
