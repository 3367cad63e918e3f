"""Benchmarks: one command a question, beside peers, side by side in one run. See ``bench/README.md``."""
