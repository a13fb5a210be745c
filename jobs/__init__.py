"""Time and queues in: fixed jobs that claim what is due and call one use case."""
