"""CloudWatch: moto stores alarms and data points, this evaluates them and acts on what it finds."""
