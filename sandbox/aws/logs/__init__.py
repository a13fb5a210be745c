"""CloudWatch Logs: moto keeps the events, queries are answered here."""
