#!/usr/bin/env bash
# Trains one of the examples with stock verl, on CPU:
#
#   examples/plug_in/run.sh rules|judge|critic|routes|compare [KEY=VALUE ...]     any keys of the example's or of verl's
#
# SEED=1 makes another model, other questions for training and other draws; RUN_DIR says where the run goes, JUDGE_PORT
# where the played judge listens. Without PYTHON, an environment is set up as for the other scripts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

case ${1:-} in
  rules | judge | critic | routes | compare) name=$1 && shift ;;
  *) echo "usage: examples/plug_in/run.sh rules|judge|critic|routes|compare [KEY=VALUE ...]" >&2 && exit 2 ;;
esac
seed=${SEED:-0} port=${JUDGE_PORT:-8765}
run_dir=${RUN_DIR:-runs/plug_in/$name/seed$seed}
if [ -z "${PYTHON:-}" ]; then source scripts/setup_env.sh rules judges; fi
# One thread for each process: they are so small that more would mostly wait for each other, the more so on busy cores.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

"$PYTHON" examples/plug_in/make_data.py --seed "$seed" --out "runs/plug_in/made/seed$seed"
if [ "$name" = judge ] || [ "$name" = compare ]; then
  # It ends with this process, which becomes verl below.
  "$PYTHON" examples/plug_in/judge_endpoint.py --port "$port" --while $$
  set -- "judge_url=http://127.0.0.1:$port/v1" "$@"
fi

mkdir -p "$run_dir"
started=$(date +%Y%m%d-%H%M%S)
export VERL_FILE_LOGGER_PATH=$run_dir/metrics.jsonl TENSORBOARD_DIR=$run_dir/tensorboard/$started
# VERL_PLATFORM keeps the run on CPU where PyTorch's build has CUDA; Ray's spare processes would lack these variables.
export VERL_PLATFORM=cpu RAY_enable_worker_prestart=0
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 TOKENIZERS_PARALLELISM=false RAY_USAGE_STATS_ENABLED=0 HYDRA_FULL_ERROR=1
exec "$PYTHON" -m verl.trainer.main_ppo --config-dir examples/plug_in --config-name "$name" \
  "hydra.searchpath=[file://configs]" "seed=$seed" "run_dir='${run_dir//\'/\\\'}'" "$@"
