"""What the evidence says: the response matrix with numbers. Pure."""
