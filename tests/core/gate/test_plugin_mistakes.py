"""What plugins do wrong within the gate: it fails one message, and nothing is misreported."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import anyio
import pytest

from smartops import (
    BackendUnavailable,
    Call,
    FreeText,
    Interpreter,
    Layer,
    PermissionDenied,
    RateLimited,
    Reply,
    Table,
    command,
    hookimpl,
)
from smartops.store import Operation
from smartops.testing import Bot

pytestmark = pytest.mark.anyio

CallNext = Callable[[Call], Awaitable[Reply]]


class Deployment:
    """A command, and what its handler returns or raises after it has changed something."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.deployed: list[str] = []
        self.result: object = "deployed"
        self.error: BaseException | None = None

    def load(self, *layers: Layer, interpreters: Sequence[Interpreter] = ()) -> None:
        @command("deploy {where}", effect="change")
        async def deploy(where: str) -> Any:
            """Deploy."""
            self.deployed.append(where)
            if self.error is not None:
                raise self.error
            return self.result() if callable(self.result) else self.result

        @command("look")
        async def look() -> Any:
            """Look."""
            if self.error is not None:
                raise self.error
            return self.result() if callable(self.result) else self.result

        module = ModuleType("acme")
        module.register_commands = hookimpl(lambda: [deploy, look])  # type: ignore[attr-defined]
        module.register_layers = hookimpl(lambda: list(layers))  # type: ignore[attr-defined]
        module.register_interpreters = hookimpl(lambda: list(interpreters))  # type: ignore[attr-defined]
        self.bot.load(module)

    async def operation(self) -> Operation:
        (operation,) = await (await self.bot.app()).store.operations()
        return operation

    async def outcomes(self) -> list[str]:
        return [item["outcome"] for item in (await self.bot.say("history")).data["history"]]


@pytest.fixture
def deployment(bot: Bot) -> Deployment:
    return Deployment(bot)


class Counted(dict[str, Any]):
    """Data that counts how often it is encoded."""

    encoded = 0

    def items(self) -> Any:
        self.encoded += 1
        return super().items()


async def test_a_reply_is_encoded_once(deployment: Deployment) -> None:
    data = Counted(answer=42)
    deployment.load()
    deployment.result = Reply.of("Looked", data={"counted": data})
    assert (await deployment.bot.say("look", id="1")).text == "Looked"
    assert data.encoded == 1


async def twice(call: Call, call_next: CallNext) -> Reply:
    await call_next(call)
    return await call_next(call)


async def altered(call: Call, call_next: CallNext) -> Reply:
    return await call_next(replace(call, arguments={"where": "production"}))


async def altered_in_secret(call: Call, call_next: CallNext) -> Reply:
    try:
        return await altered(call, call_next)
    except PermissionDenied:
        return Reply.of("deployed to production")


async def skipped(call: Call, call_next: CallNext) -> Reply:
    return Reply.of("it is Friday")


async def nothing(call: Call, call_next: CallNext) -> Any:
    return None


async def nothing_afterwards(call: Call, call_next: CallNext) -> Any:
    await call_next(call)


async def refused_afterwards(call: Call, call_next: CallNext) -> Reply:
    await call_next(call)
    raise RateLimited("too late", retry_after=1)


async def hidden(call: Call, call_next: CallNext) -> Reply:
    try:
        return await call_next(call)
    except BackendUnavailable:
        return Reply.of("all is well")


async def test_a_layer_cannot_repeat_a_change(deployment: Deployment, caplog: Any) -> None:
    deployment.load(twice)
    assert (await deployment.bot.confirm("deploy staging")).code == "INTERNAL_ERROR"
    assert deployment.deployed == ["staging"]
    assert "the layer of acme called call_next twice" in caplog.text
    assert (await deployment.operation()).state == "unknown"


@pytest.mark.parametrize("layer", [altered, altered_in_secret, skipped, nothing])
async def test_a_change_that_a_layer_does_not_pass_on_is_refused(
    deployment: Deployment, layer: Layer
) -> None:
    deployment.load(layer)
    asked = await deployment.bot.say("deploy staging")
    answer = await deployment.bot.press(asked.action("confirm"))
    assert (answer.code, deployment.deployed) == ("PERMISSION_DENIED", [])
    assert "The plugin acme" in answer.text
    assert "Nothing was done." in answer.text
    assert (await deployment.operation()).state == "failed"


@pytest.mark.parametrize("layer", [nothing_afterwards, refused_afterwards])
async def test_a_layer_that_fails_after_a_change_makes_it_unknown(
    deployment: Deployment, layer: Layer, caplog: Any
) -> None:
    deployment.load(layer)
    answer = await deployment.bot.confirm("deploy staging")
    assert (answer.code, deployment.deployed) == ("INTERNAL_ERROR", ["staging"])
    assert "The result is unknown." in answer.text
    assert "the layer of acme" in caplog.text
    assert (await deployment.operation()).state == "unknown"


async def test_a_layer_cannot_hide_that_a_change_failed(deployment: Deployment) -> None:
    deployment.load(hidden)
    deployment.error = BackendUnavailable("the cloud is away")
    assert (await deployment.bot.confirm("deploy staging")).code == "BACKEND_UNAVAILABLE"
    assert (await deployment.operation()).state == "unknown"
    assert (await deployment.bot.say("look")).text == "all is well"


async def test_a_layer_may_answer_a_read(deployment: Deployment) -> None:
    deployment.load(skipped)
    assert (await deployment.bot.say("look")).text == "it is Friday"


async def test_a_layer_that_returns_nothing_is_named(deployment: Deployment, caplog: Any) -> None:
    deployment.load(nothing)
    answer = await deployment.bot.say("look")
    assert answer.code == "INTERNAL_ERROR"
    assert "the layer of acme returned NoneType, not a Reply" in caplog.text


NONSENSE: dict[str, object] = {
    "short row": lambda: Reply.of(Table(("a", "b"), (("1",),))),
    "no block": lambda: Reply.of(7),  # type: ignore[arg-type]
    "no block in a view": lambda: Reply(view=(7,)),  # type: ignore[arg-type]
    "no cell": lambda: Reply.of(Table(("a",), ((7,),))),  # type: ignore[arg-type]
    "no reply": 7,
    "an object in data": lambda: Reply.of("x", data={"thing": object()}),
    "no number": lambda: Reply.of("x", data={"thing": float("nan")}),
    "no mapping": lambda: Reply.of("x", data=[1]),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", NONSENSE)
async def test_an_invalid_result_after_a_change_ends_it_as_unknown(
    deployment: Deployment, what: str, caplog: Any
) -> None:
    deployment.load()
    deployment.result = NONSENSE[what]
    answer = await deployment.bot.confirm("deploy staging")
    assert (answer.code, deployment.deployed) == ("INTERNAL_ERROR", ["staging"])
    assert answer.reply.request_id in answer.text
    operation = await deployment.operation()
    assert operation.state == "unknown"
    shown = (await deployment.bot.say(f"show {operation.id}")).text
    assert "The result is unknown." in shown
    assert "SmartOps was stopped" not in shown
    assert "'deploy' of acme" in caplog.text
    assert await deployment.outcomes() == ["success", "INTERNAL_ERROR", "pending"]


@pytest.mark.parametrize("what", NONSENSE)
async def test_an_invalid_result_of_a_read_is_an_error(deployment: Deployment, what: str) -> None:
    deployment.load()
    deployment.result = NONSENSE[what]
    assert (await deployment.bot.say("look")).code == "INTERNAL_ERROR"
    assert await deployment.outcomes() == ["INTERNAL_ERROR"]


class Ending(BaseException):
    """An exception that no ``except Exception`` catches."""


@pytest.mark.parametrize("error", [SystemExit(2), KeyboardInterrupt(), Ending()])
async def test_an_exception_that_ends_processes_fails_one_message(
    deployment: Deployment, error: BaseException, caplog: Any
) -> None:
    async def ends(call: Call, call_next: CallNext) -> Reply:
        if call.command == "whoami":
            raise error
        return await call_next(call)

    class Interpreting(Interpreter):
        name = "oracle"

        async def interpret(self, question: FreeText) -> Reply | str | None:
            raise error

    deployment.load(ends, interpreters=[Interpreting()])
    deployment.error = error
    for text in ("look", "whoami", "what is going on here"):
        caplog.clear()
        answer = await deployment.bot.say(text)
        assert (answer.code, answer.reply.request_id in answer.text) == ("INTERNAL_ERROR", True)
        assert (
            f"{'oracle' if 'what ' in text else 'acme'} raised {type(error).__name__}"
            in caplog.text
        )
    assert (await deployment.bot.confirm("deploy staging")).code == "INTERNAL_ERROR"
    assert (await deployment.operation()).state == "unknown"


@pytest.mark.parametrize("error", [SystemExit(2), KeyboardInterrupt()])
async def test_an_exception_that_ends_processes_is_logged_in_background_work(
    deployment: Deployment, error: BaseException, caplog: Any
) -> None:
    deployment.load()
    app = await deployment.bot.app()

    async def ends() -> None:
        raise error

    app.spawn(ends)
    with anyio.fail_after(10):
        while "background work failed" not in caplog.text:
            await anyio.sleep(0.001)
    assert (await deployment.bot.say("look")).status == "success"


async def test_cancellation_is_not_caught(deployment: Deployment) -> None:
    async def waits(call: Call, call_next: CallNext) -> Reply:
        await anyio.sleep_forever()
        raise AssertionError

    deployment.load(waits)
    with anyio.move_on_after(0.01) as scope:
        await deployment.bot.say("look")
    assert scope.cancelled_caught
