"""Rewards of an installed RM-Gallery as ours: `reward` is ours, `inside` runs in worker processes and imports theirs.

RM-Gallery cannot live beside verl (it needs transformers 4), removes all handlers of loguru's logger when it is
imported, and writes logs into the working folder. So it runs in processes of its own, which have a folder of their own,
and another environment's Python if need be.
"""
