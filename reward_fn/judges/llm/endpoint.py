"""One connection to an endpoint: sends a request once, and turns whatever goes wrong into a typed failure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reward_fn.judges.llm.headers import wanted_pause
from reward_fn.schema import FailureKind, RewardError

if TYPE_CHECKING:
    import httpx
    from openai import APIStatusError

_KINDS = {
    401: FailureKind.AUTHENTICATION,
    403: FailureKind.AUTHENTICATION,
    408: FailureKind.TIMEOUT,
    409: FailureKind.SERVER_ERROR,
    429: FailureKind.RATE_LIMIT,
}
_PASSING = {FailureKind.TIMEOUT, FailureKind.SERVER_ERROR, FailureKind.RATE_LIMIT}
_QUOTA = {"insufficient_quota", "billing_hard_limit_reached"}
_FILTER = {"content_filter", "data_inspection_failed", "content_policy_violation"}


class EndpointError(RewardError):
    """A request that failed.

    Attributes:
        pause_s: Seconds that the endpoint wants to be left alone; 0 if it did not say.
        elsewhere: Whether another endpoint or key may do better.
    """

    def __init__(
        self, kind: FailureKind, detail: str, *, retriable: bool, pause_s: float = 0.0, elsewhere: bool = False
    ) -> None:
        super().__init__(kind, detail, retriable=retriable)
        self.pause_s, self.elsewhere = pause_s, elsewhere or retriable


class Endpoint:
    """The connections of one client in one event loop.

    Args:
        base_url: Where the API is.
        api_key: The key; empty for servers that want none.
        connections: How many there may be.
        connect_timeout: Seconds to connect.
        read_timeout: Seconds without a byte.
        timeout: Seconds for a whole request.
        direct: Whether it is near, and the environment's proxies are not for it.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        connections: int,
        connect_timeout: float,
        read_timeout: float,
        timeout: float,
        direct: bool = False,
    ) -> None:
        import httpx
        import openai

        limits: Any = type(openai.DEFAULT_CONNECTION_LIMITS)
        self._timeout = timeout
        self._cast_to = httpx.Response
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            max_retries=0,
            timeout=openai.Timeout(timeout, connect=connect_timeout, read=read_timeout),
            http_client=openai.DefaultAioHttpClient(
                limits=limits(max_connections=connections, max_keepalive_connections=connections),
                trust_env=not direct,
            ),
        )

    async def send(self, body: Mapping[str, Any]) -> tuple[bytes, float]:
        """Send a chat completion's request once.

        Returns:
            The response's body, and the seconds for which no other request shall follow.

        Raises:
            EndpointError: There is no response, or it is an error.
        """
        import openai

        try:
            # The typed method takes half a millisecond more to check what we build and to parse what we read.
            sent = self._client.post("/chat/completions", body=body, cast_to=self._cast_to)
            response: httpx.Response = await asyncio.wait_for(sent, self._timeout)
        except asyncio.TimeoutError as error:
            raise self._unanswered(error) from None
        except openai.APIConnectionError as error:  # of which APITimeoutError is one
            raise self._unanswered(_root(error)) from None
        except UnicodeEncodeError as error:
            raise EndpointError(FailureKind.BAD_INPUT, f"the prompt is no Unicode: {error}", retriable=False) from None
        except openai.APIStatusError as error:
            raise _failed(error) from None
        return response.content, wanted_pause(response.headers)

    def _unanswered(self, cause: BaseException) -> EndpointError:
        if isinstance(cause, asyncio.TimeoutError | TimeoutError):
            return EndpointError(FailureKind.TIMEOUT, f"no answer within {self._timeout:g} s", retriable=True)
        detail = f"no connection to {self._client.base_url}: {type(cause).__name__} {cause}"
        return EndpointError(FailureKind.CONNECTION, detail, retriable=True)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def _root(error: BaseException) -> BaseException:
    """Return what is at the bottom of an error; above it, the libraries call a refused connection a timeout."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _failed(error: APIStatusError) -> EndpointError:
    status, code = error.status_code, str(getattr(error, "code", None) or "")
    kind = _KINDS.get(status, FailureKind.SERVER_ERROR if status >= 500 else FailureKind.REJECTED)
    if code in _FILTER:
        kind = FailureKind.REFUSAL
    return EndpointError(
        kind,
        f"HTTP {status}: {error.message[:300]}",
        retriable=kind in _PASSING and code not in _QUOTA,
        pause_s=wanted_pause(error.response.headers),
        elsewhere=kind is FailureKind.AUTHENTICATION or code in _QUOTA,
    )
