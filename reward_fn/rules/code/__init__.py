"""Rules that look at programs, and one that runs them."""
