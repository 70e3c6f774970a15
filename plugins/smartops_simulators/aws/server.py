"""The server: one port for all services, accounts and regions."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, SO_LINGER, SOL_SOCKET, socket
from struct import pack
from typing import Any, Self

from botocore import xform_name

from smartops import Clock

from . import converse, ec2, metrics, ssm, wire
from .cloud import AccountRegion, Caller, Cloud, Request
from .converse import Asked, Brain, says
from .faults import AwsError, Denial, Fault, InvalidRequest, Response, error
from .scenario import Incident, Scenario
from .wire import Target

_MODULES = {"ec2": ec2, "sts": ec2, "ssm": ssm, "cloudwatch": metrics, "ce": metrics}
_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request,.+")


class Dropped(Exception):
    """The connection ends without a response."""


@dataclass(slots=True)
class Call:
    """A call that was made; ``error`` is the code of its error.

    ``account`` and ``caller`` (an ARN) are empty if the credentials were refused.
    """

    operation: str
    action: str
    region: str
    at: float
    account: str = ""
    caller: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


class Calls(list[Call]):
    def of(self, operation: str, **fields: str) -> list[Call]:
        """Return the calls of an operation in which these fields have these values."""
        return [
            each
            for each in self
            if each.operation == operation
            and all(getattr(each, name) == value for name, value in fields.items())
        ]

    @property
    def actions(self) -> set[str]:
        return {each.action for each in self}


class AwsSimulator:
    """A local AWS; as a context manager it listens on 127.0.0.1, on any free port if it is 0.

    ``url`` is the endpoint for clients, ``calls`` what they called, ``brain`` the language model,
    ``asked`` what it was asked, and ``breaches`` why requests were refused as invalid.
    ``handlers`` answer operations that it does not know, by their names.
    """

    def __init__(
        self,
        scenario: Scenario | Mapping[str, Any] | Path | None = None,
        *,
        clock: Clock | None = None,
        port: int = 0,
    ) -> None:
        """Raise ValueError for an invalid scenario, and OSError."""
        if isinstance(scenario, Path):
            scenario = Scenario.read(scenario)
        self.scenario = Scenario.model_validate(scenario or {})
        self.calls = Calls()
        self.brain: Brain = lambda _: says("I can only help with your infrastructure.")
        self.asked: list[Asked] = []
        self.breaches: list[str] = []
        self.handlers: dict[str, Callable[[Request], Mapping[str, Any]]] = {}
        self.stopping = threading.Event()
        self.connections: set[socket] = set()
        self._port = port
        self._cloud = Cloud(self.scenario, clock or Clock())
        self._faults = list(self.scenario.faults)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"simulator": self})
        self._server = _Server(("127.0.0.1", self._port), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for each in list(self.connections):
            with suppress(OSError):
                each.shutdown(SHUT_RDWR)

    def region(self, account: str = "", region: str = "") -> AccountRegion:
        """Return what an account has in a region; the default is the first of each."""
        account = account or next(iter(self.scenario.accounts))
        known = self.scenario.accounts[account].regions
        return self._cloud.region(account, region or next(iter(known), "us-east-1"))

    def deny(self, action: str, **more: Any) -> None:
        self._cloud.denials.append(Denial(action=action, **more))

    def allow_all(self) -> None:
        self._cloud.denials.clear()

    def fault(self, action: str, kind: str, **more: Any) -> None:
        """Let something go wrong from now on; ``more`` as in the scenario's faults."""
        self._faults.append(Fault.model_validate({"action": action, "kind": kind, **more}))

    def heal(self) -> None:
        self._faults.clear()

    def incident(self, **incident: Any) -> None:
        made = Incident.model_validate(incident)
        since = self._cloud.clock.time() - made.since.total_seconds()
        self._cloud.incidents.append((made, since))

    def respond(self, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Return the response to an HTTP request; raises Dropped."""
        signed = _SCOPE.fullmatch(headers.get("authorization", ""))
        key, region, service = signed.groups() if signed else ("", "", "")
        to = wire.target(path, headers, body, service)
        if to is None:
            return Response(404, b"{}", "application/json")
        if to.model is None or not signed:
            problem = "unsigned" if to.model else "unknown"
            return wire.failure(to, error(problem, to.service))
        call = Call(to.operation, to.action, region, self._cloud.clock.time())
        self.calls.append(call)
        try:
            return self._handle(to, call, key, headers)
        except AwsError as problem:
            call.error = problem.code
            if isinstance(problem, InvalidRequest):
                self.breaches.append(problem.message)
            return wire.failure(to, problem)
        except Dropped:
            call.error = "(dropped)"
            raise

    def _handle(self, to: Target, call: Call, key: str, headers: Mapping[str, str]) -> Response:
        caller = self._cloud.caller(to.service, key, headers.get("x-amz-security-token", ""))
        call.account, call.caller = caller.account, caller.arn
        call_of = (to.action, caller.account, call.region, key)
        due = [fault for fault in self._faults if fault.due(*call_of)]
        try:
            call.params = wire.parameters(to)
        finally:  # a fault comes before the validation
            for fault in due:
                self._inject(fault, to, caller)
        region = self._cloud.region(caller.account, call.region)
        request = Request(self._cloud, region, caller, to.operation, call.params, call.at)
        response = self._perform(to, request, headers)
        for fault in due:
            if fault.kind == "lose":
                raise Dropped
            response = fault.spoiled(response)
        return response

    def _inject(self, fault: Fault, to: Target, caller: Caller) -> None:
        """Cause what goes wrong before the operation is done."""
        if fault.kind in ("slow", "hang"):
            self.stopping.wait(fault.delay.total_seconds() if fault.kind == "slow" else None)
        if fault.kind in ("hang", "drop", "reset"):
            raise Dropped(fault.kind)
        problem = fault.error(to.service, to.action, caller.arn)
        if problem is not None:
            raise problem

    def _perform(self, to: Target, request: Request, headers: Mapping[str, str]) -> Response:
        self._authorise(to, request)
        if to.operation == "Converse":
            return self._converse(to, request.params, headers)
        own = getattr(_MODULES[to.service], xform_name(to.operation), None)
        handler = self.handlers.get(to.operation, own)
        if handler is None:
            raise error("unknown", to.service)
        try:
            with self._lock:
                value = handler(request)
        except ValueError as problem:  # a date, for one, that is none
            raise InvalidRequest("ValidationException", str(problem)) from None
        return wire.result(to, value)

    def _authorise(self, to: Target, request: Request) -> None:
        region, params = request.region, request.params
        ids = params.get("InstanceIds") or params.get("Resources") or ()
        changes = not to.operation.startswith(("Describe", "List", "Get"))
        prefix = f"arn:aws:ec2:{region.name}:{region.account}:instance/"
        arns = {f"{prefix}{each}": each for each in ids if changes}
        for denial in self._cloud.denials:
            if not denial.covers(to.action, region.account, region.name):
                continue
            for arn, id_ in (arns or {params.get("RoleArn", "*"): ""}).items():
                instance = region.instances.get(id_)
                if denial.denies(arn, instance.tags if instance else None):
                    raise denial.error(to.service, to.action, request.caller.arn, arn)

    def _converse(
        self, to: Target, params: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Response:
        body = {name: value for name, value in params.items() if name != "modelId"}
        asked = Asked(params["modelId"], body, headers)
        self.asked.append(asked)
        for breach in converse.breaches(asked):
            raise InvalidRequest("ValidationException", breach)
        answer = self.brain(asked)
        if isinstance(answer, AwsError):
            raise answer
        if isinstance(answer, bytes):
            return Response(200, answer, "application/json")
        return wire.result(to, answer)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what went wrong, unless a client gave up."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    simulator: AwsSimulator
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.simulator.connections.add(self.connection)

    def finish(self) -> None:
        self.simulator.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            response = self.simulator.respond(self.path, headers, body)
        except Dropped as how:
            self.close_connection = True
            if str(how) == "reset":
                self.connection.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
            return
        self.send_response(response.status)
        sized = {"Content-Type": response.content_type, "Content-Length": str(len(response.body))}
        for name, value in {**sized, **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)
