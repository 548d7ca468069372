"""How good a judge is: greedy verdicts on held-out rows and the figures computed from them."""
