"""For whoever watches the service: logs, metrics, health, audit."""
