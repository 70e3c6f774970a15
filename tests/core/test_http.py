"""The outbound client against a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest
from aiohttp import web

from smartops import BackendUnavailable, Unreachable
from smartops.http import AiohttpClient

pytestmark = pytest.mark.anyio


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "body": (await request.read()).decode(),
            "token": request.headers.get("authorization", ""),
            "cookie": request.headers.get("cookie", ""),
        },
        status=201,
        headers={"X-Mixed-Case": "Yes", "Set-Cookie": "a=b"},
    )


async def redirect(request: web.Request) -> web.Response:
    raise web.HTTPFound("/echo")


async def large(request: web.Request) -> web.Response:
    return web.Response(body=b"x" * 200_000)


async def silent(request: web.Request) -> web.Response:
    await anyio.sleep_forever()
    raise AssertionError


async def dripping(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"{")
    await anyio.sleep_forever()
    raise AssertionError


async def broken(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.abort()
    return response


@pytest.fixture
async def base() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/redirect", redirect)
    app.router.add_get("/large", large)
    app.router.add_get("/silent", silent)
    app.router.add_get("/dripping", dripping)
    app.router.add_get("/broken", broken)
    app.router.add_route("*", "/{rest:.*}", echo)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[AiohttpClient]:
    client = AiohttpClient()
    yield client
    await client.aclose()


async def test_sends_and_reads(base: str, http: AiohttpClient) -> None:
    reply = await http.request(
        "PUT", f"{base}/echo", headers={"Authorization": "Bearer x"}, body=b"hello"
    )
    assert reply.status == 201
    assert reply.headers["x-mixed-case"] == "Yes"
    assert b'"method": "PUT"' in reply.body
    assert b'"body": "hello"' in reply.body
    assert b'"token": "Bearer x"' in reply.body


async def test_sends_the_url_unchanged(base: str, http: AiohttpClient) -> None:
    path = "/v3/19%3Aabc%40thread.tacv2%3Bmessageid%3D1/activities?a=%2B&b=%7E"
    reply = await http.request("GET", base + path)
    assert f'"path": "{path}"'.encode() in reply.body


async def test_follows_no_redirect(base: str, http: AiohttpClient) -> None:
    reply = await http.request("GET", f"{base}/redirect", headers={"Authorization": "Bearer x"})
    assert reply.status == 302
    assert reply.headers["location"] == "/echo"


async def test_keeps_no_cookies(base: str, http: AiohttpClient) -> None:
    for _ in range(2):
        reply = await http.request("GET", f"{base}/echo")
        assert b'"cookie": ""' in reply.body


async def test_refuses_a_response_larger_than_max_bytes(base: str, http: AiohttpClient) -> None:
    reply = await http.request("GET", f"{base}/large", max_bytes=200_000)
    assert len(reply.body) == 200_000
    with pytest.raises(BackendUnavailable, match=r"127.0.0.1 is larger than 199999 bytes"):
        await http.request("GET", f"{base}/large", max_bytes=199_999)


@pytest.mark.parametrize("path", ["/silent", "/dripping"])
async def test_times_out(path: str, base: str, http: AiohttpClient) -> None:
    with pytest.raises(BackendUnavailable, match=r"did not answer within 0.05 s") as error:
        await http.request("GET", base + path, timeout=0.05)
    assert not isinstance(error.value, Unreachable)  # the request may have taken effect


async def test_refuses_a_truncated_response(base: str, http: AiohttpClient) -> None:
    with pytest.raises(BackendUnavailable, match="could not be reached") as error:
        await http.request("GET", f"{base}/broken")
    assert not isinstance(error.value, Unreachable)


async def test_the_error_names_only_the_unreachable_host(http: AiohttpClient) -> None:
    with pytest.raises(Unreachable) as error:
        await http.request("GET", "http://127.0.0.1:1/hook/secret?token=secret")
    assert str(error.value) == "127.0.0.1 could not be reached"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/path",
        "ftp://host/secret",
        "file:///etc/passwd",
        "http://",
        "http://[secret/",
        "http://host/secret path",
        "http://host/secret\r\nX-Injected: 1",
        "http://host/secret\u00e9",
        "http://host:port/secret",
    ],
)
async def test_refuses_invalid_urls(url: str, http: AiohttpClient) -> None:
    with pytest.raises(BackendUnavailable) as error:
        await http.request("GET", url)
    assert "secret" not in str(error.value)


async def test_refuses_header_injection(base: str, http: AiohttpClient) -> None:
    with pytest.raises(BackendUnavailable):
        await http.request("GET", f"{base}/echo", headers={"X": "a\r\nInjected: 1"})


async def test_concurrent_first_requests_open_one_session(base: str, http: AiohttpClient) -> None:
    sessions: set[int] = set()

    async def ask() -> None:
        await http.request("GET", f"{base}/echo")
        sessions.add(id(http._session))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask)
    assert len(sessions) == 1


async def test_can_be_closed_twice_and_reopened(base: str, http: AiohttpClient) -> None:
    await http.aclose()
    await http.request("GET", f"{base}/echo")
    await http.aclose()
    await http.aclose()
    assert (await http.request("GET", f"{base}/echo")).status == 201
