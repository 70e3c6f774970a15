"""The port: it finds out who wants what, by which protocol, and has it done."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from . import answers, ce, checks, cloudwatch, converse, denials, ec2, jsonwire, query, ssm, sts
from .answers import Answer, AwsError, Protocol
from .calls import Call, Calls
from .converse import DELAY
from .faults import Trouble, failure, unavailable
from .identity import Caller, Scope, scope, unsigned
from .incidents import Faults
from .model import SERVICES, operation, right, service
from .request import Request
from .rules import Rules
from .world import Cloud, World

Handler = Callable[[Request], Mapping[str, Any]]

HANDLERS: Mapping[str, Mapping[str, Handler]] = {
    "ec2": ec2.OPERATIONS,
    "sts": sts.OPERATIONS,
    "ssm": ssm.OPERATIONS,
    "cloudwatch": cloudwatch.OPERATIONS,
    "ce": ce.OPERATIONS,
    "bedrock-runtime": converse.OPERATIONS,
}


class Dropped(Exception):
    """The connection is to end without an answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: which operation, by which protocol, and its parameters unread."""

    protocol: Protocol
    service: str
    operation: str
    read: Callable[[Any], dict[str, Any]]


class Port:
    """Answers requests to the cloud."""

    def __init__(self, cloud: Cloud, rules: Rules, trouble: Trouble, calls: Calls) -> None:
        self._cloud = cloud
        self._rules = rules
        self._trouble = trouble
        self._calls = calls

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer an HTTP request."""
        try:
            answer = await self._answer(request)
        except Dropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        return web.Response(
            status=answer.status,
            body=answer.body,
            headers={**answer.headers, "Content-Type": answer.content_type},
        )

    async def _answer(self, request: web.Request) -> Answer:
        body = await request.read()
        number = str(uuid.uuid4())
        signed = scope(request.headers.get("Authorization", ""))
        asked = _asked(request, body, signed)
        if asked is None:
            return Answer(404, b"{}", "application/json", {"x-amzn-ErrorType": "UnknownOperation"})
        try:
            model = operation(asked.service, asked.operation)
            if model is None:
                raise _unknown(asked)
            if signed is None:
                raise unsigned(asked.service)
            value = await self._done(request, asked, signed, model)
            return answers.result(asked.protocol, model, value, number)
        except AwsError as fault:
            namespace = service(asked.service).metadata.get("xmlNamespace", "")
            return answers.error(asked.protocol, fault, namespace, number)

    async def _done(
        self, request: web.Request, asked: Asked, signed: Scope, model: Any
    ) -> Mapping[str, Any]:
        token = request.headers.get("X-Amz-Security-Token", "")
        call = Call(asked.service, asked.operation, signed.region, self._cloud.clock.time())
        self._calls.note(call)
        try:
            caller = self._cloud.keys.caller(
                asked.service, signed.key, token, self._cloud.clock.now()
            )
            call.account, call.caller = caller.account, caller.arn
            call.params = asked.read(model.input_shape)
            world = self._cloud.world(caller.account, signed.region)
            faults = await self._go_wrong(asked, world)
            checks.check(asked.service, model.input_shape, call.params)
            value = await self._perform(asked, world, caller, call.params)
            if any(fault.kind == "lose" for fault in faults):
                raise Dropped
            return value
        except AwsError as fault:
            call.error = fault.code
            raise
        except Dropped:
            call.error = "(dropped)"
            raise

    async def _perform(
        self, asked: Asked, world: World, caller: Caller, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        handler = HANDLERS[asked.service].get(asked.operation)
        if handler is None:
            raise _unknown(asked)
        request = Request(
            cloud=self._cloud,
            world=world,
            caller=caller,
            service=asked.service,
            operation=asked.operation,
            params=params,
            now=self._cloud.clock.time(),
            rules=self._rules,
        )
        denials.check(request)
        value = handler(request)
        delay = value.get(DELAY)
        if delay is None:
            return value
        await self._cloud.clock.sleep(delay)
        return {name: each for name, each in value.items() if name != DELAY}

    async def _go_wrong(self, asked: Asked, world: World) -> Sequence[Faults]:
        """Let happen what goes wrong before anything is done; return all that goes wrong."""
        if world.down == "error":
            raise unavailable(asked.service)
        if world.down:
            await self._vanish(hang=world.down == "hanging")
        name = right(asked.service, asked.operation)
        faults = self._trouble.due(name, world.account, world.region)
        for fault in faults:
            await self._suffer(asked.service, fault)
        return faults

    async def _suffer(self, name: str, fault: Faults) -> None:
        if fault.kind == "slow":
            await self._cloud.clock.sleep(fault.delay.total_seconds())
        elif fault.kind in ("drop", "hang"):
            await self._vanish(hang=fault.kind == "hang")
        elif fault.kind != "lose":
            raise failure(name, fault)

    async def _vanish(self, *, hang: bool) -> None:
        if hang:
            await asyncio.Event().wait()
        raise Dropped


def _unknown(asked: Asked) -> AwsError:
    if asked.protocol in ("ec2", "query"):
        return AwsError(
            "InvalidAction", f"The action {asked.operation} is not valid for this web service."
        )
    return AwsError("UnknownOperationException", "")


def _asked(request: web.Request, body: bytes, signed: Scope | None) -> Asked | None:
    target = request.headers.get("X-Amz-Target", "")
    if target:
        return _asked_json(target, body)
    parts = request.raw_path.partition("?")[0].strip("/").split("/")
    if len(parts) == 3 and parts[0] == "model" and parts[2] == "converse":
        return _asked_converse(unquote(parts[1]), body)
    name = SERVICES.get(signed.service if signed else "ec2", "")
    if name not in ("ec2", "sts", "cloudwatch"):
        return None
    form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    action = dict(form).get("Action", "")
    protocol: Protocol = "ec2" if name == "ec2" else "query"
    return Asked(protocol, name, action, lambda shape: query.read(shape, form, ec2=name == "ec2"))


def _asked_json(target: str, body: bytes) -> Asked | None:
    prefix, _, called = target.partition(".")
    for name in SERVICES.values():
        if service(name).metadata.get("targetPrefix") == prefix:
            return Asked("json", name, called, lambda shape: _load(shape, body))
    return None


def _asked_converse(model_id: str, body: bytes) -> Asked:
    def read(shape: Any) -> dict[str, Any]:
        return {"modelId": model_id, **_load(shape, body)}

    return Asked("rest-json", "bedrock-runtime", "Converse", read)


def _load(shape: Any, body: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = jsonwire.load(shape, json.loads(body or b"{}"))
    except ValueError as problem:
        raise AwsError("SerializationException", str(problem)) from None
    return found
