"""What leaves the service by itself: webhooks, subscriptions of mails, and who sends them."""
