"""What the benchmarks share: the models by name, the synthetic judging prompts, and where the figures go."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from rich.console import Console

from rm_train.launch.config import compose_config
from rm_train.models import BUILT

CONSOLE = Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def model_folder(name: str) -> Path:
    """Return the folder of a model that is built on this machine, after building it if it is not there."""
    folder = Path(compose_config("pointwise", [f"base_model={name}"]).base_model_path)
    if not folder.exists():
        with CONSOLE.status(f"{BUILT[name].doing}, kept in {folder}"):
            BUILT[name].build(folder, 0, lambda done, total: None)
    return folder


def machine() -> dict[str, object]:
    """Return what a figure depends on beside the code: the cores, and how busy they were before (runnable tasks)."""
    return {"cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 2)}


def readable(figure: float) -> str:
    """Return a figure as tables show it."""
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.3g}"


def write_json(out: Path | None, figures: object) -> None:
    """Write the figures where `--out` says, if it does."""
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(figures, indent=2) + "\n")
        CONSOLE.print(f"figures: {out}", soft_wrap=True)
