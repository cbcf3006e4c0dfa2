"""Users and their credentials: passwords, API tokens, sessions and identities of an OpenID provider."""
