"""What a run would do, without doing it: its resolved config, and a command line that can be pasted."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.syntax import Syntax

from rm_train.launch.run_folder import RunFolder
from rm_train.launch.secrets import hidden, hidden_text
from rm_train.launch.verl_run import pasteable_command


def dry_run(task: str, overrides: Sequence[str], config: DictConfig, console: Console) -> None:
    """Print the resolved config, and last the command line that trains with stock verl.

    The command line makes the run's data and base model first, unless they are there.
    """
    text = OmegaConf.to_yaml(OmegaConf.create(hidden(OmegaConf.to_container(config))))
    if console.is_terminal:
        console.print(Syntax(text, "yaml", background_color="default"))
    else:
        sys.stdout.write(text)
    sys.stdout.write("\n" + hidden_text(paste(task, overrides, config)) + "\n")


def paste(task: str, overrides: Sequence[str], config: DictConfig) -> str:
    """Return what can be pasted into a shell to train: one line, or two when data or model are still to be made."""
    training = pasteable_command(task, overrides, config)
    if Path(config.base_model_path).exists() and RunFolder(Path(config.run_dir)).data.exists():
        return training
    preparation = [sys.executable, "-m", "rm_train.cli", "train", task, *overrides, "--prepare-only"]
    return f"{shlex.join(preparation)} &&\n{training}"
