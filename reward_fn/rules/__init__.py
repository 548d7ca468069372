"""Rewards that are code: no model is asked."""
