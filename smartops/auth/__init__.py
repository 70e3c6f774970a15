"""Who is asking, and may they: tokens, people and policy.

Four questions, each answered by one object that is made at start and never
changes: is this token genuine (:class:`TokenVerifier`), whose is it
(:class:`People`), may they (:class:`Policy`), and, for those without an
identity provider, who makes the tokens (:class:`LocalIssuer`).
"""

from .local import LocalIssuer
from .people import People
from .policy import Decision, Policy
from .token import Untrusted, peek
from .verifier import TokenVerifier

__all__ = [
    "Decision",
    "LocalIssuer",
    "People",
    "Policy",
    "TokenVerifier",
    "Untrusted",
    "peek",
]
