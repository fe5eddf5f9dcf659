"""Benchmarks: what is fast, how fast, against whom. Run ``python -m benchmarks``."""
