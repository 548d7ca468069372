"""The main job from first to last: data, model, training, evaluation before and after, report.

Each phase leaves a whole result or none and is skipped when its result is there, so the same command continues an
interrupted run and shows the report of a finished one.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import Progress

from rm_train.data import PreparedData, PrepareSettings, prepare
from rm_train.evaluation.evaluate import METRICS_FILE, evaluate_model
from rm_train.files import atomic_folder
from rm_train.launch.checks import check_data, settle
from rm_train.launch.checks.cluster import ray_address
from rm_train.launch.nodes.check import survey
from rm_train.launch.preflight import preflight
from rm_train.launch.process import ProcessFailedError
from rm_train.launch.progress import TrainingBar
from rm_train.launch.record import RunRecord
from rm_train.launch.retries import check_room, patiently, with_retries
from rm_train.launch.run_folder import RunFolder
from rm_train.launch.stored import RunStorage, fetch_model
from rm_train.launch.verl_run import merge_checkpoint, pasteable_command, train
from rm_train.models import BUILT, BuiltModel
from rm_train.report import console_table, write_report

_PAIRWISE_KEYS = ("form", "drop_ties", "tie_share")
"""Settings of the data that only some configs have, under the same names."""


class DataChangedError(RuntimeError):
    """The data of a run that has begun is not what it was."""


def prepare_settings(config: DictConfig) -> PrepareSettings:
    """Return what a config says about the data."""
    return PrepareSettings(
        dataset=config.dataset,
        out_dir=RunFolder(Path(config.run_dir)).data,
        path=config.dataset_path,
        attribute=config.attribute,
        on_bad_row=config.on_bad_row,
        seed=config.seed,
        max_train_rows=config.max_train_rows,
        max_val_rows=config.max_val_rows,
        shuffle_targets=config.shuffle_targets,
        cache_dir=config.cache_dir,
        fields={name: field for name, field in config.get("dataset_fields", {}).items() if field is not None},
        **{key: config[key] for key in _PAIRWISE_KEYS if key in config},
    )


def run_task(
    task: str,
    overrides: Sequence[str],
    config: DictConfig,
    *,
    fresh: bool,
    prepare_only: bool,
    console: Console,
    retries: int = 0,
) -> None:
    """Run or continue a training run, and write its report.

    Args:
        task: The name of the config.
        overrides: What the config was composed with; verl composes it again.
        config: The composed config, with its run folder.
        fresh: Remove what earlier attempts left.
        prepare_only: End when everything is there that the training needs.
        console: Where progress and the final table go.
        retries: How often a training that fails in its course is gone on with.

    Raises:
        RunBusyError: Another process works in the run folder.
        PrepareError: The data cannot be prepared.
        DataChangedError: The data has changed since the run began.
        ConfigError: The reward or the model does not fit the data.
        Smollm2Error: The base model cannot be fetched.
        ProcessFailedError: verl failed; the message says why and where its log is.
        StorageError: The run cannot be fetched from object storage, or its results cannot be stored there.
    """
    folder = RunFolder(Path(config.run_dir))
    storage = RunStorage(config, folder, console)
    with folder.lock():
        if fresh:
            storage.clear()
            folder.clear()
        console.print(f"run folder: {folder.path}", soft_wrap=True)
        storage.restore()
        run = _Run(task, overrides, config, folder, storage, console)
        data = run.prepare()
        if prepare_only:
            return
        run.train_and_evaluate(data, retries)
        report = write_report(folder.path)
        storage.push()
    console.print(console_table(report))
    page = folder.path / "report.html"
    console.print(f"report: {page}", soft_wrap=True)


class _Run:
    """One attempt at a run."""

    def __init__(
        self,
        task: str,
        overrides: Sequence[str],
        config: DictConfig,
        folder: RunFolder,
        storage: RunStorage,
        console: Console,
    ) -> None:
        self._task, self._overrides, self._config = task, overrides, config
        self._folder, self._storage, self._console = folder, storage, console
        self._record = RunRecord(folder.record)

    def prepare(self) -> PreparedData:
        """Make what the training needs, and try the reward."""
        config, folder = self._config, self._folder
        data = self._prepare_data()
        folder.metrics.mkdir(exist_ok=True)
        unfinished = self._record.judge_steps() < config.steps
        if unfinished:
            preflight(config, self._console)
        fetch_model(config, self._console)
        if config.base_model in BUILT:
            self._build(BUILT[config.base_model], Path(config.base_model_path))
        if unfinished:
            settle(check_data(config), self._console)
        command = pasteable_command(self._task, self._overrides, config)
        self._record.describe(self._task, config, data.manifest, command)
        return data

    def train_and_evaluate(self, data: PreparedData, retries: int) -> None:
        """Do what is not done yet."""
        config, folder = self._config, self._folder
        if self._record.judge_steps() < config.steps:
            if folder.trained_steps() < config.steps:
                self._ready_nodes()
                with_retries(self._train, retries, self._begun, self._before_retry)
            self._storage.after_training()
            self._merge()
            self._storage.push()
        # Both at the end: nobody waits for an evaluation before the training begins.
        self._evaluate(config.base_model_path, data.validation, "before")
        self._evaluate(str(folder.model), data.validation, "after")

    @contextmanager
    def _phase(self, name: str, title: str) -> Iterator[None]:
        """Announce a phase and record how long it took."""
        self._console.print(f"[bold]{title}[/bold]")
        began = time.perf_counter()
        yield
        self._record.add_seconds(name, time.perf_counter() - began)

    def _prepare_data(self) -> PreparedData:
        known = self._record.data_fingerprint()
        with self._phase("data", "preparing data"):
            data = prepare(prepare_settings(self._config), progress=self._console.is_terminal)
        if known is not None and known != data.manifest["fingerprint"]:
            raise DataChangedError(
                f"the data at {self._config.dataset_path} has changed since this run began; start anew with --fresh"
            )
        bad = data.manifest["bad_rows"]
        if bad["count"]:
            self._console.print(
                f"{bad['count']} rows cannot be used and are left out: {self._folder.data}/{bad['file']}"
            )
        return data

    def _build(self, model: BuiltModel, path: Path) -> None:
        if path.exists():
            return
        with self._phase("model", f"{model.doing}, kept in {path}"), self._bar() as bar:
            task = bar.add_task("building", total=None)
            model.build(path, self._config.seed, lambda done, total: bar.update(task, completed=done, total=total))

    def _evaluate(self, model: str, data: Path, side: Literal["before", "after"]) -> None:
        target = self._folder.evaluation(side)
        if (target / METRICS_FILE).exists():
            return
        with self._phase(f"evaluation {side}", f"judging the validation rows, {side} training"), self._bar() as bar:
            task = bar.add_task("judging", total=None)
            evaluate_model(
                model,
                data,
                target,
                max_new_tokens=self._config.data.max_response_length,
                on_long_prompt="skip",
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )

    def _train(self) -> None:
        config, folder = self._config, self._folder
        metrics = folder.next_metrics()
        done = folder.trained_steps()
        title = f"training from step {done}" if done else "training"
        with self._phase("training", f"{title}, full log in {folder.log('train')}"):
            bar = TrainingBar(self._console, metrics, done, config.steps)
            try:
                with bar.shown():
                    train(self._task, self._overrides, config, metrics, bar.update, self._announce_stop)
            except KeyboardInterrupt:
                self._storage.after_interrupt()
                raise

    def _begun(self) -> bool:
        return any(metrics.stat().st_size for metrics in self._folder.metrics.glob("*.jsonl"))

    def _before_retry(self, error: ProcessFailedError) -> None:
        step = self._folder.trained_steps()
        self._record.add_failure(step, str(error))
        self._console.print(
            f"the training failed, and goes on from step {step}:\n{error}", markup=False, soft_wrap=True
        )
        say = partial(self._console.print, markup=False)
        patiently(partial(check_room, self._config), say)
        patiently(self._ready_nodes, say)

    def _ready_nodes(self) -> None:
        """Give the nodes what is stored for them, and ask those of a cluster that was there before what they see."""
        self._storage.before_training()
        if ray_address(self._config) is not None:
            with self._phase("nodes", "asking the nodes of the Ray cluster"):
                settle(survey(self._config).problems, self._console)

    def _announce_stop(self) -> None:
        self._console.print("stopping: the step at work is finished and saved first; Ctrl-C again stops at once")

    def _merge(self) -> None:
        steps = self._folder.trained_steps()
        with self._phase("merge", "writing the trained judge"), atomic_folder(self._folder.model) as temporary:
            # An earlier judge, of fewer steps, was evaluated there.
            shutil.rmtree(self._folder.evaluation("after"), ignore_errors=True)
            merge_checkpoint(self._folder, steps, self._config.base_model_path, temporary)
        self._record.set_judge_steps(steps)

    def _bar(self) -> Progress:
        return Progress(console=self._console, transient=True, disable=not self._console.is_terminal)
