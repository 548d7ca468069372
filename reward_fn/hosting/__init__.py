"""What a whole cluster shares: Ray actors that rewards in many processes meet in."""
