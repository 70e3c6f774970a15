"""Who may do what, and with whose approval: people, roles, rules and approvals, typed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from .fields import IdentityText, Positive, Section, Texts, Word, listed, refuse

EffectName = Literal["read", "change", "dangerous"]


class PersonSettings(Section):
    """A person: roles and identities."""

    roles: tuple[Word, ...] = Field(default=(), description="Roles of the person.")
    identities: tuple[IdentityText, ...] = Field(
        default=(), description="Immutable ids, as provider:id or provider:tenant:id."
    )


class GuestSettings(Section):
    """Roles for authenticated users who are not listed in ``people``."""

    provider: Word = Field(description="Name of an issuer, or of a channel with its own sign-in.")
    roles: tuple[Word, ...] = Field(default=(), description="Roles of these guests.")


class RoleSettings(Section):
    """A role, which may include others."""

    includes: tuple[Word, ...] = Field(default=(), description="Roles that this one includes.")


class ConditionSettings(Section):
    """When a rule applies: all conditions must be met; each is met by any of its values."""

    roles: Texts = Field(default=(), description="The person holds one of these roles.")
    people: Texts = Field(default=(), description="The person is one of these.")
    commands: Texts = Field(default=(), description="Names of commands; * and ? are wildcards.")
    effects: Annotated[
        tuple[EffectName, ...],
        Field(min_length=1),
        BeforeValidator(listed, json_schema_input_type=EffectName | tuple[EffectName, ...]),
    ] = Field(default=(), description="The effect of the call.")
    channels: Texts = Field(default=(), description="The channel of the message.")
    places: Texts = Field(
        default=(),
        description="channel/tenant/team/room, as far as the platform has them; with wildcards.",
    )
    arguments: Mapping[str, Texts] = Field(
        default_factory=dict,
        min_length=1,
        description="Values of arguments by name; with wildcards.",
    )
    tags: Mapping[str, Texts] = Field(
        default_factory=dict,
        min_length=1,
        description="Values of the targets' tags by key; with wildcards.",
    )

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise refuse("needs at least one condition: " + ", ".join(type(self).model_fields))
        return self


class RuleSettings(Section):
    """One rule. What no rule allows is denied; a deny wins over every allow."""

    name: Word = Field(description="Named in the answer when the rule decides.")
    allow: ConditionSettings | None = Field(default=None, description="Allow what meets this.")
    deny: ConditionSettings | None = Field(default=None, description="Deny what meets this.")

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.allow is None) == (self.deny is None):
            raise refuse("needs either allow or deny, and only one of them")
        return self


class RequestSettings(ConditionSettings):
    """Which calls need the approval of others."""

    roles_requested: Texts = Field(
        default=(), description="`request role` asks for one of these roles."
    )


class ApproversSettings(Section):
    """Who can approve: holders of one of the roles under people, and who is named."""

    roles: Texts = Field(default=(), description="People with one of these roles.")
    people: Texts = Field(
        default=(), description="These people; guests and tokens that act for others by identity."
    )

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not (self.roles or self.people):
            raise refuse("needs roles or people")
        return self


class EscalationSettings(Section):
    """Where a request is posted if it is not decided in time."""

    after: Positive = Field(description="How long after the request.")
    ask: Texts = Field(description="Further places where it is posted.")


class ApprovalSettings(Section):
    """Calls that need the approval of other people than the requester."""

    name: Word = Field(description="Named in the request.")
    for_: RequestSettings = Field(alias="for", description="What needs it: the conditions.")
    from_: ApproversSettings = Field(alias="from", description="Who can approve.")
    count: int = Field(default=1, ge=1, le=20, description="How many of them must approve.")
    within: Positive = Field(
        default=timedelta(hours=1), description="How long the request can be decided."
    )
    reason: Literal["required", "optional"] = Field(
        default="optional", description="Whether the requester must give a reason."
    )
    ask: Texts = Field(default=(), description="Places where it is posted, besides its thread.")
    escalate: EscalationSettings | None = Field(
        default=None, description="Where it is posted if it is not decided."
    )


class EmergencySettings(Section):
    """Who may run a change without the approval of others, by `--emergency REASON`."""

    roles: Texts = Field(description="Holders of one of these roles.")
    tell: Texts = Field(default=(), description="Places where each emergency is posted.")
