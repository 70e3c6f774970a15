"""Plugins: found, checked, collected with their names; every hook, used as an author would."""

import functools
import types
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import click
import pytest
from pydantic import BaseModel

from smartops import (
    BackendUnavailable,
    Call,
    Compute,
    FreeText,
    Interpreter,
    PermissionDenied,
    Reply,
    Runtime,
    Services,
    command,
    hookimpl,
)
from smartops.backends import Backend
from smartops.channels import Channel, Claims, Inbound, Receipt
from smartops.command import DeclarationError
from smartops.errors import StartupError
from smartops.plugins import Plugins, available
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


def plugin(*hooks: Callable[..., Any], name: str = "acme") -> types.ModuleType:
    module = types.ModuleType(name)
    for hook in hooks:
        setattr(module, hook.__name__, hookimpl(hook))
    return module


def loaded(*hooks: Callable[..., Any], name: str = "acme") -> Plugins:
    plugins = Plugins()
    plugins.register(name, plugin(*hooks, name=name), "file.yaml:3:3")
    return plugins


def texts(plugins: Plugins) -> list[str]:
    return [str(problem) for problem in plugins.problems]


@command("greet")
async def greet(call: Call) -> str:
    """Say hello."""
    return f"Hello {call.person}"


def register_commands() -> list[Any]:
    return [greet]


class Settings(BaseModel):
    word: str = "hello"


async def test_hook_config_type(bot: Bot) -> None:
    def config_type() -> type[BaseModel]:
        return Settings

    def register_commands(config: Settings) -> list[Any]:
        @command("word")
        async def word() -> str:
            """Say the configured word."""
            return config.word

        return [word]

    bot.load(plugin(config_type, register_commands), word="moin")
    assert (await bot.say("word")).text == "moin"


async def test_hook_config_type_must_return_a_model() -> None:
    def config_type() -> Any:
        return {"word": "str"}

    plugins = loaded(config_type)
    assert plugins.model("acme") is None
    assert texts(plugins) == [
        "plugin acme: config_type: returned {'word': 'str'}, not a pydantic model class"
    ]


async def test_hook_register_commands(bot: Bot) -> None:
    bot.load(plugin(register_commands))
    assert (await bot.say("greet")).text == "Hello bot:alice"
    assert "Say hello." in (await bot.say("help")).text


async def test_hook_register_backends(bot: Bot) -> None:
    class Down(Backend):
        name = "down"

        async def ping(self) -> None:
            raise BackendUnavailable("The backend is away")

    def register_backends() -> list[Backend]:
        return [Down()]

    bot.load(plugin(register_backends))
    checks = {check.name: check for check in await (await bot.app()).readiness()}
    assert not checks["backend down"].ok
    assert checks["backend down"].text == "The backend is away"
    assert checks["store"].ok


async def test_hook_register_channels(bot: Bot) -> None:
    class Pigeon(Channel):
        name = "pigeon"

        async def authenticate(self, inbound: Inbound) -> Claims:
            return Claims(None)

        def read(self, inbound: Inbound, claims: Claims) -> Receipt:
            return Receipt()

    def register_channels(services: Services) -> list[Channel]:
        assert services.clock is bot.clock
        return [Pigeon()]

    bot.load(plugin(register_channels))
    assert [channel.name for channel in (await bot.app()).channels] == ["pigeon"]


async def test_hook_register_layers(bot: Bot) -> None:
    seen: list[str] = []

    async def outer(call: Call, call_next: Any) -> Reply:
        seen.append("outer")
        return await call_next(call)

    async def inner(call: Call, call_next: Any) -> Reply:
        seen.append("inner")
        if call.message.text == "greet":
            raise PermissionDenied("Not on a Sunday")
        return await call_next(call)

    def register_layers() -> list[Any]:
        return [outer, inner]

    bot.load(plugin(register_layers, register_commands))
    answer = await bot.say("greet")
    assert (answer.code, seen) == ("PERMISSION_DENIED", ["outer", "inner"])
    assert (await bot.say("whoami")).status == "success"


async def test_hook_register_interpreters(bot: Bot) -> None:
    class Parrot(Interpreter):
        name = "parrot"

        async def interpret(self, question: FreeText) -> Reply | str | None:
            names = [command.name for command in question.commands]
            if "twice" in question.message.text:
                once, again = await question.run("greet"), await question.run("no such command")
                assert again.error is not None
                return Reply.of(*once.view, *once.view)
            return "greet" if "hello" in question.message.text and "greet" in names else None

    def register_interpreters() -> list[Interpreter]:
        return [Parrot()]

    bot.load(plugin(register_interpreters, register_commands))
    assert (await bot.say("please say hello to me")).text == "Hello bot:alice"
    assert (await bot.say("greet me twice please")).text.count("Hello bot:alice") == 2
    outcomes = [item["outcome"] for item in (await bot.say("history")).data["history"]]
    assert outcomes == ["success", "VALIDATION_ERROR", "success", "success"]
    assert (await bot.say("open the pod bay doors")).code == "VALIDATION_ERROR"


async def test_hook_register_cli() -> None:
    def register_cli(config: Any, commands: Any) -> list[click.Command]:
        return [click.Command(f"policy-{commands()}", callback=lambda: click.echo("allow"))]

    plugins = loaded(register_cli)
    (offer,) = plugins.collect("register_cli", commands=lambda: "all")
    assert (offer.owner, offer.value.name) == ("acme", "policy-all")


class Counter:
    """Hooks that share a number."""

    def __init__(self, start: int) -> None:
        self.number = start

    @hookimpl
    def register_commands(self) -> list[Any]:
        @command("count")
        async def count() -> str:
            """Say the number."""
            return str(self.number)

        return [count]

    @hookimpl
    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self.number += 1
        yield


async def test_hook_setup(bot: Bot) -> None:
    def setup(services: Services) -> Counter:
        assert services.clock is bot.clock
        return Counter(41)

    bot.load(plugin(setup))
    assert (await bot.say("count")).text == "42"
    await bot.aclose()
    assert (await bot.say("count")).text == "42"  # each app has an object of its own


def set_up(made: object, *hooks: Callable[..., Any]) -> list[str]:
    """Return what is wrong with a plugin whose ``setup`` returns ``made``."""

    def setup() -> object:
        return made

    plugins = loaded(setup, *hooks)
    plugins.setup(Services(None, None, None))  # type: ignore[arg-type]
    return texts(plugins)


async def test_the_object_of_setup_must_have_hooks() -> None:
    assert set_up("text") == [
        "plugin acme: setup: returned 'text', no method of which is a @hookimpl"
    ]


async def test_a_hook_of_setup_must_not_be_in_the_plugin_too() -> None:
    expected = "must be in the plugin or in what its setup returns, not in both"
    assert set_up(Counter(1), register_commands) == [f"plugin acme: register_commands: {expected}"]


async def test_hooks_of_setup_are_checked_as_others_are() -> None:
    class Wrong:
        @hookimpl
        def register_comands(self) -> list[Any]:
            return []

    (text,) = set_up(Wrong())
    assert text.startswith("plugin acme: ")
    assert "did you mean register_commands?" in text


async def test_one_module_may_be_loaded_under_two_names() -> None:
    plugins = Plugins()
    module = plugin(register_commands)
    plugins.register("one", module)
    plugins.register("two", module)
    assert [offer.owner for offer in plugins.collect("register_commands")] == ["one", "two"]


async def test_hook_lifespan(bot: Bot) -> None:
    events: list[str] = []

    def plugin_that_lives(name: str, *, fails: bool = False) -> types.ModuleType:
        @asynccontextmanager
        async def living() -> AsyncIterator[None]:
            events.append(f"{name} up")
            yield
            events.append(f"{name} down")
            if fails:
                raise RuntimeError("cannot close")

        def lifespan(
            config: Any, services: Services, app: Runtime
        ) -> AbstractAsyncContextManager[None]:
            assert services.clock is bot.clock
            assert callable(app.spawn)
            return living()

        return plugin(lifespan, name=name)

    bot.load(plugin_that_lives("first"))
    bot.load(plugin_that_lives("second", fails=True))
    await bot.app()
    await bot.aclose()
    assert events == ["first up", "second up", "second down", "first down"]


async def test_the_bot_may_be_started_and_stopped_in_different_tasks(bot: Bot) -> None:
    bot.load(plugin(register_commands))
    async with anyio.create_task_group() as group:
        group.start_soon(bot.say, "greet")
    async with anyio.create_task_group():
        assert (await bot.say("greet")).status == "success"
        await bot.aclose()
    assert (await bot.say("greet")).status == "success"


async def test_an_async_hook_is_refused_with_the_remedy() -> None:
    async def register_commands() -> list[Any]:
        return []

    assert texts(loaded(register_commands)) == [
        "file.yaml:3:3: hook register_commands of plugin acme is 'async def'; "
        "hooks run once at start: return objects whose methods are coroutines"
    ]


async def test_a_bare_generator_is_refused_with_the_remedy() -> None:
    async def lifespan() -> AsyncIterator[None]:
        yield

    assert texts(loaded(lifespan)) == [
        "file.yaml:3:3: hook lifespan of plugin acme is 'async def'; "
        "decorate it with @contextlib.asynccontextmanager, below @hookimpl"
    ]


async def test_a_misspelt_hook_is_found_with_a_near_miss() -> None:
    def register_comands() -> list[Any]:
        return []

    assert texts(loaded(register_comands)) == [
        "file.yaml:3:3: plugin acme: there is no hook register_comands; "
        "did you mean register_commands?"
    ]


async def test_a_misspelt_argument_is_found() -> None:
    def register_commands(conf: Any) -> list[Any]:
        return []

    assert texts(loaded(register_commands)) == [
        "file.yaml:3:3: plugin acme: the hook register_commands has no argument conf; "
        "did you mean config?"
    ]


async def test_a_hook_without_the_mark_is_found_beside_marked_ones() -> None:
    module = plugin(register_commands)
    module.setup = setup = lambda: None  # type: ignore[attr-defined]
    setup.__module__ = module.__name__
    plugins = Plugins()
    plugins.register("acme", module, "file.yaml:3:3")
    assert texts(plugins) == [
        "file.yaml:3:3: hook setup of plugin acme is not marked; write @hookimpl above it"
    ]


class Counting:
    async def __call__(self, call: Call, call_next: Any) -> Reply:
        return await call_next(call)


async def with_a_name(name: str, call: Call, call_next: Any) -> Reply:
    return await call_next(call)


async def alone(call: Call) -> Reply:
    raise NotImplementedError


def test_layers_may_be_objects_and_partials_but_must_take_two_arguments() -> None:
    layers = [Counting(), functools.partial(with_a_name, "acme"), with_a_name, alone]

    def register_layers() -> list[Any]:
        return layers

    plugins = loaded(register_layers)
    assert [offer.value for offer in plugins.collect("register_layers")] == layers[:2]
    assert [str(item).partition(" where ")[2] for item in plugins.problems] == [
        "a layer (async def layer(call, call_next)) belongs"
    ] * 2


def storing(services: Services) -> list[Any]:
    @command(f"{services.plugin} put {{value}}")
    async def put(value: str) -> str:
        """Store a value."""
        await services.kv.put("key", value)
        return "stored"

    @command(f"{services.plugin} get")
    async def get() -> str:
        """Return the value."""
        return await services.kv.get("key") or "nothing"

    return [put, get]


async def test_each_plugin_has_a_key_value_store_of_its_own(bot: Bot) -> None:
    for name in ("one", "two"):
        module = types.ModuleType(name)
        module.register_commands = hookimpl(storing, specname="register_commands")  # type: ignore[attr-defined]
        bot.load(module)
    await bot.say("one put apple")
    assert (await bot.say("one get")).text == "apple"
    assert (await bot.say("two get")).text == "nothing"


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"wrod": "moin"}, "plugin acme: wrod: unknown key"),
        ({"word": 3}, "plugin acme: word: must be text"),
    ],
)
async def test_the_bot_refuses_a_section_as_a_file_does(
    bot: Bot, config: dict[str, Any], problem: str
) -> None:
    def config_type() -> type[BaseModel]:
        return Settings

    with pytest.raises(StartupError) as caught:
        bot.load(plugin(config_type), **config)
    assert str(caught.value) == problem
    bot.load(plugin(config_type), word="moin")  # the refused one left nothing behind
    with pytest.raises(StartupError, match="plugin bare: size: unknown key"):
        bot.load(plugin(register_commands, name="bare"), size=3)


async def test_a_module_without_hooks_is_no_plugin() -> None:
    plugins = Plugins()
    plugins.load({"json": "file.yaml:9:3"})
    assert texts(plugins) == [
        "file.yaml:9:3: json is not a plugin: it implements no hook; mark hooks with @hookimpl"
    ]


async def test_an_unknown_plugin_has_a_near_miss() -> None:
    plugins = Plugins()
    plugins.load({"instancs": "a:1", "no_such_thing_at_all": "a:2"})
    near, none = texts(plugins)
    assert near == "a:1: there is no plugin instancs; did you mean instances?"
    assert ", ".join(available()) in none


async def test_a_failing_hook_has_the_plugins_name_and_hides_nothing_else() -> None:
    def register_backends() -> list[Any]:
        raise ValueError("bad seed\nsecond line")

    def register_commands() -> list[Any]:
        return [greet, "not a command"]

    plugins = loaded(register_backends, register_commands)
    assert plugins.collect("register_backends") == []
    assert [offer.value for offer in plugins.collect("register_commands")] == [greet]
    assert texts(plugins) == [
        "plugin acme: register_backends: ValueError: bad seed; smartops check -v shows where",
        "plugin acme: register_commands: returned 'not a command' where a command "
        "(a function under @command) belongs",
    ]


async def test_two_commands_of_one_name_name_both_plugins(bot: Bot) -> None:
    bot.load(plugin(register_commands, name="one"))
    bot.load(plugin(register_commands, name="two"))
    with pytest.raises(StartupError) as caught:
        await bot.app()
    assert "one" in str(caught.value)
    assert "two" in str(caught.value)


async def test_a_command_that_needs_a_missing_capability_stops_the_start(bot: Bot) -> None:
    @command("count")
    async def count(compute: Compute) -> str:
        """Count."""
        return "1"

    def register_commands() -> list[Any]:
        return [count]

    bot.load(plugin(register_commands))
    with pytest.raises(StartupError, match="needs a Compute backend, and none is loaded"):
        await bot.app()


def returns_a_number(call: Call) -> int:
    """Return a number."""
    return 1


async def returns_nothing(call: Call) -> None:
    """Return nothing."""


def unknown_type(call: Call, what: "Unimported") -> str:  # type: ignore[name-defined]  # noqa: F821
    """Have a type that the module does not know."""
    return ""


class Stateful:
    async def method(self, call: Call) -> str:
        """Be a method."""
        return ""


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (returns_a_number, "it returns int; return a Reply or a str"),
        (returns_nothing, "it returns None; return a Reply or a str"),
        (unknown_type, "the type Unimported of what is not known in the module"),
        (Stateful.method, "a method cannot be a command; declare a function in register_commands"),
    ],
)
def test_a_function_that_cannot_be_a_command_is_refused(function: Any, problem: str) -> None:
    with pytest.raises(DeclarationError, match=problem):
        command("greet")(function)
