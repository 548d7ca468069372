"""Every judge sees the final answers of responses and never their thoughts."""

import re

import pytest
from pydantic import Field
from scripted_endpoint import prompt_of

from reward_fn import AutoPrincipleGenerator, LLMRefinement, RewardRegistry
from reward_fn.base import BasePointWiseReward, BaseStepWiseReward
from reward_fn.gallery import GALLERY
from reward_fn.judges.judge_reward import JudgeReward
from reward_fn.judges.llm_reward import BaseLLMReward
from reward_fn.judges.pairwise import pairwise_messages
from reward_fn.judges.pointwise import pointwise_messages
from reward_fn.judges.template import BasePromptTemplate
from reward_fn.judges.verdict_text import without_thoughts
from reward_fn.schema import ChatMessage, DataOutput, DataSample, Failure, FailureKind, RewardResult, Step

JUDGES = [
    name
    for name in sorted(GALLERY)
    if name not in ("tournament", "votes") and issubclass(RewardRegistry.get(name), JudgeReward)
]
NEEDED = {
    "pointwise_principles": {"principles": ["Kind: it is kind"]},
    "listwise_principles": {"principles": ["Kind: it is kind"]},
    "pairwise_principles": {"principles": ["Kind: it is kind"]},
    "rubric": {"criteria": {"right": {"text": "Is it right?"}}},
}
REPLIES = {
    "<violated>": "<reason>r</reason><violated>[]</violated>",
    "<best>": "<reason>r</reason><best>1</best>",
    "<ranking>": "<reason>r</reason><ranking>[1, 2]</ranking>",
    "<better>": "<reason>r</reason><better>1</better>",
    "<right_reason>": "<reason>r</reason><right_reason>r</right_reason><right>yes</right>",
    "<score>": "<reason>r</reason><score>4</score>",
    "<preference>": "<reason>r</reason><preference>A</preference>",
}
MARKS = [
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
]


def sample_of(*answers, **metadata):
    outputs = [DataOutput(answer=Step(content=text)) for text in answers]
    return DataSample(input=[ChatMessage(content="which?")], output=outputs, metadata=metadata)


def reply(body):
    """Judge in the form that is asked for."""
    prompt = prompt_of(body)
    return next(text for field, text in REPLIES.items() if field in prompt)


def judge_of(name, llm):
    judge = RewardRegistry.get(name)
    tags = {"structured": False} if "structured" in judge.model_fields else {}
    return judge(llm=llm, **NEEDED.get(name, {}), **tags)


def test_all_judges_of_the_gallery_are_tried():
    assert {name for name, place in GALLERY.items() if ".judges." in place} == set(JUDGES)


@pytest.mark.parametrize("name", JUDGES)
def test_a_judge_of_the_gallery_sees_the_final_answers_alone(endpoint, llm_of, name):
    judge = judge_of(name, llm_of(reply))
    assert judge.version == 2
    results = judge.score(sample_of("<think>SECRET one</think>\nRome", "<think>SECRET two</think>\nParis"))
    assert [result.failure for result in results] == [None, None]
    assert {result.version for result in results} == {2}
    prompts = "\n".join(map(prompt_of, endpoint.requests))
    assert "Rome" in prompts and "Paris" in prompts
    assert "SECRET" not in prompts and "think" not in prompts


@pytest.mark.parametrize("name", JUDGES)
def test_no_thought_that_is_not_closed_reaches_a_judge(endpoint, llm_of, name):
    judge = judge_of(name, llm_of(reply))
    results = judge.score(sample_of("<think>SECRET one", "<think>SECRET two"))
    assert endpoint.requests == []
    assert [(result.score, result.failure) for result in results] == [(judge.score_range[0], None)] * 2
    judge.score(sample_of("<think>SECRET one", "Paris"))
    judge.score(sample_of("SECRET one", "Paris</think>Lyon", thought_opened=True))
    prompts = "\n".join(map(prompt_of, endpoint.requests))
    assert "Paris" in prompts and "Lyon" in prompts
    assert "SECRET" not in prompts


@pytest.mark.parametrize(("opening", "closing"), MARKS)
def test_thoughts_of_all_model_families_are_left_out(endpoint, llm_of, opening, closing):
    judge = judge_of("pointwise_principles", llm_of(reply))
    (result,) = judge.score(sample_of(f"{opening}SECRET{closing}Rome"))
    assert result.score == 1
    assert "[answer 1" in prompt_of(endpoint.requests[0]) and "Rome" in prompt_of(endpoint.requests[0])
    assert "SECRET" not in prompt_of(endpoint.requests[0])


def test_a_response_without_a_final_answer_gets_the_lowest_score_and_its_reason(llm_of):
    (result,) = judge_of("pointwise_principles", llm_of(reply)).score(sample_of("<think>hm"))
    assert (result.score, result.details[0].reason) == (0, "unreadable: no final answer")
    assert result.extra_data == {"unreadable": True}


def test_beside_others_it_is_shown_as_an_empty_text(endpoint, llm_of):
    listwise = judge_of("listwise_principles", llm_of(lambda _: "<reason>r</reason><best>2</best>"))
    listwise = listwise.model_copy(update={"shuffle": False})
    assert [one.score for one in listwise.score(sample_of("<think>hm", "Rome"))] == [0, 1]
    assert re.search(r"^\[answer 1 (\w+)\]\n\n\[end of answer 1 \1\]$", prompt_of(endpoint.requests[-1]), re.M)
    pairwise = judge_of("pairwise_judge", llm_of(lambda _: "<reason>r</reason><preference>B</preference>"))
    assert [one.score for one in pairwise.score(sample_of("<think>hm", "Rome"))] == [0, 1]
    assert "~~~ answer A\n\n~~~ answer B\nRome\n~~~" in prompt_of(endpoint.requests[-1])


def test_a_comparison_of_one_response_is_still_a_mistake_of_the_caller(llm_of):
    for name in ("listwise_principles", "pairwise_principles"):
        (result,) = judge_of(name, llm_of(reply)).score(sample_of("<think>hm"))
        assert result.failure.kind is FailureKind.BAD_INPUT


@pytest.mark.parametrize("answer", ["Rome", " Rome\n", "", "\n \n", "a `</think>` b", "<reason>Rome</reason>"])
def test_the_prompts_of_trained_judges_stay_as_they_are_without_thoughts(endpoint, llm_of, answer):
    asked = [{"role": "user", "content": "which?"}]
    judge_of("pointwise_judge", llm_of(reply)).score(sample_of(answer))
    assert endpoint.requests[-1]["messages"] == pointwise_messages(asked, answer)
    judge_of("pairwise_judge", llm_of(reply)).score(sample_of(answer, "Paris"))
    assert endpoint.requests[-1]["messages"] == pairwise_messages(asked, answer, "Paris")


@pytest.mark.parametrize(
    ("read", "seen"),
    [("whole", "<think>a</think> <answer>b</answer>"), ("after_thought", "<answer>b</answer>"), ("tag:answer", "b")],
)
def test_another_part_can_be_read(endpoint, llm_of, read, seen):
    judge = RewardRegistry.get("pointwise_judge")(llm=llm_of(reply), read=read)
    assert judge.score(sample_of("<think>a</think> <answer>b</answer>"))[0].score == 4
    asked = [{"role": "user", "content": "which?"}]
    assert endpoint.requests[-1]["messages"] == pointwise_messages(asked, seen)


def test_a_field_says_that_the_prompts_opened_the_thought(endpoint, llm_of):
    judge = RewardRegistry.get("pointwise_judge")(llm=llm_of(reply), thought_opened=True)
    assert [one.score for one in judge.score(sample_of("SECRET", "SECRET</think>Rome"))] == [0, 4]
    assert len(endpoint.requests) == 1 and "SECRET" not in prompt_of(endpoint.requests[0])


class Kindness(BasePromptTemplate):
    score: float = Field(ge=0, le=1)

    @classmethod
    def format(cls, text):
        return f"{text}\n{cls.schema()}"


class KindnessReward(BaseLLMReward, BasePointWiseReward):
    name: str = "kindness"
    template: type[BasePromptTemplate] = Kindness

    def _before_evaluate(self, sample, **kwargs):
        return {"text": str(sample.output[0].answer.content)}

    def _after_evaluate(self, response, **kwargs):
        return RewardResult.of(self.name, response.score)


def test_a_judge_of_one_s_own_reads_final_answers_too(endpoint, llm_of):
    judge = KindnessReward(llm=llm_of(lambda _: "<reason>r</reason><score>1</score>"))
    assert [one.score for one in judge.score(sample_of("<think>SECRET</think>Rome", "<think>SECRET"))] == [1, 0]
    assert len(endpoint.requests) == 1
    assert prompt_of(endpoint.requests[0]).startswith("Rome\n")
    parts = [{"type": "text", "text": "a picture"}]
    assert judge.score(sample_of(parts))[0].score == 1
    assert prompt_of(endpoint.requests[-1]).startswith(str(parts))


class StepKindness(BaseLLMReward, BaseStepWiseReward):
    name: str = "step_kindness"
    template: type[BasePromptTemplate] = Kindness

    def _before_evaluate(self, sample, **kwargs):
        return {"text": sample.output[0].steps[0].content}

    def _after_evaluate(self, response, **kwargs):
        return RewardResult.of(self.name, response.score)


def test_a_judge_of_steps_reads_the_steps(endpoint, llm_of):
    judge = StepKindness(llm=llm_of(lambda _: "<reason>r</reason><score>1</score>"))
    answer = DataOutput(answer=Step(content="<think>a"), steps=[Step(content="STEP")])
    assert judge.score(DataSample(output=[answer]))[0].score == 1
    assert prompt_of(endpoint.requests[0]).startswith("STEP")


def test_a_tournament_of_responses_without_final_answers(endpoint, llm_of):
    judge = judge_of("listwise_principles", llm_of(reply))
    results = RewardRegistry.get("tournament")(of=judge).score(sample_of("<think>SECRET a", "<think>SECRET b", "Rome"))
    assert [one.failure for one in results] == [None] * 3
    assert "SECRET" not in "\n".join(map(prompt_of, endpoint.requests))


def test_principles_are_found_in_final_answers(endpoint, llm_of):
    sample = sample_of("<think>SECRET a</think>Rome", "<think>SECRET b")
    for output, preference in zip(sample.output, ("chosen", "rejected"), strict=True):
        output.answer.label["preference"] = preference
    principles = '<reason>r</reason><principles>{"Kind": "it is kind"}</principles>'
    generator = AutoPrincipleGenerator(llm=llm_of(lambda _: principles), scenario="People chat")
    assert generator.generate(sample) == {"Kind": "it is kind"}
    prompts = "\n".join(map(prompt_of, endpoint.requests))
    assert "Rome" in prompts and "SECRET" not in prompts


@pytest.mark.parametrize("opened", [False, True])
def test_what_is_refined_is_the_final_answer(endpoint, llm_of, opened):
    reward = judge_of("pointwise_judge", llm_of(lambda body: reply(body).replace("4", "1")))
    refinement = LLMRefinement(reward=reward, llm=llm_of(), max_iterations=1)

    def script(body):
        if "Write a better answer" in prompt_of(body):
            return "Roma"
        return f"<reason>r</reason><score>{3 if 'Roma' in prompt_of(body) else 1}</score>"

    endpoint.script = script
    answer = "SECRET</think>Rome" if opened else "<think>SECRET</think>Rome"
    done = refinement.run(sample_of(answer, **({"thought_opened": True} if opened else {})))
    assert [(one.answer.content, one.answer.reward.score) for one in done.output] == [("Roma", 3), (answer, 1)]
    assert [text for text in map(prompt_of, endpoint.requests) if "Write a better answer" in text]
    assert "SECRET" not in "\n".join(map(prompt_of, endpoint.requests))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("<think>hm</think>\n<score>1</score>", "<score>1</score>"),
        ("hm</think><score>1</score>", "<score>1</score>"),
        ("[THINK]hm[/THINK]<score>1</score>", "<score>1</score>"),
        ("<reason>it ends with `</think>`</reason>", "<reason>it ends with `</think>`</reason>"),
        ("<think>a</think><think>b</think> c", "c"),
    ],
)
def test_a_verdict_is_the_judge_s_final_answer(text, verdict):
    assert without_thoughts(text) == verdict


@pytest.mark.parametrize("text", ["<think><score>1</score>", "<score>1</score><think>hm", "[THINK]<score>1</score>"])
def test_a_verdict_in_a_thought_that_is_not_closed_is_cut_off(text):
    failure = without_thoughts(text)
    assert isinstance(failure, Failure) and failure.kind is FailureKind.TRUNCATED
