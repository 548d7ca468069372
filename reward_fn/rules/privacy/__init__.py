"""Rules that look for personal data and secrets."""
