"""What a run will take, before it takes it: `rm-train plan`.

Memory of GPUs and host, disk, tokens and seconds of a step, all by arithmetic on the config and the model's shape, and
shown line by line. No torch is imported and no GPU is looked at, and nothing here has been measured on one. Each module
has one of these subjects; `plan.py` puts them together, and `docs/sizing.md` is written from them.
"""
