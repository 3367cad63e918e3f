"""crsd: the supervisor of a host, the processes it starts, and what an operator does to a host as a whole."""
