"""Rules that hold an answer against a right one, as text."""
