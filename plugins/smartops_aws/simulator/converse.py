"""Bedrock's Converse: a model that says what the scenario tells it to."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from .answers import AwsError
from .request import Request
from .speech import Say, Speech

_LETTERS_PER_TOKEN = 4
DELAY = "(delay)"
"""What a handler may add to its result: seconds to wait before it is sent."""


def converse(request: Request) -> dict[str, Any]:
    """Answer a conversation by the rules."""
    params, speech = request.params, request.cloud.scenario.converse
    _check_model(params, speech)
    messages = params.get("messages", [])
    _check_turns(messages, tools="toolConfig" in params)
    results, text = _results(messages[-1]), _text(messages[-1])
    content, stop, delay = _answer(speech, params, results, text)
    used = _tokens([messages, params.get("system", []), params.get("toolConfig", {})])
    made = _tokens(content)
    answer: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop,
        "usage": {"inputTokens": used, "outputTokens": made, "totalTokens": used + made},
        "metrics": {"latencyMs": 240 + int(delay * 1000)},
    }
    return answer | ({DELAY: delay} if delay else {})


def _check_model(params: Mapping[str, Any], speech: Speech) -> None:
    model = params["modelId"].rsplit("/", 1)[-1]
    if not _among(model, speech.models):
        raise _invalid("The provided model identifier is invalid.")
    if _among(model, speech.no_access):
        raise AwsError(
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
            403,
        )
    if _among(model, speech.profiles_only):
        raise _invalid(
            f"Invocation of model ID {model} with on-demand throughput isn\u2019t supported. "
            "Retry your request with the ID or ARN of an inference profile that contains "
            "this model."
        )
    guardrail = params.get("guardrailConfig", {}).get("guardrailIdentifier")
    if guardrail is not None and not _among(guardrail.rsplit("/", 1)[-1], speech.guardrails):
        raise _invalid(
            "The guardrail identifier or version provided in the request does not exist."
        )


def _among(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, each) for each in patterns)


def _check_turns(messages: Sequence[Mapping[str, Any]], *, tools: bool) -> None:
    if not messages:
        raise _invalid("A conversation must start with a user message. Try again with one.")
    if messages[0]["role"] != "user":
        raise _invalid(
            "A conversation must start with a user message. Try again with a conversation that "
            "starts with a user message."
        )
    if messages[-1]["role"] != "user":
        raise _invalid("The conversation must end with a user message.")
    asked: list[str] = []
    for place, message in enumerate(messages):
        if place and message["role"] == messages[place - 1]["role"]:
            raise _invalid(
                "A conversation must alternate between user and assistant roles. Make sure the "
                "conversation alternates between user and assistant roles and try again."
            )
        _check_content(message, place, asked, tools=tools)
        asked = [each["toolUse"]["toolUseId"] for each in message["content"] if "toolUse" in each]


def _check_content(
    message: Mapping[str, Any], place: int, asked: Sequence[str], *, tools: bool
) -> None:
    blocks = message["content"]
    if not blocks:
        raise _invalid(f"The content field in the Message object at messages.{place} is empty.")
    answered = [each["toolResult"]["toolUseId"] for each in blocks if "toolResult" in each]
    if any("toolUse" in each or "toolResult" in each for each in blocks) and not tools:
        raise _invalid(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )
    missing = [each for each in asked if each not in answered]
    if missing:
        raise _invalid(
            f"Expected toolResult blocks at messages.{place}.content for the following Ids: "
            f"{', '.join(missing)}"
        )
    if len(answered) > len(asked):
        raise _invalid(
            f"The number of toolResult blocks at messages.{place}.content exceeds the number of "
            "toolUse blocks of previous turn."
        )
    if any("text" in each and not each["text"].strip() for each in blocks):
        raise _invalid(
            f"The text field in the ContentBlock object at messages.{place}.content.0 is blank. "
            "Add text to the text field, and try again."
        )


def _answer(
    speech: Speech, params: Mapping[str, Any], results: str, text: str
) -> tuple[list[dict[str, Any]], str, float]:
    subject, to = (results, "results") if results else (text, "text")
    for say in speech.rules:
        found = re.search(say.when, subject, re.IGNORECASE) if say.to == to else None
        if found is None:
            continue
        words = _words(found, results)
        tool = _filled(say.tool, words)
        if not tool or tool in _tools(params):
            return _said(say, tool, words)
    if results:
        return [{"text": _filled(speech.after_tools, {"result": results})}], "end_turn", 0.0
    return [{"text": speech.otherwise}], "end_turn", 0.0


def _said(say: Say, tool: str, words: Mapping[str, str]) -> tuple[list[dict[str, Any]], str, float]:
    content: list[dict[str, Any]] = []
    if say.text:
        content.append({"text": _filled(say.text, words)})
    if tool:
        use = {
            "toolUseId": f"tooluse_{uuid.uuid4().hex[:22]}",
            "name": tool,
            "input": _filled_in(say.input, words),
        }
        content.append({"toolUse": use})
    return content, say.stop or ("tool_use" if tool else "end_turn"), say.delay.total_seconds()


def _words(found: re.Match[str], results: str) -> dict[str, str]:
    words = {str(place): each or "" for place, each in enumerate(found.groups(), 1)}
    named = {name: each or "" for name, each in found.groupdict().items()}
    return {"0": found[0], "result": results} | words | named


def _filled(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[0]), text)


def _filled_in(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _filled(value, words)
    if isinstance(value, Mapping):
        return {key: _filled_in(each, words) for key, each in value.items()}
    return [_filled_in(each, words) for each in value] if isinstance(value, list) else value


def _tools(params: Mapping[str, Any]) -> list[str]:
    tools = params.get("toolConfig", {}).get("tools", ())
    return [each["toolSpec"]["name"] for each in tools if "toolSpec" in each]


def _text(message: Mapping[str, Any]) -> str:
    """Return the last text: what stands before it is what the client wants known besides."""
    texts = [each["text"] for each in message["content"] if "text" in each]
    return texts[-1] if texts else ""


def _results(message: Mapping[str, Any]) -> str:
    """Return what tools answered, if nothing was said after it."""
    return "" if "text" in message["content"][-1] else "\n".join(_told(message))


def _told(message: Mapping[str, Any]) -> Iterator[str]:
    for block in message["content"]:
        for each in block.get("toolResult", {}).get("content", ()):
            yield each["text"] if "text" in each else json.dumps(each.get("json"))


def _tokens(value: Any) -> int:
    return max(1, len(json.dumps(value, default=str)) // _LETTERS_PER_TOKEN)


def _invalid(text: str) -> AwsError:
    return AwsError("ValidationException", text)


OPERATIONS: Mapping[str, Callable[[Request], Mapping[str, Any]]] = {"Converse": converse}
