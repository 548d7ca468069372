"""What could be wrong with a run, found and said before anything starts.

verl finds most of it minutes later in the log of a Ray worker, and some of it never: a reward that is configured under
an old key is ignored without a word. Each module holds the checks of one subject; `check_config` asks them all.
"""

from rm_train.launch.checks.check import check_config, check_data, check_elsewhere
from rm_train.launch.checks.problem import ConfigError, Problem, Severity, settle

__all__ = ["ConfigError", "Problem", "Severity", "check_config", "check_data", "check_elsewhere", "settle"]
