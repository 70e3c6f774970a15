"""Configuration: YAML with line numbers, filled into typed settings, all problems at once.

::

    yaml      text → tree of nodes that know their place        (PyYAML's parser events)
    expand    ${NAME}, ${NAME:-default}, ${file:PATH}
    data      tree → plain data, led by what the model wants     (shape)
    fill      data → model, pydantic's findings in words         (wording)
    checks    what needs a look at several sections
    document  the file as a whole; the public door
    schema    JSON schema for editors
"""

from .document import Document, in_file_order, read
from .schema import json_schema
from .settings import (
    AuthSettings,
    ConditionSettings,
    ConfirmationSettings,
    GuestSettings,
    IssuerSettings,
    LimitsSettings,
    LocalIssuerSettings,
    LogSettings,
    OidcIssuerSettings,
    PersonSettings,
    RoleSettings,
    RuleSettings,
    ServerSettings,
    Settings,
    StoreSettings,
    WindowSettings,
)

__all__ = [
    "AuthSettings",
    "ConditionSettings",
    "ConfirmationSettings",
    "Document",
    "GuestSettings",
    "IssuerSettings",
    "LimitsSettings",
    "LocalIssuerSettings",
    "LogSettings",
    "OidcIssuerSettings",
    "PersonSettings",
    "RoleSettings",
    "RuleSettings",
    "ServerSettings",
    "Settings",
    "StoreSettings",
    "WindowSettings",
    "in_file_order",
    "json_schema",
    "read",
]
