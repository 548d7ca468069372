"""Where programs that nobody has read are run: each case a process of its own, walled in and killed at its end.

`limits.py` is what a program may take, `namespaces.py` and `seccomp.py` are the walls, `supervisor.py` runs one case,
`driver.py` is what happens in the case's process, and `pool.py` keeps the worker processes that wait for cases.
"""
