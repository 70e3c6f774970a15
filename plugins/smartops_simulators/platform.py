"""What the simulated chat platforms share: HTTP, faults, the log of calls, and news for waiters."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Mapping,
)
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Generic, Self, TypeVar

import aiohttp
import anyio
from aiohttp import web

from smartops import Clock

from .chat import Conversation, User
from .page import Page


@dataclass(slots=True)
class Fault:
    """A failure of the next ``times`` calls of ``method`` (or of any), after ``after`` good ones.

    The answer has ``status``, and ``body`` if given, else ``error`` in the form of the platform.
    Without status, error, body and ``retry_after`` the connection is cut. With ``done`` the call
    takes effect all the same; ``seconds`` delay the answer.
    """

    error: str = ""
    status: int = 0
    method: str = ""
    times: int = 1
    after: int = 0
    retry_after: int | str | None = None
    done: bool = False
    seconds: float = 0.0
    body: str | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One call by SmartOps and its answer; status 0 is a connection that was cut."""

    method: str
    path: str
    arguments: Mapping[str, Any]
    at: float
    status: int
    error: str = ""
    token: str = ""
    answer: Any = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The answer of SmartOps; status 0 is none, for the reason in ``failure``."""

    status: int
    body: bytes = b""
    failure: str = ""
    retry: bool = True

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


Serve = Callable[[], Awaitable[web.Response]]


U = TypeVar("U", bound=User)
C = TypeVar("C", bound=Conversation[Any])


class Platform(ABC, Generic[U, C]):
    """A chat platform on 127.0.0.1; people and conversations are created by name.

    ``bot`` is the URL at which SmartOps takes messages. ``breaches`` are requests that the real
    platform would not accept; they fail the test that started the simulator. ``trouble`` says why
    the last message was not taken, for the page and for standard error.
    """

    title: ClassVar[str]
    timeout: ClassVar[float]
    """Seconds that the platform waits for an answer."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.url = self.bot = self.trouble = ""
        self.attempts = 0
        self.breaches: list[str] = []
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.users: dict[str, U] = {}
        self.conversations: dict[str, C] = {}
        self._session: aiohttp.ClientSession | None = None
        self._news = anyio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    @classmethod
    @asynccontextmanager
    async def start(
        cls, *, clock: Clock | None = None, port: int = 0, **settings: Any
    ) -> AsyncIterator[Self]:
        """Run the platform; at the end, raises AssertionError if there were breaches."""
        self = cls(clock or Clock(), **settings)
        app = web.Application(client_max_size=1 << 26)
        self.routes(app)
        Page(self).routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self.started()
            yield self
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self.aclose()
            await runner.cleanup()
        assert not self.breaches, "\n".join(self.breaches)

    @abstractmethod
    def routes(self, app: web.Application) -> None:
        """Serve what SmartOps calls."""

    def started(self) -> None:
        """Use ``url``, which is known now."""

    @abstractmethod
    def new_user(self, name: str) -> U:
        """Return a new person."""

    @abstractmethod
    def new_conversation(self, name: str) -> C:
        """Return a new conversation, of the kind that its name tells."""

    def user(self, name: str) -> U:
        if name not in self.users:
            self.users[name] = self.new_user(name)
        return self.users[name]

    def user_by_id(self, id: object) -> U | None:
        return next((user for user in self.users.values() if user.id == id), None)

    def conversation(self, name: str) -> C:
        for known in self.conversations.values():
            if name in (known.id, known.name):
                return known
        made = self.new_conversation(name)
        self.conversations[made.id] = made
        return made

    async def shown(self, conversation: str, *, count: int = 1) -> Any:
        """Return the last message of SmartOps there, waiting until there are ``count``."""
        chat = self.conversation(conversation)
        await self.until(lambda: len(chat.answers) >= count)
        return chat.answers[-1]

    # --- what the page in the browser shows, and what people do there ---

    @abstractmethod
    def places(self, user: str) -> Mapping[str, str]:
        """Return the conversations of a person: a label for each name, the first is the default."""

    def invitation(self, place: str) -> str:
        """Return the placeholder of the text field."""
        return "Message SmartOps"

    def names(self) -> Mapping[str, str]:
        """Return the names of people by the ids that messages have."""
        return {}

    def drawn(self, place: str, user: str) -> list[dict[str, Any]]:
        """Return the messages that a person sees there, for draw.js."""
        posted = self.conversation(place).posted
        return [asdict(item) for item in posted if not item.deleted and item.to in ("", user)]

    @abstractmethod
    async def page_says(self, place: str, user: str, text: str, thread: str) -> str:
        """Say something; return what the page shows beside the conversation."""

    @abstractmethod
    async def page_presses(
        self, place: str, user: str, message: str, what: str, fields: dict[str, str]
    ) -> str:
        """Press a button with what is filled in; raises LookupError or ValueError."""

    @abstractmethod
    def settings(self, **more: Any) -> dict[str, Any]:
        """Return the section of the channel in the configuration of SmartOps."""

    @abstractmethod
    def printed(self) -> str:
        """Return a configuration of SmartOps for this simulator, and how to start."""

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def rejected(self) -> list[Call]:
        return [call for call in self.calls if call.error or not 200 <= call.status < 300]

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def fail(self, error: str = "", **how: Any) -> None:
        """Let the next calls by SmartOps fail; see :class:`Fault`."""
        self.faults.append(Fault(error, **how))

    async def until(self, wanted: Callable[[], Any], *, seconds: float = 20.0) -> None:
        with anyio.fail_after(seconds):
            while not wanted():
                await self._news.wait()

    def changed(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do it in the background, until the simulator ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- calls by SmartOps ---

    def fault(self, method: str) -> Fault | None:
        """Return the fault that this call meets, and count it."""
        for fault in self.faults:
            if fault.times > 0 and fault.method in ("", method):
                if fault.after > 0:
                    fault.after -= 1
                    return None
                fault.times -= 1
                return fault
        return None

    async def failed(self, fault: Fault, request: web.Request, serve: Serve) -> web.Response:
        """Return the answer of a call that meets a fault; the connection may be cut under it."""
        await request.read()
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        done = await serve() if fault.done else None
        if fault.body is not None:
            return web.Response(
                status=fault.status or 200,
                text=fault.body,
                content_type=fault.content_type,
                headers=fault.headers,
            )
        if fault.retry_after is not None or fault.error or fault.status:
            return self.refused(fault, request)
        if done is not None and fault.seconds:
            return done
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    @abstractmethod
    def refused(self, fault: Fault, request: web.Request) -> web.Response:
        """Return the answer of a fault in the form of the platform."""

    def note(self, request: web.Request, method: str, response: web.Response, **more: Any) -> None:
        cut = request.transport is None or request.transport.is_closing()
        status = 0 if cut else response.status
        self.calls.append(
            Call(
                method,
                request.raw_path,
                more.pop("arguments", {}),
                self.clock.time(),
                status,
                token=request.headers.get("Authorization", "").removeprefix("Bearer "),
                **more,
            )
        )
        self.changed()

    # --- calls to SmartOps ---

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Delivered:
        """Send a request to SmartOps once, and wait as long as the platform does."""
        self.attempts += 1
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        try:
            with self.clock.fail_after(self.timeout):
                async with self._session.post(
                    self.bot, data=body, headers=headers, allow_redirects=False
                ) as response:
                    retry = response.headers.get("X-Slack-No-Retry") != "1"
                    failure = "" if response.status < 300 else "http_error"
                    answer = Delivered(response.status, await response.read(), failure, retry)
        except TimeoutError:
            answer = Delivered(0, failure="http_timeout")
        except aiohttp.ClientError:
            answer = Delivered(0, failure="connection_failed")
        self.report(answer)
        return answer

    def report(self, answer: Delivered) -> None:
        if answer.failure == "connection_failed":
            self.trouble = f"No answer at {self.bot}. Is SmartOps running?"
        elif not answer.status:
            self.trouble = f"SmartOps at {self.bot} did not answer in {self.timeout:g} seconds."
        elif answer.status in (401, 403):
            self.trouble = f"SmartOps at {self.bot} answered {answer.status}: see its log."
        else:
            self.trouble = ""
        self.changed()
