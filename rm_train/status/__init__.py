"""`rm-train rewards status`: what the rewards of running jobs are at."""

from rm_train.launch.nodes.connect import ClusterError
from rm_train.status.show import show_status

__all__ = ["ClusterError", "show_status"]
