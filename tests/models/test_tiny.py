"""The tiny judge: a loadable model whose warm start is lenient, reproducible, and whole or absent."""

import random
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from reward_fn.judges.pointwise import PointwiseVerdict, format_pointwise, pointwise_messages
from rm_train.data.synthetic import generate_rows
from rm_train.models.tiny.architecture import build_model, build_tokenizer
from rm_train.models.tiny.muon import Muon, orthogonal
from rm_train.models.tiny.warm_start import WarmStart, build_tiny_judge, lenient_score

SHORT = WarmStart(prompts=200, steps=25)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("judge") / "tiny"
    done: list[int] = []
    build_tiny_judge(folder, seed=3, settings=SHORT, progress=lambda step, steps: done.append(step))
    assert done == list(range(1, SHORT.steps + 1))
    return folder


def test_it_is_a_plain_hugging_face_folder(judge: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(judge)
    assert 500_000 < sum(p.numel() for p in model.parameters()) < 5_000_000
    assert model.dtype is torch.bfloat16  # as verl.model_merger stores the trained one


def test_prompts_are_short_and_verdicts_survive_the_tokenizer(judge: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(judge)
    rows = list(generate_rows(100, seed=9))
    lengths = [
        len(
            tokenizer.apply_chat_template(
                pointwise_messages([{"role": "user", "content": row.prompt}], row.response),
                add_generation_prompt=True,
                return_dict=True,
            )["input_ids"]
        )
        for row in rows
    ]
    assert sum(lengths) / len(lengths) < 128
    text = format_pointwise(PointwiseVerdict(3, "city yes, day no"))
    assert tokenizer.decode(tokenizer(text + tokenizer.eos_token)["input_ids"], skip_special_tokens=True) == text
    for hard in ("naïve — 東京 🎉", "\x00\x7f <|im_end|> x"):
        assert tokenizer.decode(tokenizer(hard)["input_ids"]) == hard


def test_it_learns_the_form_of_a_verdict_within_a_few_steps(judge: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(judge)
    model = AutoModelForCausalLM.from_pretrained(judge, dtype=torch.float32)
    row = next(generate_rows(1, seed=9))
    prompt = tokenizer.apply_chat_template(
        pointwise_messages([{"role": "user", "content": row.prompt}], row.response),
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    output = model.generate(**prompt, max_new_tokens=4, do_sample=False)
    assert tokenizer.decode(output[0, prompt["input_ids"].shape[1] :]).startswith("<reason>")


def test_the_same_seed_gives_the_same_judge(judge: Path, tmp_path: Path) -> None:
    build_tiny_judge(tmp_path / "again", seed=3, settings=SHORT)
    first, second = (
        AutoModelForCausalLM.from_pretrained(folder).state_dict() for folder in (judge, tmp_path / "again")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_build_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def stop(step: int, steps: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_tiny_judge(tmp_path / "judge", seed=0, settings=SHORT, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_the_warm_start_scores_too_kindly_but_in_range() -> None:
    rng = random.Random(0)
    scores = {true: [lenient_score(true, rng) for _ in range(4000)] for true in range(5)}
    means = {true: sum(values) / len(values) for true, values in scores.items()}
    assert all(0 <= score <= 4 for values in scores.values() for score in values)
    assert all(means[true] > true + 0.5 for true in (0, 1, 2)) and means[3] > 3.5
    assert means[0] < means[1] < means[2] < means[3] < means[4]
    exact = sum(score == true for true, values in scores.items() for score in values) / 20_000
    assert 0.2 < exact < 0.4
    assert all(true in values for true, values in scores.items())  # RL can only raise what is sampled at times


def test_muon_makes_updates_orthogonal() -> None:
    torch.manual_seed(0)
    for shape in ((2, 8, 8), (2, 4, 16), (2, 16, 4)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.min() > 0.5 and values.max() < 1.3


def test_muon_lowers_a_loss() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(8, 8))
    target = torch.randn(8, 8)
    optimizer = Muon([weight], lr=0.05)
    before = (weight - target).square().sum().item()
    for _ in range(60):
        optimizer.zero_grad()
        (weight - target).square().sum().backward()
        optimizer.step()
    assert (weight - target).square().sum().item() < before / 4


def test_the_network_fits_its_tokenizer() -> None:
    tokenizer = build_tokenizer(["name a city", "name a color"])
    assert build_model(tokenizer).config.vocab_size == len(tokenizer)
