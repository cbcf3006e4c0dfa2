"""The HTTP server: waitress with timeouts, strict parsing of requests and a graceful stop."""
