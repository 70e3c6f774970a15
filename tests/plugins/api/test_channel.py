"""The channel with real tokens: authentication, impersonation and responses."""

import json
import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest

from smartops import Action, Identity, Message, PermissionDenied, Reply, Services, ValidationFailed
from smartops.auth import TokenVerifier
from smartops.channels import AuthenticationFailed, Headers, Inbound, Place
from smartops.http import AiohttpClient
from smartops.testing import ManualClock, StandInIssuer
from smartops.testing.issuer import SigningKey
from smartops_api import ApiChannel

pytestmark = pytest.mark.anyio
KEY = SigningKey.create()


@pytest.fixture
async def deployment():
    clock = ManualClock()
    http = AiohttpClient()
    async with StandInIssuer.start(clock=clock, key=KEY) as issuer:
        trusted = issuer.trusted(name="corp")
        yield SimpleNamespace(
            clock=clock,
            issuer=issuer,
            trusted=trusted,
            services=Services(clock, http, TokenVerifier(http, clock), (trusted,)),
        )
    await http.aclose()


@pytest.fixture
def channel(deployment):
    return ApiChannel(deployment.services)


def inbound(body=None, token="", peer="192.0.2.7", **headers):
    usual = {"content-type": "application/json"}
    if token:
        usual["authorization"] = f"Bearer {token}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = [
        (name.encode(), value.encode())
        for name, value in {**usual, **named}.items()
        if value is not None
    ]
    content = json.dumps({"text": "help"} if body is None else body).encode()
    return Inbound("POST", "/api/messages", Headers(pairs), content, "r-1", peer)


def impersonating(deployment):
    return replace(deployment.trusted, impersonation=True)


async def read(channel, request):
    (message,) = channel.read(request, await channel.authenticate(request)).messages
    assert Message.load(message.dump()) == message
    return message


async def test_the_sender_is_the_subject_of_the_token(channel, deployment):
    token = deployment.issuer.token(sub="alice", tid="t-1", team="web")

    claims = await channel.authenticate(inbound(token=token))
    message = await read(channel, inbound({"text": "help", "id": "a-1"}, token))

    assert claims.identity == Identity("corp", "t-1", "alice")
    assert claims.team == "corp:t-1:web"
    assert message.sender == Identity("corp", "t-1", "alice")
    assert (message.id, message.text, message.action) == ("a-1", "help", "")
    assert (message.channel, message.place) == ("api", Place("api"))
    assert (message.team, message.claimed, message.reference) == ("corp:t-1:web", "", {})
    assert message.conversation == "corp:t-1:alice"
    assert (message.request_id, message.at) == ("r-1", deployment.clock.now())


async def test_the_claims_for_subject_tenant_and_team_are_configurable(deployment):
    trusted = replace(deployment.trusted, subject="oid", tenant="org", team="dept")
    channel = ApiChannel(replace(deployment.services, issuers=(trusted,)))

    claims = await channel.authenticate(
        inbound(token=deployment.issuer.token(oid="o-1", org="g-1", dept="d-1", team="ignored"))
    )

    assert claims.identity == Identity("corp", "g-1", "o-1")
    assert claims.team == "corp:g-1:d-1"


async def test_a_claim_gives_roles(deployment):
    trusted = replace(
        deployment.trusted, roles_claim="groups", roles={"G-1": ("a", "b"), "G-2": ("c",)}
    )
    channel = ApiChannel(replace(deployment.services, issuers=(trusted,)))

    token = deployment.issuer.token(groups=["G-1", "G-3", 7])
    assert (await read(channel, inbound(token=token))).roles == ("a", "b")
    assert (await read(channel, inbound(token=deployment.issuer.token()))).roles == ()


async def test_a_tenant_is_not_a_team(channel, deployment):
    token = deployment.issuer.token(tid="t-1")
    assert (await channel.authenticate(inbound(token=token))).team == ""


@pytest.mark.parametrize(
    "claims", [{"sub": None}, {"sub": ""}, {"sub": 7}, {"tid": 7}, {"team": ["a"]}]
)
async def test_a_token_without_a_subject_is_refused(channel, deployment, claims):
    with pytest.raises(AuthenticationFailed, match="Invalid or missing bearer token"):
        await channel.authenticate(inbound(token=deployment.issuer.token(**claims)))


async def test_from_id_is_recorded_as_an_unauthenticated_claim(channel, deployment):
    body = {"text": "help", "from": {"id": "boss", "name": "The Boss"}}

    message = await read(channel, inbound(body, deployment.issuer.token(sub="alice")))

    assert message.sender == Identity("corp", "", "alice")
    assert (message.claimed, message.sender_name) == ("boss", "The Boss")
    assert message.reference == {}


async def test_from_id_equal_to_the_subject_is_no_claim(channel, deployment):
    body = {"text": "help", "from": {"id": "alice"}}

    message = await read(channel, inbound(body, deployment.issuer.token(sub="alice")))

    assert message.claimed == ""


async def test_a_token_with_scope_act_impersonates_from_id(deployment):
    channel = ApiChannel(replace(deployment.services, issuers=(impersonating(deployment),)))
    token = deployment.issuer.token(sub="portal", tid="t-1", scope="read act")
    body = {"text": "help", "from": {"id": "alice"}, "conversation": {"id": "c-1"}}

    message = await read(channel, inbound(body, token))

    assert message.sender == Identity("corp", "t-1", "alice")
    assert message.claimed == ""
    assert message.acting == "corp:t-1:portal"
    assert message.conversation == "c-1"
    alone = await read(channel, inbound({"text": "help"}, token))
    assert (alone.sender.id, alone.reference) == ("portal", {})


@pytest.mark.parametrize("scope", ["react", "act:none", "Act", "", ["act"], 7])
async def test_other_scopes_do_not_allow_impersonation(deployment, scope):
    channel = ApiChannel(replace(deployment.services, issuers=(impersonating(deployment),)))
    body = {"text": "help", "from": {"id": "boss"}}

    message = await read(channel, inbound(body, deployment.issuer.token(sub="alice", scope=scope)))

    assert message.sender.id == "alice"


async def test_an_action_is_accepted(channel, deployment):
    body = {"type": "message", "value": {"action": "confirm_x"}}

    message = await read(channel, inbound(body, deployment.issuer.token()))

    assert (message.action, message.text) == ("confirm_x", "")


async def test_only_tokens_of_the_configured_issuers_are_recognised(channel, deployment):
    assert channel.recognises(inbound(token=deployment.issuer.token()))
    assert channel.recognises(
        inbound(token=deployment.issuer.token() + "x")
    )  # this accepts nothing yet
    assert not channel.recognises(inbound(token=deployment.issuer.token(iss="https://other")))
    assert not channel.recognises(inbound(token="junk"))
    assert not channel.recognises(inbound())
    twice = Headers([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")])
    assert not channel.recognises(replace(inbound(), headers=twice))


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
async def test_the_content_type_must_be_json(channel, deployment, content_type):
    request = inbound(token=deployment.issuer.token(), content_type=content_type)

    with pytest.raises(ValidationFailed, match="must be JSON"):
        channel.read(request, await channel.authenticate(request))


async def test_the_content_type_may_have_a_charset(channel, deployment):
    token = deployment.issuer.token()

    request = inbound(token=token, content_type="Application/JSON; charset=utf-8")

    assert (await read(channel, request)).text == "help"


async def test_the_maximum_depth_of_json_is_configurable(deployment):
    channel = ApiChannel(replace(deployment.services, max_depth=4))
    request = inbound({"text": "help", "x": [[[[1]]]]}, deployment.issuer.token())

    with pytest.raises(ValidationFailed, match="not valid JSON"):
        channel.read(request, await channel.authenticate(request))


async def test_the_response_is_the_envelope_with_its_status(channel, deployment):
    message = await read(channel, inbound(token=deployment.issuer.token()))
    action = Action("confirm", "Yes, proceed", "confirm_1")
    replies = {
        "success": Reply.of("Done.", data={"summary": {}}),
        "pending": Reply(status="pending", view=Reply.of("Sure?").view, actions=(action,)),
        "error": Reply.refused(PermissionDenied("No.", details="rule x")),
    }

    for status, reply in replies.items():
        response = channel.respond([message], [replace(reply, request_id="r-1")])
        body = json.loads(response.body)
        assert response.status == (403 if status == "error" else 200)
        assert response.content_type == "application/json"
        assert body["status"] == status
        assert body["timestamp"] == "2027-01-15T08:00:00Z"
        assert body["request_id"] == "r-1"


def loopback(**changes):
    headers = {"peer": "127.0.0.1", "host": "127.0.0.1:3978", **changes}
    return inbound({"text": "help", "from": {"id": "dev"}}, **headers)


@pytest.mark.parametrize(
    "request_",
    [
        loopback(),
        loopback(peer="::1", host="[::1]:3978"),
        loopback(peer="::ffff:127.0.0.1", host="LOCALHOST"),
        loopback(origin="http://127.0.0.1:3978"),
    ],
)
async def test_anonymous_local_requests_are_accepted_and_logged(deployment, request_, caplog):
    caplog.set_level(logging.WARNING)
    channel = ApiChannel(replace(deployment.services, anonymous=True))

    message = await read(channel, request_)

    assert message.sender == Identity("anonymous", "", "dev")
    assert (message.team, message.claimed) == ("anonymous", "")
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert all("DEVELOPMENT ONLY" in record.message for record in caplog.records)


async def test_anonymous_requests_need_no_name(deployment):
    channel = ApiChannel(replace(deployment.services, anonymous=True))
    request = inbound({"text": "help"}, peer="127.0.0.1", host="localhost:3978")

    assert (await read(channel, request)).sender == Identity("anonymous", "", "anonymous")


@pytest.mark.parametrize(
    "request_",
    [
        loopback(peer="192.0.2.7"),
        loopback(peer=""),
        loopback(host="evil.example:3978"),
        loopback(host=None),
        loopback(origin="https://evil.example"),
        loopback(origin="null"),
        loopback(x_forwarded_for="192.0.2.7"),
        loopback(forwarded="for=192.0.2.7"),
        loopback(authorization="Bearer junk"),
    ],
)
async def test_other_anonymous_requests_are_refused(deployment, request_):
    channel = ApiChannel(replace(deployment.services, anonymous=True))

    with pytest.raises(AuthenticationFailed):
        await channel.authenticate(request_)


async def test_anonymous_requests_are_refused_by_default(deployment):
    with pytest.raises(AuthenticationFailed):
        await ApiChannel(deployment.services).authenticate(loopback())
