"""The AWS kit: what a plugin needs to call AWS in every configured account and region.

This is all that other plugins import of ``smartops_aws``. A plugin declares
each operation it calls as an :class:`Action` and calls it in the
:func:`regions` of the configuration, with their credentials, roles, limits and
refusals. What is declared is in the policy that ``smartops aws policy`` prints.
"""

from .account import Access, Account
from .action import Action, Allowance
from .cli import principal_option, print_document, section_of
from .config import (
    ConnectionLimits,
    CredentialsConfig,
    Endpoint,
    RegionName,
    Section,
    is_loopback,
    partition_of,
)
from .faults import Fault
from .policy import Policy, Statement, allow, policy_of, role_policy, trust_policy
from .refusals import is_credentials
from .region import Region
from .regions import everywhere, regions, require_sdk

__all__ = [
    "Access",
    "Account",
    "Action",
    "Allowance",
    "ConnectionLimits",
    "CredentialsConfig",
    "Endpoint",
    "Fault",
    "Policy",
    "Region",
    "RegionName",
    "Section",
    "Statement",
    "allow",
    "everywhere",
    "is_credentials",
    "is_loopback",
    "partition_of",
    "policy_of",
    "principal_option",
    "print_document",
    "regions",
    "require_sdk",
    "role_policy",
    "section_of",
    "trust_policy",
]
