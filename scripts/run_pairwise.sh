#!/usr/bin/env bash
# Trains a pairwise judge: sets up what is missing, prepares data and model, trains with verl, evaluates, reports.
#
#   scripts/run_pairwise.sh                                                      the tiny judge on the synthetic pairs
#   scripts/run_pairwise.sh recipe=j1                                            another recipe: docs/recipes.md
#   scripts/run_pairwise.sh dataset=helpsteer2_preference dataset_path=FILE      your own preferences: docs/data.md
#   scripts/run_pairwise.sh base_model=hf base_model_path=FOLDER                 your own model
#
# The same command continues an interrupted run and shows the report of a finished one; --fresh starts anew.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
arguments=("$@")
set --
source "$here/setup_env.sh"
exec "$PYTHON" -m rm_train.cli train pairwise "${arguments[@]}"
