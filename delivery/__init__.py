"""What leaves the service by itself: webhooks and mail."""
