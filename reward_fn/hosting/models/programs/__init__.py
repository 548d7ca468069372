"""Programs that run as processes of their own, by their path: what imports them need not have this package."""
