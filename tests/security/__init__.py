"""What an attacker may try, each as a test; docs/security.md says which risk each answers."""
