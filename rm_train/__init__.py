"""RL training of generative reward models (judges) with verl, and their evaluation."""
