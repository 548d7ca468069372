"""A Ray cluster of bare machines: a head on one node, workers on others, and an end of exactly what was started here.

`ray start` leaves its processes to themselves, and `ray stop` ends every Ray on a machine, other people's too. Here
each node is one `ray start --block` in the background, whose process is noted: its end is the end of the node, and of
nothing else.
"""

from rm_train.cluster.node import Node, NodeError, running_nodes
from rm_train.cluster.overview import show_cluster
from rm_train.cluster.start import Wanted, hold, start_head, start_worker
from rm_train.cluster.token import Token, find_token

__all__ = [
    "Node",
    "NodeError",
    "Token",
    "Wanted",
    "find_token",
    "hold",
    "running_nodes",
    "show_cluster",
    "start_head",
    "start_worker",
]
