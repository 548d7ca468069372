"""The types every room shares: what is scored, and what a reward returns.

The names are those of RM-Gallery, so that its users change their imports only. A failure is never a score: code that
cannot judge returns a `Failure` that says why, and only the adapter of a training framework decides what that framework
is told. Nothing here is ever changed in place: evaluating a sample returns another one.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from typing_extensions import Self


class FailureKind(str, Enum):
    """Why a reward could not be computed."""

    BAD_INPUT = "bad_input"
    """The sample lacks what the reward needs, or has it in another form."""
    UNPARSEABLE = "unparseable"
    """The judge answered, but not in the form that was asked for."""
    TRUNCATED = "truncated"
    """The judge's answer was cut off before its verdict."""
    TIMEOUT = "timeout"
    """The work took longer than it may."""
    EMPTY = "empty"
    """The judge answered nothing."""
    REFUSAL = "refusal"
    """The judge, or the filter before it, refused to answer."""
    RATE_LIMIT = "rate_limit"
    """The endpoint takes no more requests for now, or has no quota left for us."""
    SERVER_ERROR = "server_error"
    """The endpoint has an error, or answered something that is no answer."""
    CONNECTION = "connection"
    """The endpoint cannot be reached, or hung up."""
    AUTHENTICATION = "authentication"
    """The endpoint does not take the key."""
    REJECTED = "rejected"
    """The endpoint does not take the request: an unknown model, a wrong parameter, a prompt that is too long."""
    BUDGET = "budget"
    """The money that the run may cost is spent."""
    UNAVAILABLE = "unavailable"
    """Something that the reward needs is not there: a package, a sandbox, a server."""
    CRASH = "crash"
    """The reward's code, or the process it ran in, ended with an error."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why there is no score.

    Attributes:
        kind: The class of the failure.
        retriable: Whether asking again can help.
        detail: One sentence for a person.
    """

    kind: FailureKind
    retriable: bool
    detail: str


class RewardError(Exception):
    """Raised inside a reward that cannot score what it was given; it becomes the result's `failure`."""

    def __init__(self, kind: FailureKind, detail: str, *, retriable: bool = False) -> None:
        super().__init__(detail)
        self.failure = Failure(kind, retriable, detail)

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled with all that it was made of; an exception is by default made anew of its text alone."""
        return partial(RewardError, retriable=self.failure.retriable), (self.failure.kind, self.failure.detail)


def _finite(score: float) -> float:
    if not math.isfinite(score):
        raise ValueError(f"a score is a finite number, not {score}")
    return score


def _unpickled(cls: type[_Schema], values: dict[str, Any]) -> _Schema:
    return cls.unchecked(values)


Score = Annotated[float, AfterValidator(_finite)]


# What pydantic keeps of an object; set by the slots themselves, which is twice as fast as by their names.
_set_dict, _set_fields, _set_extra, _set_private = (
    vars(BaseModel)[slot].__set__
    for slot in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)


class _Schema(BaseModel):
    # Written and read again, a sample is what it was: infinities in metadata too.
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")

    _fields: ClassVar[set[str]] = set()
    """The names of all fields: one set for all objects, which nothing changes."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - pydantic's signature
        super().__pydantic_init_subclass__(**kwargs)
        cls._fields = set(cls.model_fields)

    @classmethod
    def unchecked(cls, values: dict[str, Any]) -> Self:
        """Return an object of all its fields, which the caller knows to be right: a sixth of the time of checking."""
        new = object.__new__(cls)
        _set_dict(new, values)
        _set_fields(new, cls._fields)
        _set_extra(new, None)
        _set_private(new, None)
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled without pydantic's ado: samples go to worker processes by the thousand."""
        return _unpickled, (type(self), self.__dict__)

    def changed(self, **fields: Any) -> Self:  # noqa: ANN401 - fields of any type
        """Return a copy with some fields replaced, unchecked; what is not replaced is shared."""
        return self.unchecked({**self.__dict__, **fields})


class RewardDimensionWithScore(_Schema):
    """One part of a reward, for one answer: its name, its score, and the reason for it."""

    name: str
    score: Score
    reason: str = ""


class RewardDimensionWithRank(_Schema):
    """One part of a reward that compares answers: `rank[i]` is the score of answer i, more is better."""

    name: str
    rank: list[Score]
    reason: str = ""

    def __getitem__(self, index: int) -> RewardDimensionWithScore:
        """Return the part of one answer."""
        return RewardDimensionWithScore(name=self.name, score=self.rank[index], reason=self.reason)


class RewardResult(_Schema):
    """What a reward makes of one answer, or of a list of answers.

    Attributes:
        name: The reward's name.
        score: The number; if it is not given, the mean of the parts' scores; None if there is a failure, and for a
            comparison of several answers.
        details: The parts of the score.
        failure: Why there is no score.
        extra_data: Whatever else a reward wants to say.
        steps: The results of the answer's steps, from rewards that score steps.
        version: The version of the reward; the reward sets it.
    """

    name: str
    score: Score | None = None
    details: list[RewardDimensionWithScore | RewardDimensionWithRank] = []
    failure: Failure | None = None
    extra_data: dict[str, Any] = {}
    steps: list[RewardResult] = []
    version: int = 1

    @classmethod
    def of(cls, name: str, score: float, reason: str = "", **extra_data: object) -> RewardResult:
        """Return the result of a reward that has one part, itself.

        Raises:
            ValueError: The score is not a finite number.
        """
        score = _finite(float(score))
        part = RewardDimensionWithScore.unchecked({"name": name, "score": score, "reason": reason})
        return cls._of(name, score, [part], None, extra_data)

    @classmethod
    def failed(cls, name: str, failure: Failure) -> RewardResult:
        """Return the result of a reward that gave no score."""
        return cls._of(name, None, [], failure, {})

    @classmethod
    def _of(cls, name: str, score: float | None, details: list[Any], failure: Failure | None, extra_data: Any) -> Self:  # noqa: ANN401
        return cls.unchecked(
            {
                "name": name,
                "score": score,
                "details": details,
                "failure": failure,
                "extra_data": extra_data,
                "steps": [],
                "version": 1,
            }
        )

    def model_post_init(self, _context: Any) -> None:  # noqa: ANN401 - pydantic's signature
        """Complete the score, and refuse a result that has both a score and a failure, or neither."""
        if self.failure is not None:
            if self.score is not None or self.details:
                raise ValueError("a failure has neither score nor details")
        elif self.score is None:
            if not self.details:
                raise ValueError("a result has a score, details or a failure")
            scores = [part.score for part in self.details if isinstance(part, RewardDimensionWithScore)]
            if scores:
                self.score = sum(scores) / len(scores)


class Reward(_Schema):
    """The rewards that an answer or a step has got.

    Attributes:
        score: The score by the reward that was evaluated last; None if it failed.
        details: The parts of all rewards that were evaluated; one that is evaluated again replaces its own.
        failure: Why the reward that was evaluated last gave no score.
    """

    score: Score | None = None
    details: list[RewardDimensionWithScore] = []
    failure: Failure | None = None

    def with_result(self, result: RewardResult, replaced: Collection[str] = ()) -> Reward:
        """Return these rewards and one more result.

        Args:
            result: The result of one answer.
            replaced: Names of parts that go, beside those that the result has too.
        """
        parts: list[Any] = result.details
        if self.details:
            names = {*replaced, *(part.name for part in parts)}
            parts = [*(part for part in self.details if part.name not in names), *parts]
        return Reward.unchecked({"score": result.score, "details": parts, "failure": result.failure})


class MessageRole(str, Enum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    FUNCTION = "function"

    def __str__(self) -> str:
        """Return the plain word, on every version of Python."""
        return self.value


class ChatMessage(_Schema):
    """One turn of a conversation.

    Attributes:
        role: Who speaks.
        content: The text; a list of parts where a server takes images; None where there are only tool calls.
        name: The speaker's name, if several share a role.
        reasoning_content: What a reasoning model thought, where its server keeps it apart.
        tool_calls: The calls in the form of OpenAI's API.
        additional_kwargs: Whatever else belongs to the turn.
    """

    role: MessageRole = MessageRole.USER
    content: Any = None
    name: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    additional_kwargs: dict[str, Any] = {}


class Step(ChatMessage):
    """An answer, or one step of it.

    Attributes:
        label: What is known of it: `reference` for the right answer, `preference`, ratings, and the like.
        reward: What rewards made of it.
    """

    role: MessageRole = MessageRole.ASSISTANT
    label: dict[str, Any] = {}
    reward: Reward = Reward()


class DataOutput(_Schema):
    """One answer, with its steps where they are known."""

    answer: Step
    steps: list[Step] | None = None


class DataSample(_Schema):
    """A conversation and the answers to it.

    Attributes:
        unique_id: What the sample is known by.
        input: The conversation before the answers.
        output: The answers.
        task_category: The kind of task, for routers and reports.
        source: The data set it comes from.
        metadata: Whatever else is known.
    """

    unique_id: str = ""
    input: list[ChatMessage] = []
    output: list[DataOutput] = Field(default_factory=list)
    task_category: str | None = None
    source: str | None = None
    metadata: dict[str, Any] = {}

    def update(self, other: DataSample) -> DataSample:
        """Return this sample with the rewards and the metadata of another evaluation of it added.

        Raises:
            ValueError: The other sample has other answers or steps.
        """
        outputs = [_joined(mine, theirs) for mine, theirs in zip(self.output, other.output, strict=True)]
        return self.changed(output=outputs, metadata={**self.metadata, **other.metadata})


def _joined(mine: DataOutput, theirs: DataOutput) -> DataOutput:
    steps = mine.steps and [_rewarded(a, b) for a, b in zip(mine.steps, theirs.steps or [], strict=True)]
    return mine.changed(answer=_rewarded(mine.answer, theirs.answer), steps=steps)


def _rewarded(mine: Step, theirs: Step) -> Step:
    if mine.content != theirs.content:
        raise ValueError("the samples have other answers")
    new = theirs.reward
    names = {part.name for part in new.details}
    kept = [part for part in mine.reward.details if part.name not in names]
    return mine.changed(reward=new.changed(details=[*kept, *new.details]))
