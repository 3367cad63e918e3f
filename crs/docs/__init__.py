"""Documents that are made from the code: the machine-readable protocol and the man pages."""
