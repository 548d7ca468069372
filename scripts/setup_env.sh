#!/usr/bin/env bash
# Sets up everything the other scripts need, once: a virtual environment with a fitting Python, and pinned packages.
# Sourced, not run: it sets PYTHON. An active virtual environment is used; otherwise .venv is made here.
# usage: source scripts/setup_env.sh [EXTRA ...]      extras beside "train", such as dev

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }

find_python() {
  local name
  for name in python3.11 python3.12 python3.10 python3; do
    if command -v "$name" >/dev/null && fits "$name"; then echo "$name"; return; fi
  done
  fail "Python 3.10, 3.11 or 3.12 is needed and none was found; install one, or activate an environment that has it"
}

has_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU; }

# PyTorch's CPU build, from wherever pip is set up to look, or else from PyTorch's own index. PyPI's build for Linux
# is the CUDA one, several gigabytes; elsewhere PyPI's build is the CPU one.
install_cpu_torch() {
  local version
  version=$(sed -n 's/^torch==//p' "$ROOT/constraints/cpu.txt")
  if [ "$(uname -s)" != Linux ]; then
    "$PYTHON" -m pip install --quiet "torch==$version"
  elif ! "$PYTHON" -m pip install --quiet "torch==$version+cpu" 2>/dev/null; then
    "$PYTHON" -m pip install --quiet "torch==$version" --index-url https://download.pytorch.org/whl/cpu
  fi
}

setup_env() {
  local extras target=cpu stamp
  extras="train${*:+,}$(IFS=,; echo "$*")"
  if [ -n "${VIRTUAL_ENV:-}" ]; then
    PYTHON=$VIRTUAL_ENV/bin/python
    fits "$PYTHON" || fail "the active environment $VIRTUAL_ENV has no Python from 3.10 to 3.12; deactivate it or use another"
  else
    PYTHON=$ROOT/.venv/bin/python
    if [ ! -x "$PYTHON" ]; then
      echo "making the virtual environment .venv"
      "$(find_python)" -m venv "$ROOT/.venv" || fail "cannot make .venv; on Debian and Ubuntu: apt install python3-venv"
    fi
  fi
  if has_gpu; then target=gpu extras="gpu,$extras"; fi
  # The stamp is made of what decides the installation: when that is as before, nothing is installed.
  stamp=$(dirname "$(dirname "$PYTHON")")/.rm-train-$(echo "$extras" | cat - "$ROOT/pyproject.toml" "$ROOT/constraints/$target.txt" | cksum | cut -d' ' -f1)
  if [ ! -e "$stamp" ]; then
    echo "installing rm-train[$extras] for $target (a few minutes, once)"
    if [ "$target" = cpu ]; then install_cpu_torch || fail "PyTorch's CPU build could not be installed; pip's message is above"; fi
    "$PYTHON" -m pip install --quiet -c "$ROOT/constraints/$target.txt" -e "${ROOT}[$extras]" ||
      fail "the packages could not be installed; pip's message is above"
    touch "$stamp"
  fi
}

setup_env "$@"
