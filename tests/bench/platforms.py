"""What the bots call: login, connector, Web API and response URLs, all saying yes.

python platforms.py PORT

A process of its own with as little in it as can be, because it shares the cores
with what is measured. It looks at nothing; the simulators beside the plugins do.
"""

from __future__ import annotations

import asyncio
import json
import sys

ANSWER = json.dumps(
    {
        "id": "1700000000000",
        "access_token": "simulated",
        "expires_in": 3600,
        "ok": True,
        "user_id": "U1234567890",
        "bot_id": "B1234567890",
        "team_id": "T1234567890",
        "user": "smartops",
        "channel": "C1234567890",
        "ts": "1700000001.000200",
    }
).encode()
YES = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(ANSWER),
    ANSWER,
)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say yes to every request of a connection."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line[15:]))
            writer.write(YES)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(port: int) -> None:
    """Listen until the process is ended."""
    server = await asyncio.start_server(answer, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
