"""What a browser shows: the page for people, made of one shell and of files that speak to the API."""
