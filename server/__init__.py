"""The HTTP server: waitress with deadlines, a strict reading of requests and an orderly stop."""
