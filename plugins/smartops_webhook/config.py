"""The configuration section of the plugin."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal, Self

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from smartops import Secret
from smartops.channels import Secrets


def _expression(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a JMESPath expression, such as detail.id")
    try:
        return jmespath.compile(value)
    except JMESPathError as error:
        raise ValueError(f"is no JMESPath expression: {str(error).splitlines()[0]}") from None


Expression = Annotated[Any, PlainValidator(_expression), WithJsonSchema({"type": "string"})]
"""A compiled JMESPath expression."""


class WebhookConfig(BaseModel):
    """How senders prove their origin, and where a body has what an event consists of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    proof: Literal["bearer", "github", "standard"] = Field(
        description="bearer: a token in Authorization; github: X-Hub-Signature-256; standard: "
        "Standard Webhooks (webhook-signature, v1)."
    )
    secret: Secrets = Field(
        description="Token or signing secret; several while one is replaced.",
    )
    each: Expression = Field(
        default="@",
        validate_default=True,
        description="Where the events are: one object, or a list of them.",
    )
    fingerprint: Expression = Field(description="What identifies the event within this source.")
    title: Expression = Field(description="Its title.")
    started: Expression = Field(
        description="When it began: RFC 3339, or seconds or milliseconds since 1970. Events with "
        "the same value are about the same occurrence."
    )
    status: Expression = Field(
        default="'firing'",
        validate_default=True,
        description="firing or resolved, such as: state == 'ok' && 'resolved' || 'firing'. "
        "Events with another value are ignored.",
    )
    severity: Expression = Field(
        default="''", validate_default=True, description="Its severity, such as critical."
    )
    text: Expression = Field(default="''", validate_default=True, description="Its text.")
    labels: dict[str, Expression] = Field(
        default_factory=dict, description="Its labels, for routes and suggested commands."
    )
    links: dict[str, Expression] = Field(
        default_factory=dict, description="URLs, by what they are called."
    )

    @model_validator(mode="after")
    def _signing_keys(self) -> Self:
        if self.proof == "standard":
            for secret in self.secret:
                key_of(secret)
        return self


def key_of(secret: Secret) -> bytes:
    """Return the key in a secret of Standard Webhooks; raises ValueError if it holds none."""
    text = secret.reveal().removeprefix("whsec_")
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if not 24 <= len(key) <= 64:
        raise ValueError("a secret of Standard Webhooks is whsec_ and base64 of 24 to 64 bytes")
    return key
