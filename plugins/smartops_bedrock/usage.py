"""``model usage``: the tokens used today."""

from __future__ import annotations

from smartops import Call, Command, Fields, Reply, Text, command

from .budget import Budget, Spent
from .config import BedrockConfig


def usage(config: BedrockConfig, budget: Budget) -> Command:
    """Return the command ``model usage``."""

    @command("model usage", examples=("model usage",))
    async def model_usage(call: Call) -> Reply:
        """Show how many tokens of the language model you, and all together, used today."""
        own, everybody = await budget.spent(call.person.name)
        limits, resets_at = config.budget, budget.resets_at()
        fields = (
            ("Model", config.model_name),
            ("You", _line(own, limits.person)),
            ("All together", _line(everybody, limits.everybody)),
            ("Resets", f"{resets_at:%Y-%m-%d %H:%M} UTC"),
        )
        data = {
            "model": config.model_name,
            "person": _data(own, limits.person),
            "everybody": _data(everybody, limits.everybody),
            "resetsAt": f"{resets_at:%Y-%m-%dT%H:%M:%SZ}",
        }
        title = Text("Use of the language model today", style="title")
        return Reply.of(title, Fields(fields), data=data)

    return model_usage


def _line(spent: Spent, limit: int) -> str:
    requests = "1 request" if spent.requests == 1 else f"{spent.requests:,} requests"
    share = 100 * spent.tokens / limit
    return f"{spent.tokens:,} of {limit:,} tokens ({share:.0f}%), {requests}"


def _data(spent: Spent, limit: int) -> dict[str, int]:
    return {"tokens": spent.tokens, "limit": limit, "requests": spent.requests}
