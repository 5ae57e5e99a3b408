"""Benchmarks: the gateway as real processes, its peers in the same round, ratios instead of absolute figures."""
