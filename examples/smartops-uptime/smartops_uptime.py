from smartops import Call, command, hookimpl


@command("uptime")
async def uptime(call: Call) -> str:
    """Say how long SmartOps has been up."""
    return "3 days"


@hookimpl
def register_commands():
    return [uptime]
