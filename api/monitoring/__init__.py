"""Monitoring: logs, metrics, health, and what the audit log has of refused requests."""
