"""Figures of jupyter_lcc, each beside what a user would run instead: `python -m benchmarks`."""
