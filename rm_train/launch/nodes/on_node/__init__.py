"""What runs on a node to look at it.

It travels there as code, because the copy of this package that the node has may be an old one or none: so each module
here uses the standard library only, and refers to its neighbours by their functions.
"""
