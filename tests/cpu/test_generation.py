"""Generation against plain forward passes of the same model: one sequence at a time, no padding, no cache."""

import dataclasses
import math
from collections import Counter
from random import Random
from threading import Event

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from rm_train.cpu.generation import BatchGenerator, Completion, Request
from rm_train.cpu.kv_cache import ROOM
from rm_train.cpu.sampling import Sampler, SamplingParams

EOS = 1
VOCABULARY = 61
PROMPTS = [
    (5, 9, 3),
    (7, 7, 7, 2, 40, 41, 42, 43, 44, 45, 46, 47),
    tuple(range(10, 50)),
    (60,),
    (3, 4, 5, 6, 7, 8),
]


class Watched:
    """A model that notes the shapes of the token ids that it is given."""

    def __init__(self, model, after=None):
        self.model, self.config, self.shapes, self.after = model, model.config, [], after

    def __call__(self, **kwargs):
        self.shapes.append(tuple(kwargs["input_ids"].shape))
        if self.after:
            self.after(len(self.shapes))
        return self.model(**kwargs)


def reference_log_probs(model, request, tokens):
    """The log-probability of each token, by definition: temperature, then top-k, then top-p, each renormalised."""
    with torch.no_grad():
        logits = model(torch.tensor([[*request.prompt, *tokens]])).logits[0, len(request.prompt) - 1 : -1]
    result = []
    for row, token in zip(logits.double(), tokens, strict=True):
        probs = (row / request.params.temperature).softmax(0).tolist()
        ranking = sorted(range(len(probs)), key=lambda t: -probs[t])
        if request.params.top_k > 0:
            ranking = ranking[: request.params.top_k]
        total = sum(probs[t] for t in ranking)
        nucleus, mass = [], 0.0
        for t in ranking:
            nucleus.append(t)
            mass += probs[t] / total
            if mass >= request.params.top_p:
                break
        assert token in nucleus
        result.append(torch.tensor(probs[token] / sum(probs[t] for t in nucleus)).log().item())
    return result


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"temperature": 0.6},
        {"temperature": 1.7},
        {"top_k": 5},
        {"top_p": 0.8},
        {"temperature": 1.3, "top_k": 12, "top_p": 0.9},
    ],
)
def test_log_probs_are_those_of_the_sampled_distribution(llama, params):
    requests = [Request(p, SamplingParams(max_tokens=12, ignore_eos=True, **params)) for p in PROMPTS for _ in range(4)]
    completions = BatchGenerator(llama, [EOS], seed=1).generate(requests)
    got = [value for c in completions for value in c.log_probs]
    wanted = [v for r, c in zip(requests, completions, strict=True) for v in reference_log_probs(llama, r, c.tokens)]
    assert len(got) == len(wanted) == len(requests) * 12
    assert got == pytest.approx(wanted, abs=1e-4)
    plain = [
        v
        for r, c in zip(requests, completions, strict=True)
        for v in reference_log_probs(llama, Request(r.prompt, SamplingParams(max_tokens=1)), c.tokens)
    ]
    # The parameters matter: a generator that ignored them would be far off.
    assert (got == pytest.approx(plain, abs=1e-2)) == (not params)


def test_each_request_has_its_own_parameters(llama):
    various = [{}, {"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.7}, {"temperature": 0.0}]
    requests = [Request(PROMPTS[1], SamplingParams(max_tokens=9, ignore_eos=True, **v)) for v in various]
    completions = BatchGenerator(llama, [EOS], seed=3).generate(requests)
    for request, completion in zip(requests[:-1], completions, strict=False):
        assert completion.log_probs == pytest.approx(reference_log_probs(llama, request, completion.tokens), abs=1e-4)
    alone = BatchGenerator(llama, [EOS], seed=3).generate(requests[-1:])[0]
    assert completions[-1].tokens == alone.tokens


def test_tokens_are_drawn_from_the_model_distribution(llama):
    draws = 4000
    requests = [Request(PROMPTS[0], SamplingParams(max_tokens=1, temperature=1.5))] * draws
    completions = BatchGenerator(llama, [], seed=0).generate(requests)
    counts = Counter(c.tokens[0] for c in completions)
    with torch.no_grad():
        probs = (llama(torch.tensor([PROMPTS[0]])).logits[0, -1] / 1.5).softmax(0)
    assert len(counts) > 10
    distance = sum(abs(counts[t] / draws - float(p)) for t, p in enumerate(probs)) / 2
    assert distance < 0.05


def test_a_token_that_is_filtered_out_is_never_drawn():
    logits = torch.full((2000, 50), -1.0)
    logits[:, 20:23] = 2.0
    sampler, random = Sampler(), Random(0)
    sampler.join([SamplingParams(max_tokens=1, top_k=3)] * 2000)
    tokens, log_probs = sampler(logits, [0.0, 1 - 2**-53, *(random.random() for _ in range(1998))])
    assert set(tokens) == {20, 21, 22}
    assert log_probs == pytest.approx([math.log(1 / 3)] * 2000)


def test_a_prompt_is_read_once_for_all_its_rollouts(llama):
    requests = [Request(p, SamplingParams(max_tokens=6, temperature=0, ignore_eos=True)) for p in PROMPTS * 4]
    watched = Watched(llama)
    shared = BatchGenerator(watched, [EOS], seed=0).generate(requests)
    assert watched.shapes[0] == (len(PROMPTS), 40)
    assert watched.shapes[1] == (len(requests), 1)
    for request, completion in zip(requests, shared, strict=True):
        alone = BatchGenerator(llama, [EOS], seed=0).generate([request])[0]
        assert completion.tokens == alone.tokens
        assert completion.log_probs == pytest.approx(alone.log_probs, abs=1e-4)


def test_prompts_are_read_in_parts_of_like_length(llama):
    requests = [Request(p, SamplingParams(max_tokens=8, ignore_eos=True)) for p in PROMPTS * 3]
    watched = Watched(llama)
    in_parts = BatchGenerator(watched, [EOS], seed=5, max_prefill_tokens=24).generate(requests)
    assert watched.shapes[:3] == [(3, 6), (1, 12), (1, 40)]
    at_once = BatchGenerator(llama, [EOS], seed=5).generate(requests)
    assert [c.tokens for c in in_parts] == [c.tokens for c in at_once]


def test_greedy_is_that_of_transformers(llama):
    requests = [Request(p, SamplingParams(max_tokens=30, temperature=0)) for p in PROMPTS]
    stop = BatchGenerator(llama, [], seed=0).generate(requests)[1].tokens[10]
    completions = BatchGenerator(llama, [stop], seed=0).generate(requests)
    for request, completion in zip(requests, completions, strict=True):
        ids = torch.tensor([request.prompt])
        wanted = llama.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=30, eos_token_id=stop
        )
        assert completion.tokens == wanted[0, ids.shape[1] :].tolist()
    assert {c.stop_reason for c in completions} == {"completed", "length"}


def test_stops(llama):
    def run(**params):
        request = Request(PROMPTS[2], SamplingParams(temperature=0, **params))
        return BatchGenerator(llama, [stop], seed=0).generate([request])[0]

    stop = -2
    free = run(max_tokens=20, ignore_eos=True).tokens
    stop = free[6]
    first = free.index(stop)
    assert run(max_tokens=20).tokens == free[: first + 1]
    assert run(max_tokens=20).stop_reason == "completed"
    ignoring = run(max_tokens=20, ignore_eos=True)
    assert (ignoring.tokens, ignoring.stop_reason) == (free, "length")
    other = run(max_tokens=20, ignore_eos=True, stop_token_ids=(free[2],))
    assert (other.tokens, other.stop_reason) == (free[: free.index(free[2]) + 1], "completed")
    short = run(max_tokens=1, ignore_eos=True)
    assert (short.tokens, short.stop_reason, len(short.log_probs)) == (free[:1], "length", 1)


def test_finished_sequences_leave_the_batch_and_the_others_do_not_notice(llama):
    limits = [2, 3, 4, 5, 100, 6, 9, 20, 90]
    requests = [
        Request(PROMPTS[i % 5], SamplingParams(max_tokens=limit, temperature=0, ignore_eos=True))
        for i, limit in enumerate(limits)
    ]
    watched = Watched(llama)
    completions = BatchGenerator(watched, [EOS], seed=0).generate(requests)
    sizes = [rows for rows, width in watched.shapes[1:]]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 9
    assert sizes[-1] == 1
    assert [len(c.tokens) for c in completions] == limits
    for request, completion in zip(requests, completions, strict=True):
        alone = BatchGenerator(llama, [EOS], seed=0).generate([request])[0]
        assert completion.tokens == alone.tokens
        assert completion.log_probs == pytest.approx(alone.log_probs, abs=1e-4)


def test_what_a_request_gets_does_not_depend_on_its_company(llama):
    requests = [Request(p, SamplingParams(max_tokens=10)) for p in PROMPTS * 2]
    together = BatchGenerator(llama, [EOS], seed=7).generate(requests)
    backward = BatchGenerator(llama, [EOS], seed=7).generate(requests[::-1])
    half_by_half = BatchGenerator(llama, [EOS], seed=7)
    halves = half_by_half.generate(requests[:5]) + half_by_half.generate(requests[5:])
    other = BatchGenerator(llama, [EOS], seed=8).generate(requests)
    tokens = [c.tokens for c in together]
    # Of equal requests, the first to come is the first.
    assert sorted(c.tokens for c in backward) == sorted(tokens)
    assert [c.tokens for c in halves] == tokens
    assert [c.tokens for c in other] != tokens
    assert tokens[:5] != tokens[5:]


def test_an_epoch_decides_the_draws_whatever_came_before_it(llama):
    requests = [Request(p, SamplingParams(max_tokens=10)) for p in PROMPTS]
    through, resumed = BatchGenerator(llama, [EOS], seed=7), BatchGenerator(llama, [EOS], seed=7)
    drawn = []
    for epoch in (1, 2, 3):
        through.begin_epoch(epoch)
        drawn.append([c.tokens for c in through.generate(requests)])
    resumed.begin_epoch(3)
    assert [c.tokens for c in resumed.generate(requests)] == drawn[2]
    assert drawn[0] != drawn[1] != drawn[2]


def test_a_request_may_have_a_seed_of_its_own(llama):
    generator = BatchGenerator(llama, [EOS], seed=7)
    seeded = [Request(PROMPTS[0], SamplingParams(max_tokens=20, seed=seed)) for seed in (1, 1, 2)]
    first, second, third = (c.tokens for c in generator.generate(seeded))
    assert first == second != third


def test_sequences_join_a_running_batch(llama):
    params = SamplingParams(max_tokens=90, temperature=0, ignore_eos=True)
    # The last prompt is longer than all the batch has when it joins; the first to come leave before.
    lengths = [70, 4, 90, 6, 3, 50, 12]
    prompts = [(5, 9), (8,), PROMPTS[1], (60,), (7, 7), PROMPTS[3], tuple(range(2, 60)) * 2]
    joining = [
        Completion(Request(prompt, dataclasses.replace(params, max_tokens=length)))
        for prompt, length in zip(prompts, lengths, strict=True)
    ]
    generator, ended = BatchGenerator(llama, [EOS], seed=0), []
    for completion in joining:
        generator.join([completion])
        for _ in range(9):
            ended += generator.advance()
    while generator.running:
        ended += generator.advance()
    assert sorted(map(id, ended)) == sorted(map(id, joining))
    for completion, length in zip(joining, lengths, strict=True):
        assert (completion.stop_reason, len(completion.tokens)) == ("length", length)
        assert completion.log_probs == pytest.approx(
            reference_log_probs(
                llama, Request(completion.request.prompt, SamplingParams(max_tokens=1)), completion.tokens
            ),
            abs=1e-4,
        )


def test_the_cache_is_compact_again_after_the_early_sequences_have_left(llama):
    generator = BatchGenerator(llama, [], seed=0)
    for index in range(40):
        generator.join([Completion(Request(PROMPTS[index % 5], SamplingParams(max_tokens=12 + index % 3)))])
        for _ in range(4):
            generator.advance()
    window = generator._cache._window
    assert generator.running <= 5
    assert window.end - window.begin <= 40 + 14
    # 160 tokens have been generated one after another: the columns of those who left were used again.
    assert window.end <= 40 + 14 + ROOM + 64
    generator.remove_all()
    assert generator.running == 0
    assert generator._cache.layers[0].keys.numel() == 0


def test_removed_sequences_keep_what_they_have_and_the_others_do_not_notice(llama):
    params = SamplingParams(max_tokens=20, temperature=0, ignore_eos=True)
    completions = [Completion(Request(prompt, params)) for prompt in PROMPTS]
    generator = BatchGenerator(llama, [EOS], seed=0)
    generator.join(completions)
    for _ in range(5):
        generator.advance()
    generator.remove([completions[1], completions[4], Completion(Request((3,), params))])
    while generator.running:
        generator.advance()
    assert [len(c.tokens) for c in completions] == [20, 5, 20, 20, 5]
    assert [c.stop_reason for c in completions] == ["length", "aborted", "length", "length", "aborted"]
    for completion in completions:
        alone = BatchGenerator(llama, [EOS], seed=0).generate([completion.request])[0]
        assert completion.tokens == alone.tokens[: len(completion.tokens)]


def test_stop_strings_end_a_sequence_at_the_token_that_completes_them(llama):
    letters = "".join(map(chr, range(65, 65 + VOCABULARY)))
    decode = lambda tokens: "".join(letters[token] for token in tokens)  # noqa: E731
    params = SamplingParams(max_tokens=40, temperature=0.9, ignore_eos=True, seed=3)
    free = BatchGenerator(llama, [EOS], seed=0).generate([Request(PROMPTS[0], params)])[0]
    text = decode(free.tokens)
    stop = text[17:21]
    end = text.index(stop) + 4
    stopping = dataclasses.replace(params, stop=("no such text", stop))
    stopped = BatchGenerator(llama, [EOS], seed=0, decode=decode).generate([Request(PROMPTS[0], stopping)])[0]
    assert (stopped.tokens, stopped.stop_reason) == (free.tokens[:end], "completed")
    assert stopped.log_probs == pytest.approx(free.log_probs[:end], abs=1e-5)
    with pytest.raises(ValueError, match="stop strings need a tokenizer"):
        BatchGenerator(llama, [EOS], seed=0).generate([Request(PROMPTS[0], stopping)])


def test_sliding_windows(sizes):
    torch.manual_seed(0)
    config = Qwen2Config(**sizes, use_sliding_window=True, sliding_window=8, max_window_layers=1)
    model = Qwen2ForCausalLM(config).eval()
    assert set(config.layer_types) == {"full_attention", "sliding_attention"}
    requests = [Request(p, SamplingParams(max_tokens=12, ignore_eos=True)) for p in PROMPTS * 2]
    for request, completion in zip(requests, BatchGenerator(model, [], seed=0).generate(requests), strict=True):
        assert completion.log_probs == pytest.approx(reference_log_probs(model, request, completion.tokens), abs=1e-4)


def test_abort_keeps_what_there_is(llama):
    abort = Event()
    watched = Watched(llama, after=lambda calls: abort.set() if calls == 5 else None)
    params = SamplingParams(max_tokens=50, temperature=0, ignore_eos=True)
    requests = [Request(PROMPTS[0], params), Request(PROMPTS[0], dataclasses.replace(params, max_tokens=2))]
    long, short = BatchGenerator(watched, [EOS], seed=0).generate(requests, abort)
    assert (long.stop_reason, len(long.tokens), len(long.log_probs)) == ("aborted", 4, 4)
    assert (short.stop_reason, len(short.tokens)) == ("length", 2)


def test_parameters_of_agent_loops():
    given = {"temperature": 0.7, "top_p": 0.9, "top_k": 8, "repetition_penalty": 1.0, "logprobs": True}
    params = SamplingParams.from_request(given, max_tokens=30, ignore_eos=False)
    assert params == SamplingParams(max_tokens=30, temperature=0.7, top_p=0.9, top_k=8, logprobs=True)
    stopping = {"stop": "x", "seed": 3, "stop_token_ids": [4]}
    params = SamplingParams.from_request(stopping, max_tokens=30, ignore_eos=False)
    assert params == SamplingParams(max_tokens=30, stop=("x",), seed=3, stop_token_ids=(4,))
    limited = SamplingParams.from_request({"max_tokens": 5, "logprobs": False}, max_tokens=30, ignore_eos=True)
    assert limited == SamplingParams(max_tokens=5, ignore_eos=True)
    for bad in ({"repetition_penalty": 1.2}, {"stop": [""]}, {"top_p": 0.0}, {"temperature": -1}, {"max_tokens": 0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            SamplingParams.from_request(bad, max_tokens=30, ignore_eos=False)
