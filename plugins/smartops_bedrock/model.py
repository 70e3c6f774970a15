"""Requests to the model: within the budget, and with failures as messages for people."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anyio import to_thread

from smartops import Clock
from smartops_aws.kit import Access, Account, Action, Fault, Region, is_loopback

from .budget import Budget
from .config import BedrockConfig
from .failures import failed, is_free, refused
from .policy import RIGHT

log = logging.getLogger("smartops.bedrock")

CONVERSE = Action(
    "bedrock-runtime", "Converse", "ask the language model", iam=RIGHT, feature="bedrock"
)

_BYTES_OF_A_TOKEN = 3
"""A low estimate, because the budget must not be exceeded: English has about four."""

_CACHES = re.compile(
    r"anthropic\.claude-(3-5-haiku|3-7|opus|sonnet|haiku)|amazon\.nova-(micro|lite|pro|premier)"
)
"""Models that take cache points. The tools are most of a request, and the same in each."""

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_MALFORMED = frozenset({"malformed_model_output", "malformed_tool_use"})


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call of the model. The model made ``input`` up, so it is untrusted."""

    id: str
    tool: str
    input: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """The model's answer; ``content`` is what the next request repeats of it."""

    content: Sequence[Any]
    stop: str
    text: str
    calls: tuple[ToolCall, ...]
    tokens: int


class Model:
    """The configured model; all questions share its threads and connections."""

    def __init__(self, config: BedrockConfig, budget: Budget, clock: Clock) -> None:
        self._config = config
        self._budget = budget
        self._account = Account(_access(config), clock)
        self._region = Region(self._account, config.region)

    async def ask(
        self,
        person: str,
        system: str,
        messages: Sequence[Mapping[str, Any]],
        tools: Mapping[str, Any],
    ) -> Turn:
        """Return the model's next turn; raises ModelFailed, and RateLimited for the budget."""
        request = self._request(system, messages, tools)
        reserved = await self._budget.reserve(person, self._estimate(request))
        try:
            answer = await self._region.attempt(CONVERSE, 0, request)
        except Fault as fault:
            if is_free(fault):
                await self._budget.settle(reserved, 0)
            failure = failed(fault, self._config)
            log.warning("model failed: %s", failure.reason)
            raise failure from fault
        turn = _turn(answer)
        await self._budget.settle(reserved, turn.tokens or reserved.tokens)
        return turn

    async def aclose(self) -> None:
        """Close the connections."""
        await to_thread.run_sync(self._account.close)

    def _request(
        self, system: str, messages: Sequence[Mapping[str, Any]], tools: Mapping[str, Any]
    ) -> dict[str, Any]:
        config = self._config
        cached = [{"cachePoint": {"type": "default"}}] if _CACHES.search(config.model) else []
        inference: dict[str, Any] = {"maxTokens": config.max_tokens}
        if config.temperature is not None:
            inference["temperature"] = config.temperature
        request = {
            "modelId": config.model,
            "system": [{"text": system}, *cached],
            "messages": list(messages),
            "toolConfig": {**tools, "tools": [*tools["tools"], *cached]},
            "inferenceConfig": inference,
        }
        if config.guardrail is not None:
            request["guardrailConfig"] = {
                "guardrailIdentifier": config.guardrail.id,
                "guardrailVersion": config.guardrail.version,
            }
        return request

    def _estimate(self, request: Mapping[str, Any]) -> int:
        """Return how many tokens the request and its answer use at the most, roughly."""
        size = len(json.dumps(request, ensure_ascii=False, default=str).encode("utf-8", "replace"))
        return size // _BYTES_OF_A_TOKEN + self._config.max_tokens


def _access(config: BedrockConfig) -> Access:
    return Access(
        "bedrock",
        config,
        config.limits,
        endpoint=config.endpoint,
        sts_endpoint=config.endpoint if is_loopback(config.endpoint) else "",
        attempts=dict.fromkeys(("read", "change", "once"), config.limits.attempts),
    )


def _turn(answer: Mapping[str, Any]) -> Turn:
    """Return Bedrock's answer as a turn; raises ModelFailed if it is malformed."""
    message = answer.get("output", {}).get("message", {})
    content = [_echo(block) for block in message.get("content") or [] if not _is_blank(block)]
    texts = [block["text"] for block in content if "text" in block]
    calls = [block["toolUse"] for block in content if "toolUse" in block]
    stop = str(answer.get("stopReason", ""))
    whole = all("toolUseId" in item and "name" in item for item in calls)
    if not stop or stop in _MALFORMED or not whole:
        raise refused("The language model's answer makes no sense", "Ask again")
    return Turn(
        content=content,
        stop=stop,
        text="\n".join(texts),
        calls=tuple(ToolCall(item["toolUseId"], item["name"], item["input"]) for item in calls),
        tokens=int(answer.get("usage", {}).get("totalTokens", 0)),
    )


def _echo(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a block as Bedrock accepts it in a request, which is stricter than its answers."""
    use = block.get("toolUse")
    if use is None:
        return block
    given = use.get("input")
    name = {"name": _NOT_IN_A_NAME.sub("_", use["name"])[:64]} if use.get("name") else {}
    return {"toolUse": {**use, **name, "input": given if isinstance(given, dict) else {}}}


def _is_blank(block: Mapping[str, Any]) -> bool:
    """Whether it is a blank text: models send such blocks, but do not accept them."""
    return "text" in block and not block["text"].strip()
