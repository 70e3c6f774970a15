"""Bedrock's Converse, with a function of the test as the language model."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .faults import AwsError


@dataclass(frozen=True)
class Asked:
    """A request to the model: its id, the body, and the headers in lower case."""

    model: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def messages(self) -> Any:
        return self.body["messages"]

    @property
    def question(self) -> str:
        """The last text of the last message; the ones before it are notes of the client."""
        texts = [block["text"] for block in self.messages[-1]["content"] if "text" in block]
        return texts[-1] if texts else ""

    @property
    def results(self) -> list[Any]:
        """What the tools of the last turn returned, from their JSON."""
        blocks = [block.get("toolResult") for block in self.messages[-1]["content"]]
        return [json.loads(block["content"][0]["text"]) for block in blocks if block]

    @property
    def tools(self) -> dict[str, Any]:
        offered = self.body.get("toolConfig", {}).get("tools", ())
        specs = [each["toolSpec"] for each in offered if "toolSpec" in each]
        return {each["name"]: each for each in specs}


Answer = Mapping[str, Any] | AwsError | bytes
"""A result of Converse, an error, or the bytes of a broken body."""

Brain = Callable[[Asked], Answer]


def says(text: str, stop: str = "end_turn") -> Answer:
    return answered([{"text": text}], stop)


def uses(*calls: tuple[str, Any], text: str = "") -> Answer:
    """Return an answer that calls tools, each a name and its input."""
    blocks: list[Any] = [{"text": text}] if text else []
    blocks += [
        {"toolUse": {"toolUseId": f"tooluse_{uuid.uuid4().hex[:22]}", "name": name, "input": given}}
        for name, given in calls
    ]
    return answered(blocks, "tool_use")


def answered(content: list[Any], stop: str) -> Answer:
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop,
        "usage": {"inputTokens": 700, "outputTokens": 50, "totalTokens": 750},
        "metrics": {"latencyMs": 7},
    }


def script(*answers: Answer) -> Brain:
    """Return a model that gives these answers, one after the other."""
    left = iter(answers)
    return lambda _: next(left)


def breaches(asked: Asked) -> Iterator[str]:
    """Yield what Converse refuses beyond the constraints of its model."""
    messages = asked.messages
    if not messages or messages[-1]["role"] != "user":
        yield "A conversation must end with a user message"
    pending: list[str] = []
    for number, message in enumerate(messages):
        blocks = message["content"]
        if message["role"] != ("user", "assistant")[number % 2]:
            yield "A conversation must alternate between user and assistant roles"
        if any(not block.get("text", "x").strip() for block in blocks) or not blocks:
            yield f"The content at messages.{number} is blank"
        given = [block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block]
        if sorted(given) != sorted(pending):
            yield f"toolResult blocks {given} do not match the toolUse blocks {pending} before them"
        pending = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
        if (given or pending) and "toolConfig" not in asked.body:
            yield "The toolConfig field must be defined when using toolUse and toolResult blocks"
