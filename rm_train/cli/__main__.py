"""`python -m rm_train.cli` is `rm-train`."""

from rm_train.cli import main

main()
