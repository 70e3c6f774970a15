"""Authentication and authorisation.

:class:`TokenVerifier` verifies tokens, :class:`People` finds the person of an
identity, :class:`Policy` decides what a person may run, and :class:`LocalIssuer`
makes tokens. They are made at start and do not change.
"""

from .audit_key import AuditKey
from .demands import ApprovalRules, Demand
from .grants import Grants
from .local import LocalIssuer
from .people import People
from .policy import Decision, Policy
from .token import Untrusted, peek
from .verifier import TokenVerifier

__all__ = [
    "ApprovalRules",
    "AuditKey",
    "Decision",
    "Demand",
    "Grants",
    "LocalIssuer",
    "People",
    "Policy",
    "TokenVerifier",
    "Untrusted",
    "peek",
]
