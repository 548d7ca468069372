"""`OpenaiLLM`: any endpoint that speaks OpenAI's chat completions, at the speed it allows.

All requests of a process go through one event loop (`reward_fn.loop`), so limits and connections are those of the
client whatever threads and loops it is used from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, model_validator
from typing_extensions import Self

from reward_fn import loop
from reward_fn.judges.llm.addresses import Address, Url
from reward_fn.judges.llm.completion import Completion
from reward_fn.judges.llm.hosted import URLS, hosted_model
from reward_fn.judges.llm.limits import Limits
from reward_fn.judges.llm.line import Line
from reward_fn.judges.llm.usage import Usage
from reward_fn.schema import ChatMessage, MessageRole

T = TypeVar("T")

_OPENAI = "https://api.openai.com/v1"
_ONE = {"base_url", "api_key"}
"""The fields of a client with one endpoint."""
_OUT_AFTER = 5
Messages = Sequence[ChatMessage | Mapping[str, Any]]


class OpenaiLLM(BaseModel):
    """A language model behind an endpoint that speaks OpenAI's API: a hosted one, vLLM, SGLang, llama.cpp.

    A request that fails in passing (time limit, rate limit, server error, connection) is sent again, up to
    `max_retries` times, after a pause that doubles, is spread at random, and is never shorter than the endpoint asks
    for. What cannot be mended raises `RewardError`, whose kind says what it is. Limits, connections and counts are
    those of one client in one process: a pickled one begins anew.
    """

    # An error must not repeat a key that stands beside the mistake.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    model: str = Field(min_length=1, description="the model's name at the endpoint")
    base_url: Url = Field(
        default_factory=lambda: os.environ.get("BASE_URL") or os.environ.get("OPENAI_BASE_URL") or _OPENAI,
        description="where the API is, up to /v1; by default the environment's BASE_URL or OPENAI_BASE_URL, or OpenAI",
    )
    api_key: SecretStr = Field(
        default_factory=lambda: SecretStr(os.environ.get("OPENAI_API_KEY", "")),
        description="the key; if not given, the environment's OPENAI_API_KEY; servers of one's own often want none",
    )
    endpoints: tuple[Address, ...] = Field(
        (), description="several places where the model is served, in place of base_url and api_key"
    )
    hosted: bool = Field(
        False,
        description="whether the cluster hosts the model itself, by the name `model`, in place of base_url and api_key",
    )
    sticky_chars: int = Field(
        0,
        ge=0,
        description="requests whose texts begin with the same so many characters go to the same of several endpoints, "
        "which has them in its prefix cache; 0: each to the endpoint with the least to do",
    )
    revision: str = Field(
        "", description="which state of the model is served: part of the cache's key, in place of the URL"
    )
    temperature: float | None = Field(None, ge=0, description="of the sampling; if not given, the endpoint's own")
    top_p: float | None = Field(None, gt=0, le=1, description="of the sampling; if not given, the endpoint's own")
    seed: int | None = Field(None, description="of the sampling, where the endpoint takes one")
    max_tokens: int | None = Field(
        None, ge=1, description="tokens of an answer, thoughts included; if not given, what the endpoint allows"
    )
    enable_thinking: bool | None = Field(
        None, description="whether a model that can think (Qwen3 and others) does; if not given, nothing is said of it"
    )
    extra_body: dict[str, Any] = Field({}, description="further fields of each request")
    timeout: float = Field(120.0, gt=0, description="seconds for one request, from when it is sent")
    connect_timeout: float = Field(10.0, gt=0, description="seconds to connect")
    read_timeout: float | None = Field(None, gt=0, description="seconds without a byte; if not given, `timeout`")
    deadline: float | None = Field(
        None, gt=0, description="seconds for all tries of a request and the pauses between them"
    )
    max_concurrency: int = Field(64, ge=1, description="requests in flight at a time, in one process")
    max_waiting: int | None = Field(
        None, ge=1, description="requests that wait for their turn, in one process; one more fails at once"
    )
    requests_per_minute: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="requests that are sent in a minute, to each endpoint"
    )
    tokens_per_minute: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="tokens of questions and answers in a minute, of each endpoint: guessed, then corrected",
    )
    max_in_flight: int | None = Field(
        None, ge=1, description="requests in flight at each endpoint, of all that share its limits"
    )
    out_after: int | None = Field(
        None,
        ge=1,
        description="failures in a row after which an endpoint is left alone for a while and then tried with one "
        f"request; if not given, {_OUT_AFTER} with several endpoints, and never with one",
    )
    max_retries: int = Field(4, ge=0, description="times that a request is sent again when it failed in passing")
    max_wait: float = Field(60.0, gt=0, description="seconds to wait for an endpoint at most, before a request fails")
    hedge_after: float | None = Field(
        None,
        gt=0,
        description="seconds after which another request is sent beside a slow one; the first answer counts",
    )
    input_price: float = Field(0.0, ge=0, description="dollars for a million tokens of questions")
    output_price: float = Field(0.0, ge=0, description="dollars for a million tokens of answers")
    max_cost: float | None = Field(
        None, gt=0, description="dollars after which no request is sent; those in flight are still paid for"
    )
    cache: Path | bool = Field(False, description="the SQLite file that answers are kept in; true: in memory")
    log_file: Path | None = Field(None, description="a JSONL file for all requests and responses; never with the key")

    _line: Line = PrivateAttr()

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        elsewhere = "hosted" if self.hosted else "endpoints" if self.endpoints else None
        others = {*_ONE, "endpoints"} - {elsewhere}
        if elsewhere and (twice := self.model_fields_set & others):
            raise ValueError(f"write either {elsewhere} or {' and '.join(sorted(twice))}")
        if not elsewhere and self.base_url == _OPENAI and not self.api_key.get_secret_value():
            raise ValueError("set OPENAI_API_KEY or api_key, or the base_url of a server that needs no key")
        if self.max_cost is not None and not (self.input_price or self.output_price):
            raise ValueError("max_cost needs input_price and output_price: dollars for a million tokens")
        return self

    def model_post_init(self, _context: Any) -> None:  # noqa: ANN401 - pydantic's signature
        """Make what sends the requests."""
        self._line = Line(self)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return this client itself, or a new one with changed fields, which has limits and counts of its own."""
        return type(self).model_validate({**self._given(), **update}) if update else self

    def __copy__(self) -> Self:
        """Return itself: it never changes, and its limits are there once."""
        return self

    def __deepcopy__(self, _memo: Any = None) -> Self:  # noqa: ANN401 - the protocol's
        """Return itself, as for a plain copy: rewards that are copied share their client."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled as what it is made of: connections stay in their process."""
        return type(self).model_validate, (self._given(),)

    @property
    def addresses(self) -> list[tuple[str, str, float]]:
        """The endpoints: URL, key and weight of each; of a hosted model none, since they come and go."""
        if self.hosted:
            return []
        if self.endpoints:
            return [(one.base_url, one.api_key, one.weight) for one in self.endpoints]
        return [(self.base_url, self.api_key.get_secret_value(), 1.0)]

    @property
    def urls(self) -> list[str]:
        """The URLs of the endpoints, or what stands for those of a hosted model."""
        return URLS if self.hosted else [url for url, _, _ in self.addresses]

    @property
    def limits(self) -> Limits:
        """What each endpoint may be sent."""
        given = {name: getattr(self, name) for name in Limits.model_fields}
        if self.out_after is None and len(self.endpoints) > 1:
            given["out_after"] = _OUT_AFTER
        return Limits(**given)

    @property
    def usage(self) -> Usage:
        """What was asked for so far, in this process."""
        return self._line.usage

    @property
    def takes_schemas(self) -> bool:
        """Whether the endpoint is to be given JSON schemas: until it has refused one, and not while the model thinks.

        A server that does not keep thoughts apart would hold them to the schema too.
        """
        return self._line.takes_schemas and not self.enable_thinking

    def refuses_schemas(self) -> None:
        """Note that the endpoint takes no JSON schemas."""
        self._line.takes_schemas = False

    async def aask(
        self,
        messages: Messages,
        read: Callable[[Completion], T],
        *,
        response_format: Mapping[str, Any] | None = None,
        top_logprobs: int = 0,
        draw: int = 0,
        template: str = "",
    ) -> T:
        """Ask for one answer, and return what is read of it.

        Args:
            messages: The conversation.
            read: Makes something of the answer; one of which it raises an error is not kept in the cache.
            response_format: The form of the answer, as OpenAI's API takes it, such as a JSON schema.
            top_logprobs: For how many of the likeliest tokens in each place their log-probabilities are wanted.
            draw: Which of several answers to the same question this is: part of the cache's key.
            template: What the answer is for: part of the cache's key.

        Raises:
            RewardError: There is no usable answer; or whatever `read` raises.
        """
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [_plain(message) for message in messages],
            **self._sampling(),
        }
        if response_format is not None:
            body["response_format"] = response_format
        if top_logprobs:
            body.update(logprobs=True, top_logprobs=top_logprobs)
        made_from = [self.revision or self._served(), draw, template, body]
        return await loop.within(self._line.ask(body, made_from, read))

    async def acomplete(self, messages: Messages, **options: Any) -> Completion:  # noqa: ANN401 - those of `aask`
        """Ask for one answer; see `aask`."""
        return await self.aask(messages, _itself, **options)

    def complete(self, messages: Messages, **options: Any) -> Completion:  # noqa: ANN401 - those of `aask`
        """Do as `acomplete`, and wait for it."""
        return loop.run(self.acomplete(messages, **options))

    async def achat(self, messages: Messages, **options: Any) -> ChatMessage:  # noqa: ANN401 - those of `aask`
        """Do as `acomplete`, and return the answer as a turn of the conversation."""
        answer = await self.acomplete(messages, **options)
        return ChatMessage(role=MessageRole.ASSISTANT, content=answer.text, reasoning_content=answer.reasoning or None)

    def chat(self, messages: Messages, **options: Any) -> ChatMessage:  # noqa: ANN401 - those of `aask`
        """Do as `achat`, and wait for it."""
        return loop.run(self.achat(messages, **options))

    async def asimple_chat(
        self,
        query: str,
        history: Sequence[str] = (),
        sys_prompt: str = "",
        **options: Any,  # noqa: ANN401 - those of `aask`
    ) -> str:
        """Ask a question and return the answer's text.

        Args:
            query: The question.
            history: What was said before: the user's and the model's turns in turns.
            sys_prompt: The system prompt, if any.
            options: See `aask`.

        Raises:
            RewardError: There is no usable answer.
        """
        turns = [{"role": "user" if index % 2 == 0 else "assistant", "content": text}
                 for index, text in enumerate((*history, query))]  # fmt: skip
        system = [{"role": "system", "content": sys_prompt}] if sys_prompt else []
        return (await self.acomplete([*system, *turns], **options)).text

    def simple_chat(self, query: str, history: Sequence[str] = (), sys_prompt: str = "", **options: Any) -> str:  # noqa: ANN401
        """Do as `asimple_chat`, and wait for it."""
        return loop.run(self.asimple_chat(query, history, sys_prompt, **options))

    def _served(self) -> str | list[str]:
        """Return what is served, for the cache's key: of a hosted model what it is, and else where it is."""
        if self.hosted:
            return f"hosted {hosted_model(self.model).path}"
        urls = sorted(set(self.urls))
        return urls if len(urls) > 1 else urls[0]

    def _given(self) -> dict[str, Any]:
        """Return the fields that make the same client: with other endpoints, none of those of one."""
        dropped = {*_ONE, "endpoints"} if self.hosted else _ONE if self.endpoints else set()
        return {name: value for name, value in self if name not in dropped}

    def _sampling(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in ("temperature", "top_p", "seed", "max_tokens")}
        fields = {name: value for name, value in given.items() if value is not None}
        if self.enable_thinking is not None:
            # DashScope takes it at the top, vLLM and SGLang among the arguments of the chat template.
            fields["enable_thinking"] = self.enable_thinking
            fields["chat_template_kwargs"] = {"enable_thinking": self.enable_thinking}
        return {**fields, **self.extra_body}


def _itself(completion: Completion) -> Completion:
    return completion


def _plain(message: ChatMessage | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(message, ChatMessage):
        fields = {"name": message.name, "tool_calls": message.tool_calls}
        return {"role": message.role.value, "content": message.content, **{k: v for k, v in fields.items() if v}}
    return message
