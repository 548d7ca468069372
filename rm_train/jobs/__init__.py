"""Runs as jobs of a Ray cluster: submitted from anywhere, watched, stopped and gone on with.

A job is `rm-train train` on a node of the cluster, with exactly the code that submitted it. What is known of a job is
what Ray keeps: its metadata and its log; nothing is written on the machine that submits.
"""
