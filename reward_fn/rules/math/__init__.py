"""Rules that compare mathematical expressions."""
