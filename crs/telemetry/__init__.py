"""What a process tells of itself while it runs: traces, metrics, tags for names in the log."""
