"""What Slack's errors mean: retry later, never retry, or effect unknown."""

from __future__ import annotations

from smartops import BackendUnavailable, DeadlineExceeded, Refusal

_TEMPORARY = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "service_unavailable",
        "team_added_to_org",
    }
)
_UNKNOWN = frozenset({"fatal_error", "internal_error", "request_timeout"})
"""Slack documents that part of the call may have taken effect."""

OUTSIDE = frozenset({"channel_not_found", "not_in_channel", "user_not_in_channel"})
"""The bot is not a member of the conversation."""

GONE = frozenset(
    {
        "message_not_found",
        "cant_update_message",
        "edit_window_closed",
        "channel_not_found",
        "not_in_channel",
        "is_inactive",
    }
)
"""The message can no longer be edited."""

_BAD_TOKEN = (
    "not_authed",
    "invalid_auth",
    "account_inactive",
    "token_expired",
    "token_revoked",
    "not_allowed_token_type",
)
_HINTS = {
    "channel_not_found": "Invite the bot to the channel.",
    "not_in_channel": "Invite the bot to the channel.",
    "is_archived": "The channel is archived.",
    "missing_scope": "Add the scope to the app and install it again.",
    **dict.fromkeys(_BAD_TOKEN, "Check bot_token and app_token."),
}


class Declined(Refusal):
    """Slack refused for good; ``error`` is its error code."""

    def __init__(self, method: str, error: str, needed: str = "") -> None:
        self.error = error
        missing = f" ({needed} is needed)" if needed else ""
        super().__init__(f"Slack refused {method}: {error}{missing}", details=_HINTS.get(error))


def unreachable(method: str, retry_after: int | None = None) -> BackendUnavailable:
    """Return the refusal for a call that had no effect and may succeed later."""
    why = "takes no more for now" if retry_after else "cannot be reached"
    return BackendUnavailable(f"Slack {why} ({method})", retry_after=retry_after)


def unknown(method: str, *, idempotent: bool) -> Refusal:
    """Return the refusal for a call whose effect is unknown; an idempotent one may be retried."""
    if idempotent:
        return unreachable(method)
    return DeadlineExceeded(
        f"Slack did not say whether it did {method}", details="It may or may not have happened."
    )


def failed(method: str, error: str, *, needed: str = "", idempotent: bool) -> Refusal:
    """Return the refusal for an answer with ``ok: false``."""
    if error in _TEMPORARY:
        return unreachable(method)
    if error in _UNKNOWN:
        return unknown(method, idempotent=idempotent)
    return Declined(method, error, needed)
