#!/usr/bin/env bash
# A Ray cluster of bare machines: sets up what is missing on this node, then starts, shows or stops Ray on it.
#
#   scripts/ray_cluster.sh head                    on one node
#   scripts/ray_cluster.sh worker HEAD_HOST        on each other node
#   scripts/ray_cluster.sh status                  nodes, GPUs, versions, who is dead
#   scripts/ray_cluster.sh stop                    what was started on this node, and no other Ray
#   scripts/ray_cluster.sh --help                  more, and head --help, worker --help ...
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
arguments=("$@")
set --
source "$here/setup_env.sh"
exec "$PYTHON" -m rm_train.cli cluster "${arguments[@]}"
