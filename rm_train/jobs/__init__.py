"""Runs as jobs of a Ray cluster: submitted from anywhere, watched, stopped and gone on with.

A job is `rm-train train` on a node of the cluster, with exactly the code that submitted it. What is known of a job is
what Ray keeps: its metadata and its log; nothing is written on the machine that submits.
"""

import os

from rm_train.launch.nodes.connect import has_token

if has_token():  # which Ray's client shows only if it is told so before Ray is imported
    os.environ.setdefault("RAY_AUTH_MODE", "token")
