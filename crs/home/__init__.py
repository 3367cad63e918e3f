"""The home directory of one host: its paths, files written whole or not at all, account files, the lock."""
