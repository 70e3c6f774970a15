"""Plugins' sections: any pydantic model, with the core's checks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NewType

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    RootModel,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from smartops import ByteSize, Duration
from smartops.config import read
from smartops.errors import StartupError


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Inner(BaseModel):
    model_config = ConfigDict(extra="allow")
    limit: int = Field(1, gt=0)
    word: str = ""


@dataclass
class Plain:
    limit: int = 1


class Dict(TypedDict, total=False):
    limit: int


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str] = []


class Names(RootModel[list[str]]):
    pass


Word = NewType("Word", str)


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")
    inner: Inner = Inner()
    inners: list[Inner] = []
    by_name: dict[str, Inner] = {}
    plain: Plain = Plain()
    typed: Dict = {}
    maybe: Inner | None = None
    either: str | Inner | list[int] = ""
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    pets: list[Cat | Dog] = []
    names: Names = Names([])
    word: Word = Word("")
    colour: Colour = Colour.RED
    ratio: float = Field(1.0, ge=0, le=1, multiple_of=0.25)
    price: Decimal = Decimal(0)
    many: Annotated[list[str], Field(min_length=2, max_length=3)] = ["a", "b"]
    code: str = Field("ab", min_length=2, max_length=3, pattern="^a")
    day: date | None = None
    site: HttpUrl | None = None
    wait: Annotated[Duration, Field(le=timedelta(hours=1))] = timedelta(0)
    pause: Duration = Field(timedelta(seconds=2), ge=timedelta(seconds=1.5))
    size: ByteSize = 0
    file: Path = Path()
    flag: bool = False
    choice: Literal[1, 2, "many"] = 1
    number_or_text: int | str = 0
    anything: Any = None
    from_: str = Field("", alias="from")

    @field_validator("file")
    @classmethod
    def _no_root(cls, path: Path) -> Path:
        if path == Path("/"):
            raise ValueError("must not be the root.")
        return path

    @model_validator(mode="after")
    def _whole(self) -> "Model":
        if self.flag and self.word == "no flag":
            raise ValueError("a flag\nneeds another word")
        return self


@pytest.fixture
def section(document):
    def fill(text: str, model: type[BaseModel] = Model) -> Any:
        return document(f"plugins:\n  p: {text}\n").plugin("p", model)

    return fill


@pytest.fixture
def wrong(problems):
    def find(text: str, model: type[BaseModel] | None = Model) -> list[str]:
        found = problems(f"plugins:\n  p: {text}\n", {"p": model})
        return [line.removeprefix("smartops.yaml:2:") for line in found]

    return find


def test_plugins_are_loaded_in_the_order_of_the_file(document):
    made = document("plugins:\n  b: {}\n  a:\n")
    assert made.plugins() == {"b": "smartops.yaml:2:3", "a": "smartops.yaml:3:3"}
    assert document("").plugins() == {}


def test_a_plugin_without_a_model_has_no_settings(wrong, document):
    assert document("plugins: {p: }").plugin("p", None) is None
    assert document("plugins: {p: {}}").plugin("p", None) is None
    assert wrong("{a: 1, b: 2}", None) == [
        "7: plugins.p.a: this plugin has no settings",
        "13: plugins.p.b: this plugin has no settings",
    ]
    assert wrong("on", None) == ["3: plugins.p: this plugin has no settings"]


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("{inner: {limit: 3}}", "inner", Inner(limit=3)),
        ("{inner: }", "inner", Inner()),
        ("{by_name: {a: {limit: 2}, b: }}", "by_name", {"a": Inner(limit=2), "b": Inner()}),
        ("{plain: {limit: 2}}", "plain", Plain(2)),
        ("{typed: {limit: 2}}", "typed", {"limit": 2}),
        ("{maybe: {limit: 2}}", "maybe", Inner(limit=2)),
        ("{maybe: }", "maybe", None),
        ("{either: [1, 2]}", "either", [1, 2]),
        ("{either: {limit: 2}}", "either", Inner(limit=2)),
        ("{pet: {kind: dog, tricks: [sit, 1]}}", "pet", Dog(kind="dog", tricks=["sit", "1"])),
        ("{pets: [{kind: cat, lives: 1}]}", "pets", [Cat(kind="cat", lives=1)]),
        ("{names: [a, 1]}", "names", Names(["a", "1"])),
        ("{word: 1.10}", "word", "1.10"),
        ("{word: no}", "word", "no"),
        ("{word: 12:30:00}", "word", "12:30:00"),
        ("{word: 2026-01-01}", "word", "2026-01-01"),
        ("{word: 0x1f}", "word", "0x1f"),
        ("{word: 'null'}", "word", "null"),
        ("{colour: green}", "colour", Colour.GREEN),
        ("{ratio: .5}", "ratio", 0.5),
        ("{ratio: 1}", "ratio", 1.0),
        ("{price: 0.10}", "price", Decimal("0.1")),
        ("{day: 2026-01-31}", "day", date(2026, 1, 31)),
        ("{wait: 1h}", "wait", timedelta(hours=1)),
        ("{size: 2KiB}", "size", 2048),
        ("{file: /tmp/x}", "file", Path("/tmp/x")),
        ("{flag: true}", "flag", True),
        ("{flag: 'false'}", "flag", False),
        ("{choice: 2}", "choice", 2),
        ("{choice: many}", "choice", "many"),
        ("{number_or_text: 5}", "number_or_text", 5),
        ("{number_or_text: '5'}", "number_or_text", "5"),
        ("{from: here}", "from_", "here"),
        (
            "{anything: {a: [1, 1.5, true, null, yes, 012, '1', 1e3, 0xff, '']}}",
            "anything",
            {"a": [1, 1.5, True, None, "yes", "012", "1", 1000.0, "0xff", ""]},
        ),
        ("{anything: {1: a, true: b}}", "anything", {"1": "a", "true": "b"}),
    ],
)
def test_values_are_read_as_the_model_declares(section, text, field, value):
    assert getattr(section(text), field) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # unknown keys, whatever the model says and however deep
        ("{iner: {}}", "7: plugins.p.iner: unknown key; did you mean inner?"),
        ("{inner: {limt: 1}}", "15: plugins.p.inner.limt: unknown key; did you mean limit?"),
        ("{inners: [{limt: 1}]}", "17: plugins.p.inners.0.limt: unknown key; did you mean limit?"),
        ("{by_name: {a: {limt: 1}}}", "21: plugins.p.by_name.a.limt: unknown key; did you mean"),
        ("{plain: {limt: 1}}", "15: plugins.p.plain.limt: unknown key; did you mean limit?"),
        ("{typed: {limt: 1}}", "15: plugins.p.typed.limt: unknown key; did you mean limit?"),
        ("{maybe: {limt: 1}}", "15: plugins.p.maybe.limt: unknown key; did you mean limit?"),
        ("{either: {limt: 1}}", "16: plugins.p.either.limt: unknown key; did you mean limit?"),
        ("{pet: {kind: dog, lives: 1}}", "24: plugins.p.pet.lives: unknown key; the keys here"),
        ("{pets: [{kind: cat, tricks: []}]}", "26: plugins.p.pets.0.tricks: unknown key; the"),
        ("{from_: x}", "7: plugins.p.from_: unknown key; did you mean from?"),
        # pydantic's findings, in words
        ("x", "3: plugins.p: must be a section of keys and values"),
        ("{inner: {limit: 0}}", "15: plugins.p.inner.limit: must be more than 0"),
        ("{inner: {limit: many}}", "15: plugins.p.inner.limit: must be a whole number"),
        ("{inners: {}}", "7: plugins.p.inners: must be a list"),
        ("{inners: [1]}", "16: plugins.p.inners.0: must be a section of keys and values"),
        ("{plain: 1}", "7: plugins.p.plain: must be a section of keys and values"),
        ("{typed: 1}", "7: plugins.p.typed: must be a mapping of keys to values"),
        ("{maybe: 1}", "7: plugins.p.maybe: must be a section of keys and values"),
        ("{either: {limit: x}}", "16: plugins.p.either.limit: must be a whole number"),
        ("{either: [x]}", "16: plugins.p.either.0: must be a whole number"),
        ("{pet: {}}", "7: plugins.p.pet.kind: is missing"),
        ("{pet: {kind: cow}}", "13: plugins.p.pet.kind: must be cat or dog"),
        ("{pet: {kind: doog}}", "13: plugins.p.pet.kind: must be cat or dog; did you mean dog?"),
        ("{colour: blue}", "7: plugins.p.colour: must be red or green"),
        ("{colour: gren}", "7: plugins.p.colour: must be red or green; did you mean green?"),
        ("{ratio: 2}", "7: plugins.p.ratio: must be at most 1"),
        ("{ratio: 0.3}", "7: plugins.p.ratio: must be a multiple of 0.25"),
        ("{ratio: x}", "7: plugins.p.ratio: must be a number"),
        ("{ratio: true}", "7: plugins.p.ratio: must be a number"),
        ("{price: x}", "7: plugins.p.price: must be a number"),
        ("{price: true}", "7: plugins.p.price: must be a number"),
        ("{price: 0123}", "7: plugins.p.price: a number may not begin with 0"),
        ("{many: [a]}", "7: plugins.p.many: must have at least 2 items"),
        ("{many: [a, b, c, d]}", "7: plugins.p.many: must have at most 3 items"),
        ("{many: [[a], b]}", "14: plugins.p.many.0: must be text"),
        ("{code: a}", "7: plugins.p.code: must have at least 2 characters"),
        ("{code: abcd}", "7: plugins.p.code: must have at most 3 characters"),
        ("{code: xyz}", "7: plugins.p.code: must match ^a"),
        ("{day: tomorrow}", "7: plugins.p.day: must be a date such as 2026-01-31"),
        ("{site: nowhere}", "7: plugins.p.site: must be a URL"),
        (
            "{site: 'ftp://x'}",
            "7: plugins.p.site: must be a URL that begins with http or https",
        ),
        ("{wait: 2h}", "7: plugins.p.wait: must be at most 1h"),
        ("{pause: 1s}", "7: plugins.p.pause: must be at least 1s500ms"),
        ("{size: 0123}", "7: plugins.p.size: must be a number of bytes, such as 65536, 256KiB or"),
        ("{size: large}", "7: plugins.p.size: must be a number of bytes, such as 65536, 256KiB or"),
        ("{flag: off}", "7: plugins.p.flag: must be true or false, not off"),
        ("{choice: 3}", "7: plugins.p.choice: must be 1, 2 or many"),
        ("{file: /}", "7: plugins.p.file: must not be the root"),
        ("{flag: true, word: no flag}", "3: plugins.p: a flag needs another word"),
    ],
)
def test_each_mistake_is_one_line(wrong, text, problem):
    found = wrong(text)
    assert len(found) == 1, found
    assert found[0].startswith(problem)


def test_a_path_is_relative_to_the_file(section, tmp_path):
    assert section("{file: state/x}").file == tmp_path / "state/x"


def test_a_missing_key_is_not_reported_beside_its_misspelling(wrong):
    class Needs(BaseModel):
        app_id: str
        app_password: str

    assert wrong("{app_pasword: x}", Needs) == [
        "3: plugins.p.app_id: is missing",
        "7: plugins.p.app_pasword: unknown key; did you mean app_password?",
    ]


def test_a_consequence_is_not_reported_beside_its_cause(wrong):
    class Pair(BaseModel):
        one: int = 0
        two: int = 0

        @model_validator(mode="after")
        def _some(self) -> "Pair":
            if not (self.one or self.two):
                raise ValueError("needs one or two")
            return self

    assert wrong("{}", Pair) == ["3: plugins.p: needs one or two"]
    assert wrong("{tow: 1}", Pair) == ["7: plugins.p.tow: unknown key; did you mean two?"]
    assert wrong("{two: '${NO}'}", Pair) == [
        "12: plugins.p.two: the environment variable NO is not set"
    ]


def test_a_model_that_forbids_unknown_keys_has_the_same_error(wrong):
    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")
        word: str = ""

    assert wrong("{wrod: x}", Strict) == ["7: plugins.p.wrod: unknown key; did you mean word?"]


def test_a_recursive_model_is_filled(section, wrong):
    class Tree(BaseModel):
        name: str = ""
        children: list["Tree"] = []

    tree = section("{children: [{name: 1, children: [{name: 2}]}]}", Tree)
    assert tree.children[0].children[0].name == "2"
    assert wrong("{children: [{children: [{nmae: 1}]}]}", Tree) == [
        "31: plugins.p.children.0.children.0.nmae: unknown key; did you mean name?"
    ]


def test_a_type_without_a_json_schema_is_left_to_pydantic(section, wrong):
    class Odd(BaseModel):
        hook: Callable[[], None] | None = None
        word: str = ""

    assert section("{word: 0123}", Odd).word == "0123"
    assert wrong("{hook: x, wrod: y}", Odd) == [
        "7: plugins.p.hook: must be callable",
        "16: plugins.p.wrod: unknown key; did you mean word?",
    ]


def test_a_validator_that_raises_another_error_is_reported(wrong):
    class Broken(BaseModel):
        word: str = ""

        @field_validator("word")
        @classmethod
        def _break(cls, word: str) -> str:
            raise KeyError(word)

    assert wrong("{word: s3cret}", Broken) == [
        "3: plugins.p: the plugin's Broken failed with KeyError; "
        "its validators must raise ValueError for a bad value"
    ]


def test_core_and_plugins_are_reported_in_one_order(problems):
    text = "plugins:\n  p: {flag: yes}\nlog: {level: x}\n"
    assert [line[:18] for line in problems(text, {"p": Model})] == [
        "smartops.yaml:2:7:",
        "smartops.yaml:3:7:",
    ]


def test_a_problem_gets_its_place_by_path(document):
    made = document("auth:\n  issuers:\n    - name: a\n      kind: local\n")
    problem = made.problem("auth.issuers.0.name", "is taken", "choose another")
    assert str(problem) == "smartops.yaml:3:7: auth.issuers.0.name: is taken; choose another"
    assert made.problem("plugins.x", "is needed").where == "smartops.yaml:1:1"


def test_a_section_that_is_not_in_the_file_is_all_defaults(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("log: {}")
    assert read(path).plugin("p", Model) == Model()
    with pytest.raises(StartupError, match=r"c\.yaml:1:1: plugins\.p\.need: is missing"):
        read(path).plugin("p", type("N", (BaseModel,), {"__annotations__": {"need": int}}))
