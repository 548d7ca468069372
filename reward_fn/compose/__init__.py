"""Rewards made of rewards: weighted sum, gate, router, transforms and cache. Each is a reward like any other."""
