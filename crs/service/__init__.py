"""What a worker does for clients, without the wire: handlers and upkeep call it."""
