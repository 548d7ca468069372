#!/usr/bin/env bash
# Runs the linters and the tests, after setting up what is missing.
#
#   scripts/test.sh                  what every change must pass
#   scripts/test.sh --all            the slow tests too
#   scripts/test.sh tests/data -x    any arguments of pytest
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
arguments=("$@")
set -- dev
source "$here/setup_env.sh"
cd "$ROOT"
marker="not slow"
if [ "${arguments[0]:-}" = --all ]; then
  marker=""
  arguments=("${arguments[@]:1}")
fi
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m mypy
exec "$PYTHON" -m pytest -m "$marker" "${arguments[@]}"
