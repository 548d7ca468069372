"""Rules about code and patches."""
