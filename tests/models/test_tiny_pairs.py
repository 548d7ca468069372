"""The tiny judge of pairs: its warm start has the usual biases, and its reasons are the facts of both answers."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from reward_fn.judges.pairwise import PairwiseVerdict, format_pairwise, pairwise_messages
from rm_train.data.synthetic import KINDS, read_facts
from rm_train.data.synthetic_pairs import generate_pairs, read_pair_reason, write_pair_reason
from rm_train.models.tiny.pair_warm_start import PairWarmStart, biased_preference, build_tiny_pair_judge


@pytest.mark.parametrize(
    ("done", "lengths", "likely"),
    [
        ((2, 2), (50, 60), "A"),  # equal: the first one
        ((1, 2), (50, 60), "tie"),  # worse by one, and shorter: two more for the place, one less for the length
        ((1, 2), (60, 50), "A"),  # worse by one, and longer
        ((2, 1), (50, 60), "A"),
        ((0, 4), (60, 50), "B"),  # worse by far
    ],
)
def test_place_and_length_sway_it(done, lengths, likely):
    rng = random.Random(0)
    counts = Counter(biased_preference(done, lengths, rng) for _ in range(1000))
    assert counts.most_common(1)[0][0] == likely
    assert counts["A" if done[0] > done[1] else "B" if done[0] < done[1] else "tie"] > 20, "now and then it is right"


FACTS = st.dictionaries(st.sampled_from(sorted(KINDS)), st.tuples(st.booleans(), st.booleans()), min_size=1)


@given(FACTS)
def test_a_reason_is_read_back(facts):
    both = tuple({kind: done[place] for kind, done in facts.items()} for place in range(2))
    assert read_pair_reason(write_pair_reason(both)) == both


@pytest.mark.parametrize("reason", ["", "city", "city maybe", "city A, city B", "city A,day B", "city A; day B"])
def test_what_is_no_reason_is_not_read(reason):
    assert read_pair_reason(reason) is None


def test_a_short_warm_start_builds_a_loadable_judge_whose_verdicts_survive_the_tokenizer(tmp_path):
    build_tiny_pair_judge(tmp_path / "judge", 3, PairWarmStart(prompts=40, steps=3))
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "judge").num_parameters() < 5_000_000
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "judge")
    pair = next(generate_pairs(1, 9, 0.0))
    texts = pair["response_1"], pair["response_2"]
    facts = tuple(read_facts(pair["prompt"], text) for text in texts)
    verdict = format_pairwise(PairwiseVerdict("A", write_pair_reason(facts)))
    assert tokenizer.decode(tokenizer(verdict)["input_ids"]) == verdict
    prompt = tokenizer.apply_chat_template(
        pairwise_messages([{"role": "user", "content": pair["prompt"]}], *texts), add_generation_prompt=True
    )
    assert len(prompt["input_ids"]) < 256
