"""What happens to a request before it is a message, and how it is answered."""

import json
import re
from contextlib import suppress

import anyio
import pytest

from smartops.server import bounds

pytestmark = pytest.mark.anyio


POST = b"POST /api/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def bearer(server, user="alice"):
    return f"Authorization: Bearer {server.token(user)}\r\n".encode()


async def test_a_message_is_answered_in_the_envelope(server):
    answer = await server.say("ping")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.body
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body.pop("timestamp"))
    assert body == {
        "status": "success",
        "data": {"message": "pong", "attachments": [], "actions": [], "who": "local:alice"},
        "request_id": answer.headers["X-Request-Id"],
    }


async def test_header_names_are_written_as_documented(server):
    raw = await server.raw(
        POST + bearer(server) + b"Connection: close\r\nContent-Length: 15\r\n\r\n",
        b'{"text":"ping"}',
    )

    for name in (b"X-RateLimit-Limit", b"X-RateLimit-Remaining", b"X-RateLimit-Reset"):
        assert re.search(rb"\r\n" + name + rb": \d+\r\n", raw)
    assert b"\r\nX-Request-Id: " in raw
    assert b"\r\ndate: " in raw.lower()
    assert b"hypercorn" not in raw


async def test_a_caller_cannot_choose_the_request_id(lines, start):
    server = await start()
    for given in ["abc-123-def", "a" * 64, "", "a" * 65, "a b", "<x>", "é"]:
        answer = await server.say("ping", headers={"X-Request-Id": given})

        assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-Id"])
        assert answer.body["request_id"] == answer.headers["X-Request-Id"]
        line = [line for line in lines() if line["event"] == "request"][-1]
        valid = given if re.fullmatch("[a-z0-9-]{1,64}", given) else None
        assert line.get("caller_request_id") == valid


TRUSTED = {"trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]}


@pytest.mark.parametrize("settings", [{}, {"trusted_proxies": ["10.0.0.0/8"]}])
async def test_forwarded_addresses_are_not_trusted(lines, start, settings):
    server = await start(**settings)
    await server.say("ping", headers={"X-Forwarded-For": "192.0.2.1"})

    assert [line["peer"] for line in lines() if line["event"] == "request"] == ["127.0.0.1"]


async def test_forwarded_addresses_are_those_of_trusted_proxies(lines, start):
    server = await start(**TRUSTED)
    for headers, peer in (
        ([], "127.0.0.1"),
        ([("X-Forwarded-For", "9.9.9.9")], "9.9.9.9"),
        ([("X-Forwarded-For", "6.6.6.6, 9.9.9.9, 10.1.1.1")], "9.9.9.9"),
        ([("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "9.9.9.9")], "9.9.9.9"),
        ([("X-Forwarded-For", '6.6.6.6, junk"x, 10.1.1.1')], "10.1.1.1"),
        ([("X-Forwarded-For", "10.2.2.2, 10.1.1.1")], "10.2.2.2"),
        ([("X-Forwarded-For", "::ffff:9.9.9.9")], "9.9.9.9"),
        ([("Forwarded", 'for=6.6.6.6, proto=https;FOR="[2001:db8::1]:4711"')], "2001:db8::1"),
        ([("Forwarded", "for=9.9.9.9:80, for=unknown")], "127.0.0.1"),
        ([("Forwarded", "for=6.6.6.6"), ("X-Forwarded-For", "9.9.9.9")], "127.0.0.1"),
    ):
        await server.request("POST", "/api/messages", json={"text": "a"}, headers=headers)
        assert [line["peer"] for line in lines() if line["event"] == "request"][-1] == peer, headers


async def test_forwarded_addresses_are_not_taken_for_this_machine(start):
    server = await start(auth={"anonymous": True}, **TRUSTED)
    body, own = {"text": "ping", "from": {"id": "a"}}, {"X-Forwarded-For": "127.0.0.1"}
    assert (await server.request("POST", "/api/messages", json=body)).status == 200
    refused = await server.request("POST", "/api/messages", json=body, headers=own)
    assert refused.status == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_are_refused(server, method):
    answer = await server.request(method, "/api/messages")

    assert (answer.status, answer.error["code"]) == (405, "VALIDATION_ERROR")
    assert answer.headers["Allow"] == "POST"


async def test_the_base_path_is_part_of_every_path(start):
    server = await start(base_path="/prod")
    assert server.url.endswith("/prod")
    assert (await server.say("ping")).status == 200
    assert (await server.request("GET", "/health")).status == 200

    server.url = server.url.removesuffix("/prod")
    assert (await server.say("ping")).error["code"] == "VALIDATION_ERROR"
    assert (await server.request("GET", "/health")).status == 404


async def test_a_body_declared_too_large_is_refused(start):
    server = await start(max_body=2048)

    answer = await server.post(b'{"text": "' + b"x" * 5000 + b'"}')

    assert (answer.status, answer.error["code"]) == (413, "VALIDATION_ERROR")
    assert answer.error["details"] == "At most 2048 bytes."
    assert answer.headers["Connection"] == "close"


async def test_a_chunked_body_above_the_limit_is_refused(start):
    server = await start(max_body=2048)

    async def chunks():
        for _ in range(10):
            yield b"x" * 500

    answer = await server.request(
        "POST", "/api/messages", data=chunks(), headers={"Authorization": "Bearer x"}
    )

    assert (answer.status, answer.error["code"]) == (413, "VALIDATION_ERROR")


async def test_a_body_of_the_maximum_size_is_read(start):
    server = await start(max_body=2048)
    body = json.dumps({"text": "ping", "unknown": ""})
    body = json.dumps({"text": "ping", "unknown": "x" * (2048 - len(body))}).encode()
    assert len(body) == 2048

    assert (await server.post(body)).status == 200


@pytest.mark.parametrize(
    "head", [b"Content-Length: 20\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"]
)
async def test_an_incomplete_body_times_out(start, head):
    server = await start(body_timeout="100ms")

    raw = await server.raw(POST + bearer(server) + head)

    assert raw.startswith(b"HTTP/1.1 408")
    assert b"within 0.1 seconds" in raw
    assert b"\r\nconnection: close\r\n" in raw.lower()


async def test_a_dripping_client_gets_no_extra_time(start):
    server = await start(body_timeout="200ms")
    sent = 0

    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        await stream.send(POST + bearer(server) + b"Content-Length: 1000\r\n\r\n")
        with anyio.fail_after(5):
            while True:
                with anyio.move_on_after(0.02):
                    received = await stream.receive()
                    break
                await stream.send(b"x")
                sent += 1

    assert received.startswith(b"HTTP/1.1 408")
    assert sent < 100


async def test_a_disconnect_within_the_body_is_logged(lines, start):
    server = await start()
    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        await stream.send(POST + bearer(server) + b"Content-Length: 1000\r\n\r\n{")
    await server.until(lambda: any(line["event"] == "request" for line in lines()))

    (line,) = [line for line in lines() if line["event"] == "request"]
    assert (line["status"], line["reason"]) == (499, "the client went away")
    assert (await server.say("ping")).status == 200


@pytest.mark.parametrize("path", ["/api/messages", "/livez"])
async def test_too_large_headers_are_refused(server, path):
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\n".encode()
    raw = await server.raw(head + b"X-Long: " + b"x" * 20_000 + b"\r\n\r\n")

    assert raw.startswith(b"HTTP/1.1 431")
    assert raw.count(b"HTTP/1.1") == 1


async def test_a_request_with_two_body_lengths_is_refused_and_closed(server):
    head = POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"

    raw = await server.raw(head + b"0\r\n\r\n" + b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")

    assert raw.startswith(b"HTTP/1.1 400")
    assert raw.count(b"HTTP/1.1") == 1


async def test_every_path_has_a_time_limit_for_bodies(start):
    server = await start(body_timeout="50ms")
    for path in ("/api/messages", "/health", "/nothing"):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode()

        with anyio.fail_after(5):
            raw = await server.raw(head + b"{")

        assert raw.startswith(b"HTTP/1.1 408"), path


async def test_endless_headers_are_refused(server):
    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        await stream.send(POST + b"X-Long: ")
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(_drip, stream)
                assert (await stream.receive()).startswith(b"HTTP/1.1 431")
                group.cancel_scope.cancel()


async def _drip(stream):
    while True:
        try:
            await stream.send(b"x" * 1000)
        except anyio.BrokenResourceError:
            return


async def test_pipelined_bodies_do_not_count_as_headers(server):
    body = json.dumps({"text": "ping", "unknown": "x" * 60_000}).encode()
    head = POST + bearer(server) + f"Content-Length: {len(body)}\r\n".encode()
    last = b"Connection: close\r\n\r\n"

    raw = await server.raw((head + b"\r\n" + body) * 3 + head[:50], head[50:] + last + body)

    assert raw.count(b"HTTP/1.1 200") == 4


async def test_cleartext_does_not_change_to_http2(server):
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    close = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    raw = await server.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\n" + upgrade + b"\r\n", close)

    assert raw.startswith(b"HTTP/1.1 200")
    assert raw.count(b'"alive"') == 2


async def test_http2_with_prior_knowledge_is_refused(server):
    settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"

    raw = await server.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings)

    assert re.match(rb"HTTP/1.1 (400|505)", raw)
    assert settings not in raw


async def test_the_body_of_an_upgrade_request_is_read(server):
    upgrade = b"Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c-17\r\n"
    head = POST + bearer(server) + upgrade + b"Content-Length: 15\r\n\r\n"

    raw = await server.raw(head, b'{"text":"ping"}')

    assert raw.startswith(b"HTTP/1.1 200")
    assert b'"pong"' in raw


async def test_the_401_response_is_the_same_for_every_invalid_token(server):
    bodies = set()
    for header in (
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": f"Bearer  {server.token()}"},
        {"Authorization": f"Bearer {server.token()}x"},
        {"Authorization": f"Bearer {server.token()[:-10]}"},
    ):
        answer = await server.request("POST", "/api/messages", json={"text": "a"}, headers=header)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "X-RateLimit-Limit" not in answer.headers
        bodies.add(json.dumps(answer.error))

    assert bodies == {
        '{"code": "AUTHENTICATION_FAILED", "message": "Invalid or missing bearer token"}'
    }


async def test_authentication_precedes_parsing(server):
    headers = {"Content-Type": "text/plain"}

    answer = await server.request("POST", "/api/messages", data=b"{", headers=headers)

    assert answer.status == 401


async def test_a_request_that_no_channel_recognises_is_refused(start):
    server = await start(api=False)

    answer = await server.say("ping")

    assert (answer.status, answer.error["code"]) == (401, "AUTHENTICATION_FAILED")


async def test_a_fallback_channel_gets_requests_that_no_channel_recognises(start):
    server = await start(api=False, fallback=True)

    answer = await server.say("ping")

    assert (answer.status, answer.text) == (401, "my own way")


async def test_a_repeated_authorization_header_is_refused(server):
    raw = await server.raw(
        POST + bearer(server) + bearer(server) + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"
    )

    assert raw.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "line 1, column 1"),
        (b"[1]", "it must be an object"),
        (b'{"text": "ping", "text": "crash"}', "'text' appears twice"),
        (b'{"text": NaN}', "NaN"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "deeper than 32"),
        (b'{"text": 5}', "text must be a string"),
        (b'{"type": "typing"}', "type must be message"),
    ],
)
async def test_a_malformed_message_is_refused_with_its_position_and_counted(server, body, place):
    before = await server.say("ping")
    answer = await server.post(body)
    after = await server.say("ping")

    assert (answer.status, answer.error["code"]) == (400, "VALIDATION_ERROR")
    assert place in answer.error["details"]
    left = [int(item.headers["X-RateLimit-Remaining"]) for item in (before, answer, after)]
    assert left == [left[0], left[0] - 1, left[0] - 2]


async def test_an_unforeseen_error_shows_only_its_reference(lines, start):
    server = await start()
    answer = await server.say("crash")

    assert (answer.status, answer.error["code"]) == (500, "INTERNAL_ERROR")
    assert answer.headers["X-Request-Id"] in answer.error["details"]
    assert "hunter2" not in answer.text
    (line,) = [line for line in lines() if "exception" in line]
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert "hunter2" in line["exception"]


async def test_each_channel_gets_the_requests_it_recognises(start):
    server = await start()
    pushed = await server.request(
        "POST", "/api/messages", json=["ping"], headers={"X-Push": "secret"}
    )

    assert (pushed.status, pushed.text) == (202, "noted")
    assert pushed.headers["X-Request-Id"]
    with anyio.fail_after(5):
        await server.push.delivered.wait()
    ((text, reply),) = server.push.sent
    assert (text, reply.data["who"]) == ("ping", "local:pusher")
    assert (await server.say("ping")).status == 200


async def test_a_channel_renders_its_own_refusals(server):
    answer = await server.request(
        "POST", "/api/messages", json=["ping"], headers={"X-Push": "wrong"}
    )
    assert (answer.status, answer.text) == (401, "my own way")

    answer = await server.request(
        "POST", "/api/messages", json=["ping"], headers={"X-Push": "wrong", "X-Shape": "broken"}
    )
    assert (answer.status, answer.error["code"]) == (401, "AUTHENTICATION_FAILED")


async def test_a_request_and_a_command_are_one_log_line_each(lines, start):
    server = await start()
    answer = await server.say("ping")
    await server.request("POST", "/api/messages", json={"text": "a"})
    await server.request("GET", "/livez")

    mine = [line for line in lines() if line["event"] in ("request", "command")]
    first, second, third = mine
    assert (first["event"], first["command"], first["identity"]) == (
        "command",
        "ping",
        "local:alice",
    )
    assert (second["event"], second["status"], second["channel"]) == ("request", 200, "api")
    assert first["request_id"] == second["request_id"] == answer.body["request_id"]
    assert (third["status"], third["peer"]) == (401, "127.0.0.1")
    assert "ping" not in json.dumps(second)


async def test_a_late_reply_is_pending_and_returned_to_a_retry(start):
    server = await start(wait="100ms")
    message = {"id": "act-1", "text": "hang on"}

    asked = await server.post(message)
    assert (asked.status, asked.body["status"]) == (200, "pending")
    assert asked.body["data"]["actions"] == []
    assert "same id" in asked.body["data"]["message"]
    assert (await server.post(message)).body["status"] == "pending"

    server.deployment.release.set()
    answer = await server.post(message)

    assert answer.body["data"]["message"] == "done"
    assert answer.body["request_id"] == answer.headers["X-Request-Id"]
    assert server.deployment.finished == 1


async def test_a_late_reply_is_returned_to_its_sender_only(start):
    server = await start(wait="100ms")
    message = {"id": "act-1", "text": "hang on", "conversation": {"id": "c"}}

    await server.post(message)
    server.deployment.release.set()
    await server.post(message)
    await server.post(message, user="bob")

    assert server.deployment.finished == 2


async def test_a_message_without_an_id_is_finished(start):
    server = await start(wait="100ms")

    asked = await server.post({"text": "hang on"})
    server.deployment.release.set()

    assert "same id" not in asked.body["data"]["message"]
    await server.until(lambda: server.deployment.finished)


async def test_an_unread_response_times_out(lines, start, monkeypatch):
    monkeypatch.setattr(bounds, "SEND_SECONDS", 0.1)
    server = await start()
    request = POST + bearer(server) + b'Content-Length: 19\r\n\r\n{"text":"say much"}'
    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        with anyio.fail_after(10):
            while not any("did not read" in line.get("reason", "") for line in lines()):
                with anyio.move_on_after(0.05):
                    await stream.send(request)
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while True:
                    await stream.receive()

    assert (await server.say("ping")).status == 200


async def test_one_connection_serves_many_messages(server):
    request = POST + bearer(server) + b'Content-Length: 15\r\n\r\n{"text":"ping"}'
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    raw = await server.raw(request * 5 + last)

    assert raw.count(b"HTTP/1.1 200") == 6
