"""What a worker does between requests. Nothing of a client's hot path."""
