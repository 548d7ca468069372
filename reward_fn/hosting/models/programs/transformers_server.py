"""Serves a model by transformers, with OpenAI's chat completions: for machines without a GPU.

    API_KEY=… python transformers_server.py --model FOLDER --name judge --host 127.0.0.1 --port 8000

Requests that wait while the model is busy are answered together, as far as their sampling is the same.

transformers has a server of its own. It does not do here: where it batches, all requests get the sampling of the first
one, and where it does not, they are answered one by one; it says nothing when it is asked for a JSON schema or for
probabilities and gives none, where a judge must be told; and it takes no key (`transformers serve` 5.10).
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import os
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import torch
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from transformers import AutoModelForCausalLM, AutoTokenizer, StoppingCriteria, StoppingCriteriaList

_LOOK_S = 0.5
"""How often it is looked whether the one who asked is still there."""
_KNOWN = {"model", "messages", "temperature", "top_p", "seed", "max_tokens", "enable_thinking", "chat_template_kwargs"}
Sampling = tuple[float | None, float | None, int | None]
"""Temperature, top_p and seed."""


class RefusedError(Exception):
    """A request that cannot be answered, and why."""


class Answer(TypedDict):
    """What the model says, whether it had ended, and how many tokens that are."""

    text: str
    ended: bool
    tokens: int


@dataclass(eq=False, slots=True)
class Asked:
    """A request on its way to the model.

    Attributes:
        tokens: The prompt.
        most: Tokens of an answer.
        sampling: How it is drawn.
        answer: The future answer.
        loop: Where that is waited for.
        given_up: Whether nobody waits for it any more.
    """

    tokens: list[int]
    most: int
    sampling: Sampling
    answer: asyncio.Future[Answer]
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    given_up: bool = False

    def settle(self, answer: Answer | Exception) -> None:
        """Hand over what came of it; from any thread."""
        self.loop.call_soon_threadsafe(self._settle, answer)

    def _settle(self, answer: Answer | Exception) -> None:
        if self.answer.done():
            return
        if isinstance(answer, Exception):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)


class _Enough(StoppingCriteria):  # type: ignore[misc]
    """Ends each answer of a batch at its own length, and those that nobody waits for."""

    def __init__(self, batch: Sequence[Asked], start: int) -> None:
        self._batch, self._start = batch, start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:
        made = input_ids.shape[1] - self._start
        return torch.tensor([one.given_up or made >= one.most for one in self._batch], device=input_ids.device)


class Model:
    """The model, and a thread in which it answers what waits.

    Args:
        path: Its folder, or its name on the hub.
        most_together: Requests that are answered together.
    """

    def __init__(self, path: str, most_together: int) -> None:
        self._tokenizer: Any = AutoTokenizer.from_pretrained(path, padding_side="left")
        self._model: Any = AutoModelForCausalLM.from_pretrained(path, dtype="auto").eval()
        if torch.cuda.is_available():
            self._model.to("cuda")
        ends = self._model.generation_config.eos_token_id
        self._ends = set(ends if isinstance(ends, list) else [ends])
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._longest: int = self._model.config.max_position_embeddings
        self._most_together = most_together
        self._waiting: queue.SimpleQueue[Asked] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive()

    def ask(self, body: dict[str, Any]) -> Asked:
        """Have a request answered.

        Raises:
            RefusedError: It cannot be.
        """
        if unknown := sorted(body.keys() - _KNOWN):
            raise RefusedError(f"this server does not know {', '.join(unknown)}")
        thinks = {} if body.get("enable_thinking") is None else {"enable_thinking": body["enable_thinking"]}
        options = {**thinks, **body.get("chat_template_kwargs", {})}
        try:
            text = self._tokenizer.apply_chat_template(
                body["messages"], add_generation_prompt=True, tokenize=False, **options
            )
        except Exception as error:  # noqa: BLE001 - templates raise anything at what they do not take
            raise RefusedError(f"the model's chat template does not take the messages: {error}") from None
        tokens = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        room = self._longest - len(tokens)
        most = body.get("max_tokens") or room
        if most > room or room <= 0:
            raise RefusedError(
                f"the model's context is {self._longest} tokens; the prompt has {len(tokens)}, and max_tokens is {most}"
            )
        sampling = body.get("temperature"), body.get("top_p"), body.get("seed")
        asked = Asked(tokens, most, sampling, asyncio.get_running_loop().create_future())
        self._waiting.put(asked)
        return asked

    def _work(self) -> None:
        left: list[Asked] = []
        while True:
            left = left or [self._waiting.get()]
            while not self._waiting.empty():
                left.append(self._waiting.get())
            left = [one for one in left if not one.given_up]
            if not left:
                continue
            first = left[0].sampling
            most = 1 if first[2] is not None else self._most_together  # a seed is for one answer
            batch = [one for one in left if one.sampling == first][:most]
            left = [one for one in left if one not in batch]
            try:
                answers: Sequence[Answer | Exception] = self._answers(batch, first)
            except Exception as error:  # noqa: BLE001 - goes to whoever asked
                answers = [error] * len(batch)
            for one, answer in zip(batch, answers, strict=True):
                one.settle(answer)

    @torch.inference_mode()
    def _answers(self, batch: Sequence[Asked], sampling: Sampling) -> list[Answer]:
        temperature, top_p, seed = sampling
        if seed is not None:
            torch.manual_seed(seed)
        given = {"temperature": temperature or None, "top_p": top_p}
        options = {name: value for name, value in given.items() if value is not None}
        if temperature is not None:
            options["do_sample"] = temperature > 0
        prompts = self._tokenizer.pad({"input_ids": [one.tokens for one in batch]}, return_tensors="pt")
        start = prompts["input_ids"].shape[1]
        made = self._model.generate(
            **prompts.to(self._model.device),
            max_new_tokens=max(one.most for one in batch),
            stopping_criteria=StoppingCriteriaList([_Enough(batch, start)]),
            pad_token_id=self._tokenizer.pad_token_id,
            **options,
        )
        return [self._answer(row[start:].tolist()[: one.most]) for one, row in zip(batch, made, strict=True)]

    def _answer(self, tokens: list[int]) -> Answer:
        end = next((place for place, token in enumerate(tokens) if token in self._ends), None)
        text = self._tokenizer.decode(tokens[:end], skip_special_tokens=True)
        return {"text": text, "ended": end is not None, "tokens": len(tokens) if end is None else end + 1}


def app_of(name: str, key: str, model: Model) -> FastAPI:
    """Return the server's app.

    Args:
        name: What its users call the model.
        key: What it asks of its users.
        model: The model.
    """
    app = FastAPI()

    @app.get("/health")
    async def health() -> JSONResponse:
        return JSONResponse({}, 200 if model.alive else 503)

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> JSONResponse:
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {key}".encode()):
            return _failed(401, "the key is wrong")
        body = await request.json()
        if body.get("model") != name:
            return _failed(404, f"there is no model {body.get('model')!r}; this server has {name!r}")
        try:
            asked = model.ask(body)
        except RefusedError as error:
            return _failed(400, str(error))
        while not (await asyncio.wait([asked.answer], timeout=_LOOK_S))[0]:
            if await request.is_disconnected():
                asked.given_up = True
                return _failed(499, "whoever asked has gone")
        if problem := asked.answer.exception():
            return _failed(500, f"{type(problem).__name__}: {problem}")
        return JSONResponse(_completion(name, len(asked.tokens), asked.answer.result()))

    return app


def _completion(name: str, asked: int, answer: Answer) -> dict[str, Any]:
    message = {"role": "assistant", "content": answer["text"]}
    reason = "stop" if answer["ended"] else "length"
    said = answer["tokens"]
    return {
        "id": "chat",
        "object": "chat.completion",
        "created": 0,
        "model": name,
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
    }


def _failed(status: int, told: str) -> JSONResponse:
    return JSONResponse({"error": {"message": told, "type": "invalid_request", "code": status}}, status)


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    for name in ("--model", "--name", "--host"):
        parser.add_argument(name, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--most-together", type=int, default=16, help="requests that are answered together")
    given = parser.parse_args()
    app = app_of(given.name, os.environ["API_KEY"], Model(given.model, given.most_together))
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
