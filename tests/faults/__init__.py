"""What must survive: the real service, killed, stopped, raced and retried on real databases."""
