#!/usr/bin/env bash
# Trains on a Ray cluster as a job: sets up what is missing here, then submits a run, or looks at jobs and stops them.
#
#   scripts/submit_job.sh pointwise runs_dir=/shared/runs --address http://HEAD:8265 --follow
#   scripts/submit_job.sh list                      the jobs of the cluster
#   scripts/submit_job.sh status JOB                how far it is, or why it failed
#   scripts/submit_job.sh logs JOB --follow         its log
#   scripts/submit_job.sh stop JOB                  it finishes and saves the step at work first
#   scripts/submit_job.sh resume JOB                go on from its last checkpoint, as another job
#   scripts/submit_job.sh --help                    more: docs/jobs.md
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
arguments=("$@")
set --
source "$here/setup_env.sh"
case ${arguments[0]:-} in
  list | status | logs | stop | resume) exec "$PYTHON" -m rm_train.cli jobs "${arguments[@]}" ;;
  *) exec "$PYTHON" -m rm_train.cli submit "${arguments[@]}" ;;
esac
