"""X-Ray: segments become traces, and their summaries can be asked for by expression."""
