"""Secrets are references, and never shown."""

import copy
import json
import pickle
import traceback
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic import Secret as PydanticSecret

from smartops import Secret
from smartops.config import json_schema
from smartops.errors import StartupError
from smartops.values import SecretUrl

CANARY = "s3cret-canary"


class Vault(BaseModel):
    token: Secret = Secret("")
    theirs: SecretStr | None = None
    generic: PydanticSecret[str] | None = None
    many: list[Secret] = []
    named: dict[str, Secret] = {}
    url: SecretUrl | None = None
    port: int = 0
    size: int = Field(0, ge=10)
    word: str = ""
    level: str = Field("", pattern="^a+$")


class Talkative(BaseModel):
    token: Secret | None = None
    word: str = ""
    quiet: str = ""

    @field_validator("word")
    @classmethod
    def _echo(cls, word: str) -> str:
        raise ValueError(f"{word!r} is wrong, so is {word[::-1]!r}")

    @field_validator("token")
    @classmethod
    def _leak(cls, token: Secret) -> Secret:
        raise ValueError(f"{token.reveal()} is wrong")


class Whole(BaseModel):
    token: Secret | None = None
    word: str = ""
    fine: str = ""

    @model_validator(mode="before")
    @classmethod
    def _dump(cls, data: Any) -> Any:
        raise ValueError(f"bad section {data}")


LITERAL = "do not put a secret in this file; use ${NAME} or ${file:PATH}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"token: {CANARY}", f"token: {LITERAL}"),
        ("token: 12345", f"token: {LITERAL}"),
        (f"theirs: {CANARY}", f"theirs: {LITERAL}"),
        (f"generic: {CANARY}", f"generic: {LITERAL}"),
        (f"many: ['${{TOKEN}}', {CANARY}]", f"many.1: {LITERAL}"),
        (f"named: {{a: {CANARY}}}", f"named.a: {LITERAL}"),
        ("token:", "token: has no value"),
        (f"tokn: {CANARY}", "tokn: unknown key; did you mean token?"),
        (f"token: [{CANARY}]", "token: must be text"),
        (
            f"token: ${{NO:-{CANARY}}}",
            "token: a secret may not have a default in this file; use ${NAME} alone",
        ),
        ("token: ${EMPTY}", "token: ${EMPTY} is empty"),
        ("token: ${NO}", "token: the environment variable NO is not set"),
        ("port: ${TOKEN}", "port: must be a whole number"),
        ("level: ${TOKEN}", "level: must match ^a+$"),
        (
            f"url: postgresql://u:{CANARY}@h/d",
            "url: do not put the password in this file; use ${NAME} or ${file:PATH}",
        ),
        (f"url: postgresql://u:{CANARY}/x@h/d", "url: do not put the password in this file"),
        (f"url: postgresql://h/d?password={CANARY}", "url: do not put the password in"),
        (f"url: redis://:{CANARY}@h", "url: do not put the password in this file"),
        (f"url: redis://:${{NO:-{CANARY}}}@h", "url: do not put the password in this file"),
        (f"url: redis://:${{TOKEN}}{CANARY}@h", "url: do not put the password in this file"),
    ],
)
def test_problems_of_secrets_do_not_show_them(problems, text, problem):
    environ = {"TOKEN": CANARY, "EMPTY": ""}
    found = problems(f"plugins:\n  p:\n    {text}\n", {"p": Vault}, environ=environ)
    assert len(found) == 1, found
    assert f"plugins.p.{problem}" in found[0]
    assert CANARY not in found[0]


def test_secrets_are_read_from_references(document, tmp_path):
    (tmp_path / "pw").write_text("from/file@#?\n")
    (tmp_path / "encoded").write_text("from%2Ffile%40\n")
    text = """
    plugins:
      p:
        token: ${TOKEN}
        theirs: ${TOKEN}
        generic: ${TOKEN}
        many: ["x${TOKEN}", "${file:pw}"]
        url: postgresql://u:${file:encoded}@h/d?sslmode=require
    """
    vault = document(text, environ={"TOKEN": "12345"}).plugin("p", Vault)
    assert vault.token.reveal() == vault.theirs.get_secret_value() == "12345"
    assert vault.generic.get_secret_value() == "12345"
    assert [secret.reveal() for secret in vault.many] == ["x12345", "from/file@#?"]
    assert vault.url.reveal() == "postgresql://u:from%2Ffile%40@h/d?sslmode=require"
    assert str(vault.url) == "postgresql://u:***@h/d?***"


@pytest.mark.parametrize(
    "text",
    [
        "token: ${TOKEN}",
        f"token: {CANARY}",
        "word: ${TOKEN}",
        "word: x${TOKEN}x",
        f"{{token: {CANARY}, word: ok}}",
    ],
)
@pytest.mark.parametrize("model", [Talkative, Whole])
def test_a_validators_error_shows_no_secret(problems, text, model):
    section = text if text.startswith("{") else f"\n    {text}"
    found = problems(f"plugins:\n  p: {section}\n", {"p": model}, environ={"TOKEN": CANARY})
    assert found
    for line in found:
        assert CANARY not in line
        assert CANARY[::-1] not in line


def test_a_validators_error_without_a_secret_is_shown(problems):
    found = problems("plugins: {p: {word: abc}}", {"p": Talkative})
    assert found == ["smartops.yaml:1:15: plugins.p.word: 'abc' is wrong, so is 'cba'"]


def test_no_traceback_shows_the_input(document):
    text = f"plugins: {{p: {{token: {CANARY}, port: '${{TOKEN}}', size: 1}}}}"
    made = document(text, environ={"TOKEN": CANARY})
    with pytest.raises(StartupError) as caught:
        made.plugin("p", Vault)
    shown = "".join(traceback.TracebackException.from_exception(caught.value).format())
    assert CANARY not in shown
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("odd", ["@", ":", "/", "#", "?", "[", "%", "%4", " "])
@pytest.mark.parametrize("url", ["postgresql://u:${PW}@h/d", "redis://:${PW}@h", "${URL}"])
def test_a_password_with_reserved_characters_must_be_encoded(problems, url, odd):
    password = f"x{odd}{CANARY}"
    environ = {"PW": password, "URL": f"redis://u:{password}@h/0"}
    (found,) = problems(f"plugins: {{p: {{url: '{url}'}}}}", {"p": Vault}, environ=environ)
    assert "percent-encode" in found
    assert CANARY not in found


@pytest.mark.parametrize("password", ["%40%3A%2F%23", "a-b_c.d~e!$&'()*+,;=", ""])
def test_an_encoded_password_is_accepted(document, password):
    made = document("plugins: {p: {url: 'redis://u:${PW}@h'}}", environ={"PW": password})
    assert made.plugin("p", Vault).url.reveal() == f"redis://u:{password}@h"


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        (Secret(CANARY), "***"),
        (SecretUrl("memory"), "memory"),
        (SecretUrl("sqlite:////data/a@b.db"), "sqlite:////data/a@b.db"),
        (SecretUrl(f"redis://u:{CANARY}@h:1/0"), "redis://u:***@h:1/0"),
        (SecretUrl(f"redis://:{CANARY}@h"), "redis://:***@h"),
        (SecretUrl(f"postgresql://u:{CANARY}/@x@h/d"), "postgresql://u:***@h/d"),
        (SecretUrl(f"postgresql://u@h/d?password={CANARY}"), "postgresql://u@h/d?***"),
    ],
)
def test_the_text_of_a_secret_is_masked(secret, shown):
    assert str(secret) == shown
    for text in (repr(secret), f"{secret}", f"{secret!r:>40}"):
        assert CANARY not in text


def test_a_model_dumps_no_secret():
    vault = Vault(token=Secret(CANARY), url=SecretUrl(f"redis://:{CANARY}@h"))
    assert CANARY not in repr(vault)
    assert CANARY not in str(vault.model_dump())
    assert json.loads(vault.model_dump_json())["token"] == "***"
    assert CANARY not in json.dumps(json_schema({"p": Vault}))


def test_secrets_compare_and_copy():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a")
    assert not Secret("")
    assert copy.deepcopy(Secret("a")).reveal() == "a"
    assert pickle.loads(pickle.dumps(Secret("a"))).reveal() == "a"


def test_a_model_may_be_filled_by_hand_in_tests():
    assert Vault(token="by hand").token.reveal() == "by hand"
    with pytest.raises(ValueError, match="must be text"):
        Vault(token=1)
