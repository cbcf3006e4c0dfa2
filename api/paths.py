"""The paths below which the API answers."""

API = "/api/"
V1 = f"{API}v1"
