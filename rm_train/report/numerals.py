"""Two characters that numbers are written with; charts and sentences use the same."""

MINUS, NOTHING = "\N{MINUS SIGN}", "\N{EN DASH}"
