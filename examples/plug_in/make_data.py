"""Makes what the examples train: a tiny model that answers sloppily, and **synthetic** questions as parquet for verl.

Both are made from the seed, without any download, in about half a minute on two cores, and only once.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from questions import Question, questions, sloppy_answer
from transformers.utils.logging import disable_progress_bar

from rm_train.files import atomic_folder
from rm_train.models.tiny.architecture import build_model, build_tokenizer
from rm_train.models.tiny.teaching import Example, Pace, teach

DATA_SOURCES = ("colors", "counts", "chat")
TAUGHT = Pace(steps=375, batch_size=16)
TAUGHT_ANSWERS = 2000
"""To questions of each data set."""
HELD_OUT = 24
"""Questions of a data set that validation asks, and training never does."""


def as_row(question: Question, index: int, split: str) -> dict[str, Any]:
    """Return a question as verl reads it."""
    return {
        "data_source": question.data_source,
        "prompt": [{"role": "user", "content": question.text}],
        "ability": "answering",
        "reward_model": {"style": "rule", "ground_truth": question.truth},
        "extra_info": {"split": split, "index": index, "question": question.text, "answer": question.gold},
    }


def write_data(data_source: str, folder: Path, rng: random.Random) -> None:
    """Write `NAME.train.parquet` and `NAME.validation.parquet`; they share no question."""
    shuffled = questions(data_source)
    rng.shuffle(shuffled)
    for split, part in (("train", shuffled[HELD_OUT:]), ("validation", shuffled[:HELD_OUT])):
        rows = [as_row(question, index, split) for index, question in enumerate(part)]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{data_source}.{split}.parquet")


def build_sloppy_model(folder: Path, seed: int, rng: random.Random) -> None:
    """Teach a tiny model to answer as the sloppy assistant does, and save it as a Hugging Face folder."""
    asked = [question for name in DATA_SOURCES for question in rng.choices(questions(name), k=TAUGHT_ANSWERS)]
    answers = [sloppy_answer(question, rng) for question in asked]
    tokenizer = build_tokenizer(f"user {q.text} assistant {a}" for q, a in zip(asked, answers, strict=True))
    messages = [[{"role": "user", "content": question.text}] for question in asked]
    prompts = tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    endings = tokenizer([answer + tokenizer.eos_token for answer in answers])["input_ids"]
    examples = [Example(prompt, answer) for prompt, answer in zip(prompts, endings, strict=True)]
    torch.manual_seed(seed)
    model = build_model(tokenizer)
    with click.progressbar(length=TAUGHT.steps, label="teaching a tiny model to answer sloppily") as bar:
        teach(model, tokenizer, examples, rng, TAUGHT, lambda done, _: bar.update(done - bar.pos))
    disable_progress_bar()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder for all of it."
)
def main(seed: int, out: Path) -> None:
    """Make the model and the data of the examples, unless they are there."""
    if out.is_dir():
        return
    rng = random.Random(seed)
    with atomic_folder(out) as folder:
        for name in DATA_SOURCES:
            write_data(name, folder, rng)
        build_sloppy_model(folder / "model", seed, rng)
    click.echo(f"made {out}")


if __name__ == "__main__":
    main()
