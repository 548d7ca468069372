"""Every node of a Ray cluster is asked, before a model is loaded, whether it has and sees what the launcher does.

A stale package, a file that is missing or a folder that is not shared would otherwise show minutes later in the log of
one of many workers, or never: as a reward of other code, or as a checkpoint of which a part lies elsewhere.
"""
