"""The plugin's section of the configuration."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from smartops import Secret

from .hosts import base_url

_WORKSPACE = re.compile(r"[TE][A-Z0-9]{2,30}", re.ASCII)
_COMMAND = re.compile(r"/[a-z0-9][a-z0-9_-]{0,30}", re.ASCII)


def _workspace(value: str) -> str:
    if not _WORKSPACE.fullmatch(value):
        raise ValueError(
            "must be the id of a workspace, such as T1234567890, or of an organisation"
        )
    return value


def _command(value: str) -> str:
    if not _COMMAND.fullmatch(value):
        raise ValueError("must be a slash and at most 31 lower-case letters, such as /smartops")
    return value


Workspace = Annotated[str, AfterValidator(_workspace)]


class SlackConfig(BaseModel):
    """Settings of the slack plugin."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bot_token: Secret = Field(description="Bot token of the app (xoxb-...), for answering.")
    signing_secret: Secret = Field(
        default=Secret(""),
        description="Signing secret of the app: proves that a request over HTTP is Slack's. "
        "Needed unless app_token is set.",
    )
    app_token: Secret = Field(
        default=Secret(""),
        description="App-level token (xapp-...) with connections:write. With it SmartOps connects "
        "to Slack (Socket Mode) and needs no public address.",
    )
    workspaces: tuple[Workspace, ...] = Field(
        min_length=1,
        description="Ids of the workspaces (T...) and organisations (E...) whose people are "
        "served; all others are ignored.",
    )
    command: Annotated[str, AfterValidator(_command)] = Field(
        default="/smartops", description="The slash command; used by `smartops slack manifest`."
    )
    api_url: Annotated[str, AfterValidator(base_url)] = Field(
        default="https://slack.com/api/",
        description="URL of the Web API; another one for GovSlack (https://slack-gov.com/api/) "
        "or a simulator.",
    )

    @model_validator(mode="after")
    def _proves_origin(self) -> Self:
        for name in ("bot_token", "signing_secret", "app_token"):
            if name in self.model_fields_set and not getattr(self, name).reveal().strip():
                raise ValueError(f"{name} is empty")
        if not self.signing_secret and not self.app_token:
            raise ValueError(
                "signing_secret is missing (or app_token, for Socket Mode): without it anybody "
                "could pass for Slack"
            )
        if not self.bot_token.reveal().startswith(("xoxb-", "xoxe.xoxb-")):
            raise ValueError("bot_token must be a bot token, which begins with xoxb-")
        if self.app_token and not self.app_token.reveal().startswith("xapp-"):
            raise ValueError("app_token must be an app-level token, which begins with xapp-")
        return self
