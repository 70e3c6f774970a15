"""Types of arguments that a plugin defines, and their choices at run time."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Self

import pytest

from smartops import BackendUnavailable, Plan, Refusal, Services, command, hookimpl
from smartops.grammar import arguments_schema, read_arguments
from smartops.middleware import complete
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Version:
    """A version such as 1.2."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Self:
        major, _, minor = text.removeprefix("v").partition(".")
        return cls(int(major), int(minor or 0))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


class Catalogue:
    """The services that exist, and how often they were asked for."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked: list[str] = []
        self.failure: BaseException | None = None


class Service(str):
    """A service of the catalogue."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if not text.islower():
            raise ValueError("services are in lower case")
        return cls(text)

    @classmethod
    async def choices(cls, prefix: str, services: Services) -> list[str]:
        catalogue: Catalogue = services.shared[Catalogue]
        catalogue.asked.append(prefix)
        if catalogue.failure is not None:
            raise catalogue.failure
        return [name for name in catalogue.names if name.startswith(prefix)]


@command("ship {service} {version}", effect="change", examples=("ship shop 1.2",))
async def ship(service: Service, version: Version, also: list[Service] | None = None) -> str:
    """Ship a version of a service."""
    return f"{service!r} {version.major + 1} {also}"


@ship.plan
async def plan(service: Service, version: Version) -> Plan:
    return Plan(f"Ship {service} {version}")


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue("shop", "search", "billing")


@pytest.fixture
def bot(bot: Bot, catalogue: Catalogue) -> Bot:
    module = ModuleType("shipping")

    @hookimpl
    def setup(services: Services) -> None:
        services.shared[Catalogue] = catalogue

    module.setup = setup  # type: ignore[attr-defined]
    module.register_commands = hookimpl(lambda: [ship])  # type: ignore[attr-defined]
    bot.load(module)
    return bot


async def words(bot: Bot, text: str) -> list[str]:
    return await complete((await bot.app()).parts, text, lambda _: True)


async def test_a_type_reads_its_values_and_writes_them_canonically(bot: Bot) -> None:
    asked = await bot.say("ship shop v2 --also billing,search")
    assert "Ship shop 2.0" in asked.text
    answer = await bot.press(asked.action("confirm"))
    assert answer.text == "'shop' 3 ['billing', 'search']"
    assert "ship shop 2.0 --also billing,search" in (await bot.say("history")).text


async def test_a_value_that_the_type_cannot_read_is_refused(bot: Bot) -> None:
    answer = await bot.say("ship shop newest")
    assert 'version must be a version such as 1.2, not "newest"' in answer.text
    assert "service must be a service of the catalogue" in (await bot.say("ship Shop 1")).text


async def test_a_value_that_is_no_choice_is_refused_with_its_near_miss(bot: Bot) -> None:
    answer = await bot.say("ship shpo 1.2")
    assert answer.code == "VALIDATION_ERROR"
    assert 'service cannot be "shpo"' in answer.text
    assert "Did you mean shop?" in answer.text
    assert "It is one of: shop, search, billing" in (await bot.say("ship xyz 1.2")).text
    assert 'also cannot be "x"' in (await bot.say("ship shop 1.2 --also billing,x")).text


async def test_the_choices_of_several_values_are_read_once(bot: Bot, catalogue: Catalogue) -> None:
    await bot.say("ship billing 1.2 --also shop,search")
    assert catalogue.asked == ["billing", ""]


async def test_a_choice_that_is_gone_when_the_change_is_confirmed_is_refused(
    bot: Bot, catalogue: Catalogue
) -> None:
    asked = await bot.say("ship shop 1.2")
    catalogue.names = ("billing",)
    assert 'service cannot be "shop"' in (await bot.press(asked.action("confirm"))).text


async def test_choices_are_offered_in_a_form(bot: Bot, catalogue: Catalogue) -> None:
    bot.asks = True
    asked = await bot.say("ship")
    service, version = asked.form.fields
    assert (service.kind, service.choices) == ("choice", ("shop", "search", "billing"))
    assert (version.kind, version.choices) == ("text", ())
    plan = await bot.fill(asked.form, service="search", version="3")
    assert "Ship search 3.0" in plan.text
    catalogue.failure = BackendUnavailable("The catalogue is away")
    assert (await bot.say("ship")).form.fields[0].kind == "text"
    catalogue.failure, catalogue.names = None, tuple(f"s{number}" for number in range(101))
    assert (await bot.say("ship")).form.fields[0].kind == "text"


async def test_choices_complete_the_last_word(bot: Bot, catalogue: Catalogue) -> None:
    assert await words(bot, "ship s") == ["search", "shop"]
    assert await words(bot, "ship shop 1.2 --also shop,b") == ["shop,billing"]
    assert await words(bot, "ship shop 1.2 --also=s") == ["--also=search", "--also=shop"]
    catalogue.failure = ZeroDivisionError()
    assert await words(bot, "ship s") == []


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (BackendUnavailable("The catalogue is away"), "BACKEND_UNAVAILABLE"),
        (ZeroDivisionError(), "INTERNAL_ERROR"),
    ],
)
async def test_a_call_whose_choices_cannot_be_read_is_refused(
    bot: Bot, catalogue: Catalogue, failure: Refusal, code: str
) -> None:
    catalogue.failure = failure
    assert (await bot.say("ship shop 1.2")).code == code


async def test_a_denied_person_does_not_learn_the_choices(bot: Bot, catalogue: Catalogue) -> None:
    bot.settings["rules"] = [{"name": "x", "deny": {"commands": ["ship"]}}]
    assert (await bot.say("ship shpo 1.2")).code == "PERMISSION_DENIED"
    assert catalogue.asked == []


async def test_a_rule_names_a_value_as_it_is_written(bot: Bot) -> None:
    deny = {"commands": ["ship"], "arguments": {"version": ["2.0"]}}
    bot.settings["rules"] = [{"name": "no two", "deny": deny}, *bot.settings["rules"]]
    assert (await bot.say("ship shop v2")).code == "PERMISSION_DENIED"
    assert (await bot.say("ship shop v3")).status == "pending"


async def test_the_json_schema_describes_the_type(bot: Bot) -> None:
    grammar = (await bot.app()).parts.grammar
    properties = arguments_schema(ship)["properties"]
    assert properties["version"] == {"type": "string", "description": "a version such as 1.2"}
    assert properties["also"]["items"] == {"type": "string"}
    document = {"service": "shop", "version": "2"}
    bound = read_arguments(ship, document)
    assert (bound["version"], grammar.text(ship, bound)) == (Version(2, 0), "ship shop 2.0")
