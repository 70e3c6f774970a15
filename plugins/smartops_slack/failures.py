"""What Slack's errors mean for a reply: try again, never again, or nobody knows."""

from __future__ import annotations

from smartops import BackendUnavailable, DeadlineExceeded, Refusal

_AGAIN = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "service_unavailable",
        "team_added_to_org",
    }
)
_UNKNOWN = frozenset({"fatal_error", "internal_error", "request_timeout"})
"""Slack's own documentation says that some of it may have happened."""

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
"""The message cannot be edited any more."""

BAD_TOKEN = frozenset(
    {
        "not_authed",
        "invalid_auth",
        "account_inactive",
        "token_expired",
        "token_revoked",
        "not_allowed_token_type",
    }
)

_HINTS = {
    "channel_not_found": "Invite the bot to the channel.",
    "not_in_channel": "Invite the bot to the channel.",
    "is_archived": "The channel is archived.",
    "missing_scope": "Add the scope to the app and install it again.",
    **dict.fromkeys(BAD_TOKEN, "Look at bot_token and app_token."),
}


class Declined(Refusal):
    """Slack answered no, and will again. ``error`` is its word for why."""

    def __init__(self, method: str, error: str, needed: str = "") -> None:
        self.error = error
        lacking = f" ({needed} is needed)" if needed else ""
        super().__init__(f"Slack refused {method}: {error}{lacking}", details=_HINTS.get(error))


def unreachable(method: str, retry_after: int | None = None) -> BackendUnavailable:
    """Return the refusal for what certainly did not happen, and may later."""
    why = "takes no more for now" if retry_after else "cannot be reached"
    return BackendUnavailable(f"Slack {why} ({method})", retry_after=retry_after)


def unknown(method: str, *, repeatable: bool) -> Refusal:
    """Return the refusal for what may have happened: only what is ``repeatable`` may be again."""
    if repeatable:
        return unreachable(method)
    return DeadlineExceeded(
        f"Slack did not say whether it did {method}", details="It may or may not have happened."
    )


def failed(method: str, error: str, *, needed: str = "", repeatable: bool) -> Refusal:
    """Return the refusal for an answer that says ``ok: false``."""
    if error in _AGAIN:
        return unreachable(method)
    if error in _UNKNOWN:
        return unknown(method, repeatable=repeatable)
    return Declined(method, error, needed)
