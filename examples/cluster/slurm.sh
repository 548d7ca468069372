#!/usr/bin/env bash
# Trains a judge on several nodes of a SLURM cluster. Not run on a real one by us: see README.md.
#
#   sbatch --nodes=2 examples/cluster/slurm.sh pointwise base_model=qwen3_14b dataset=helpsteer2 runs_dir=/shared/runs
#
# Submit it from the repository, which lies on a file system that all nodes see, as do runs, data and models. The words
# after the script are those of `rm-train train`. Ray lives as long as the job. Ten minutes before its time is up, the
# run is told to save and end, and the job goes back into the queue: it continues from that checkpoint.
#
# From the environment: RAY_NODE_OPTIONS, options of ray_cluster.sh for every node, such as "--gpus 1 --cpus 8" for
# GPU tickets on nodes without GPUs (with hardware=cpu); RAY_PORT and RAY_DASHBOARD_PORT, the head's ports.
#SBATCH --job-name=rm-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@600
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=rm-train-%j.log
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?sbatch sets it: submit this script with sbatch}"
arguments=("$@")
set --
source scripts/setup_env.sh

# A token of this job's own: srun hands it to the other nodes, and no file keeps it.
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token
nodes=$SLURM_JOB_NUM_NODES
port=${RAY_PORT:-6379}
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
read -r -a options <<< "${RAY_NODE_OPTIONS:-}"
steps=()
run=""
interrupted=""

step=(srun --overlap --ntasks-per-node=1 --cpus-per-task="${SLURM_CPUS_ON_NODE:-1}")

# shellcheck disable=SC2329 # the traps call them
finish() {
  [ ${#steps[@]} -eq 0 ] || kill -TERM "${steps[@]}" 2>/dev/null || true
  wait
}
# shellcheck disable=SC2329
interrupt() {
  interrupted=1
  [ -n "$run" ] || exit 143
  echo "the job's time is nearly up: the run saves its step and ends"
  kill -TERM "$run" 2>/dev/null || true
}
trap finish EXIT
trap interrupt TERM

# This script runs on the first node of the job, which becomes the head.
"${step[@]}" --nodes=1 --ntasks=1 --nodelist="$head" \
  scripts/ray_cluster.sh head --block --port "$port" --dashboard-port "${RAY_DASHBOARD_PORT:-8265}" "${options[@]}" &
steps+=($!)
if [ "$nodes" -gt 1 ]; then
  "${step[@]}" --nodes=$((nodes - 1)) --ntasks=$((nodes - 1)) --exclude="$head" \
    scripts/ray_cluster.sh worker "$head:$port" --block --wait 300 "${options[@]}" &
  steps+=($!)
fi
scripts/ray_cluster.sh status --address "$head:$port" --nodes "$nodes" --wait 300

"$PYTHON" -m rm_train.cli train "${arguments[@]}" ray=existing ray_address="$head:$port" &
run=$!
while kill -0 "$run" 2>/dev/null; do wait "$run" || true; done # a signal to this script ends `wait` too
status=0
wait "$run" || status=$?
if [ -n "$interrupted" ] && [ "$status" -ne 0 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
