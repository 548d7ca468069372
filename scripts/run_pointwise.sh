#!/usr/bin/env bash
# Trains a pointwise judge: sets up what is missing, prepares data and model, trains with verl, evaluates, reports.
#
#   scripts/run_pointwise.sh                                             the tiny judge on the synthetic set
#   scripts/run_pointwise.sh dataset=helpsteer2 dataset_path=FILE        your own HelpSteer2 ratings
#   scripts/run_pointwise.sh base_model=hf base_model_path=FOLDER        your own model
#
# The same command continues an interrupted run and shows the report of a finished one; --fresh starts anew.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
arguments=("$@")
set --
source "$here/setup_env.sh"
exec "$PYTHON" -m rm_train.cli train pointwise "${arguments[@]}"
