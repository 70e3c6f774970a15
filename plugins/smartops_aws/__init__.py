"""Amazon Web Services: EC2, SSM Run Command, CloudWatch and Cost Explorer.

One backend for each account and region, and one for the bill of each account.
See the README in this folder.
"""

from __future__ import annotations

from smartops import hookimpl

from .config import AwsConfig


@hookimpl
def config_type() -> type[AwsConfig]:
    """Return the model of the plugin's section."""
    return AwsConfig
