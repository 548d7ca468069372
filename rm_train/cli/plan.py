"""`rm-train plan`: what a run takes, before it takes it."""

from __future__ import annotations

import json

import click

from rm_train.cli.fail import fail


@click.command()
@click.argument("task", default="pointwise")
@click.argument("overrides", nargs=-1)
@click.option("--gpu", type=click.Choice(["h100", "a100"]), default="h100", show_default=True,
              help="Whose speed is taken.")  # fmt: skip
@click.option("--gpu-gib", type=click.FloatRange(1), default=79.0, show_default=True,
              help="Memory of a GPU; 79 is what one of 80 GB shows.")  # fmt: skip
@click.option("--host-gib", type=click.FloatRange(1), help="Memory of a node; 144 for each GPU by default.")
@click.option(
    "--prompt-tokens", type=click.IntRange(1), help="Tokens of a prompt on average; half the most by default."
)
@click.option("--response-tokens", type=click.IntRange(1),
              help="Tokens of an answer on average; half the most by default.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON: bytes, tokens, seconds.")
def plan(
    task: str,
    overrides: tuple[str, ...],
    gpu: str,
    gpu_gib: float,
    host_gib: float | None,
    prompt_tokens: int | None,
    response_tokens: int | None,
    as_json: bool,
) -> None:
    """Reckon what a run takes: memory, disk, tokens and seconds of a step, and its bottleneck.

    TASK and OVERRIDES are those of `rm-train train`; say on which hardware. No GPU is needed, and nothing is created
    or downloaded. The arithmetic is shown line by line. The exit status is 1 when the run cannot fit; what would is
    said then.

    \b
    rm-train plan hardware=gpu8 base_model=qwen3_8b
    rm-train plan hardware=nodes trainer.nnodes=4 base_model=qwen3_32b
    rm-train plan hardware=gpu1 base_model=hf base_model_path=FOLDER tuning=lora --gpu a100 --gpu-gib 39
    """
    if "=" in task:
        task, overrides = "pointwise", (task, *overrides)
    from rm_train.launch.checks.problem import ConfigError, listing
    from rm_train.launch.config import compose_config
    from rm_train.launch.hardware import with_hardware
    from rm_train.plan.plan import Machine, make_plan
    from rm_train.plan.show import as_json as plan_as_json
    from rm_train.plan.show import as_text

    machine = Machine(gpu, gpu_gib, host_gib, prompt_tokens, response_tokens)
    try:
        if not any(override.startswith("hardware=") for override in overrides):
            raise ConfigError("hardware: not named; write hardware=gpu1, gpu8, nodes, cpu, or auto for this machine")
        overrides, said = with_hardware(overrides)
        if said:
            click.echo(said, err=True)
        made = make_plan(compose_config(task, overrides), machine)
    except ConfigError as error:
        fail(error)
    click.echo(json.dumps(plan_as_json(made), indent=2) if as_json else as_text(made), nl=as_json)
    if made.problems:
        fail(ConfigError(listing(made.problems)))
