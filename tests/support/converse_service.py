"""A local Bedrock Runtime: real HTTP, the wire form of Converse, and a model that tests write.

What is asked of it is held to botocore's model of the service and to the rules of
Converse that the model does not tell; a breach is answered as Bedrock would.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote

import botocore.session
from botocore.validate import ParamValidator

SHAPE = (
    botocore.session.Session()
    .get_service_model("bedrock-runtime")
    .operation_model("Converse")
    .input_shape
)

ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>
<SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>
</AssumeRoleResponse>"""

DENIED = """<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>User: arn:aws:iam::123456789012:user/bot is not authorized to perform: sts:AssumeRole
</Message></Error></ErrorResponse>"""


@dataclass(frozen=True)
class Asked:
    """One request: the model, the body, and the headers in lower case."""

    model: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def messages(self) -> Any:
        return self.body["messages"]

    @property
    def question(self) -> str:
        """The last text of the last message of the person."""
        return [block["text"] for block in self.messages[-1]["content"] if "text" in block][-1]

    @property
    def results(self) -> list[Any]:
        """What the tools of the last turn returned, as JSON."""
        content = self.messages[-1]["content"]
        blocks = [block["toolResult"] for block in content if "toolResult" in block]
        return [json.loads(block["content"][0]["text"]) for block in blocks]

    @property
    def tools(self) -> dict[str, Any]:
        return {
            item["toolSpec"]["name"]: item["toolSpec"] for item in self.body["toolConfig"]["tools"]
        }


class WireError(Exception):
    """What the service refuses with."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


Answer = Mapping[str, Any] | WireError | bytes
Brain = Callable[[Asked], Answer]


def says(text: str, stop: str = "end_turn") -> Answer:
    return answered([{"text": text}], stop)


def uses(*calls: tuple[str, Any], text: str = "") -> Answer:
    blocks: list[Any] = [{"text": text}] if text else []
    blocks += [
        {"toolUse": {"toolUseId": f"tooluse_{number}", "name": name, "input": arguments}}
        for number, (name, arguments) in enumerate(calls)
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
    """Return a model that says these things, one after the other."""
    left = iter(answers)

    def brain(asked: Asked) -> Answer:
        return next(left)

    return brain


@dataclass
class ConverseService:
    """The service. ``brain`` answers; ``asked`` and ``roles`` are the requests so far."""

    brain: Brain = field(default_factory=script)
    asked: list[Asked] = field(default_factory=list)
    roles: list[Mapping[str, str]] = field(default_factory=list)
    role_denied: bool = False
    breaches: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        return self

    def __exit__(self, *reason: Any) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        found = next(breaches(asked), None)
        if found is not None:
            self.breaches.append(found)
            return WireError(400, "ValidationException", found)
        return self.brain(asked)

    def assume(self, form: Mapping[str, str]) -> tuple[int, str]:
        self.roles.append(form)
        return (403, DENIED) if self.role_denied else (200, ASSUMED)


def breaches(asked: Asked) -> Iterable[str]:
    """Yield what Bedrock would not take."""
    report = ParamValidator().validate({"modelId": asked.model, **asked.body}, SHAPE)
    if report.has_errors():
        yield report.generate_report()
        return
    if "/bedrock/aws4_request" not in asked.headers.get("authorization", ""):
        yield "The request is not signed for bedrock"
    messages = asked.messages
    for number, message in enumerate(messages):
        if message["role"] != ("user", "assistant")[number % 2]:
            yield "A conversation must alternate between user and assistant roles"
        for block in message["content"]:
            if not block.get("text", "x").strip():
                yield "The text field in the ContentBlock object is blank"
    if messages[-1]["role"] != "user":
        yield "A conversation must end with a user message"
    for message, after in zip(messages, [*messages[1:], {"content": []}], strict=True):
        wanted = [
            block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block
        ]
        given = [
            block["toolResult"]["toolUseId"] for block in after["content"] if "toolResult" in block
        ]
        if sorted(wanted) != sorted(given):
            yield f"toolResult blocks {given} do not match the toolUse blocks {wanted} before them"


def _handler(service: ConverseService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path == "/":
                form = {name: value[0] for name, value in parse_qs(body.decode()).items()}
                status, text = service.assume(form)
                self._send(status, text.encode(), {"Content-Type": "text/xml"})
                return
            model = unquote(self.path.removeprefix("/model/").removesuffix("/converse"))
            answer = service.answer(Asked(model, json.loads(body), headers))
            if isinstance(answer, WireError):
                told = {"x-amzn-ErrorType": f"{answer.code}:http://internal/"} | {
                    name.replace("_", "-"): value for name, value in answer.headers.items()
                }
                self._send(answer.status, json.dumps({"message": answer.message}).encode(), told)
            else:
                raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self._send(200, raw, {})

        def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked may have given up
                self.wfile.write(body)

    return Handler
