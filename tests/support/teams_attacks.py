"""The attacks on the Teams channel: forged requests, and the status that each must get.

200 is accepted, 401 is not authenticated, 403 is authenticated but not for this
bot, 400 is authenticated but malformed. No request changes the service, so one
server serves all of them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import serialization

from smartops.testing.issuer import SigningKey, StandInIssuer, segment
from teams_activities import (
    APP_ID,
    FRAMEWORK,
    SERVICE_URL,
    STRANGE_TENANT,
    TENANT,
    Issuers,
    activity,
)

FIRST_PARTY = "d6d49420-f39b-4df7-a1dc-d59a935871db"
Request = tuple[str | None, dict[str, Any] | bytes]


@dataclass(frozen=True)
class Attack:
    """``request`` makes an Authorization header and a body. ``emulator`` is the switch's state."""

    name: str
    status: int
    request: Callable[[Issuers], Request]
    emulator: bool = False

    def __str__(self) -> str:
        return self.name


ATTACKS: list[Attack] = []


def attack(
    name: str, status: int, *, emulator: bool = False
) -> Callable[[Callable[[Issuers], Request]], Callable[[Issuers], Request]]:
    def register(function: Callable[[Issuers], Request]) -> Callable[[Issuers], Request]:
        ATTACKS.append(Attack(name, status, function, emulator))
        return function

    return register


def token(name: str, status: int, **claims: Any) -> None:
    """One more attack: a well signed token with these claims, and a usual activity."""
    attack(name, status)(lambda service: (bearer(service.framework.token(**claims)), activity()))


def moved(name: str, status: int, **seconds: int) -> None:
    """One more attack: claims that lie this many seconds from now."""

    def request(service: Issuers) -> Request:
        now = int(service.framework.clock.time())
        claims = {claim: now + offset for claim, offset in seconds.items()}
        return bearer(service.framework.token(**claims)), activity()

    attack(name, status)(request)


def sends(name: str, status: int, **changes: Any) -> None:
    """One more attack: a good token, and an activity with these changes."""
    attack(name, status)(lambda service: (bearer(service.framework.token()), activity(**changes)))


def authorization(name: str, status: int, header: str) -> None:
    """One more attack: a valid token in a header of this form, and a usual activity."""
    attack(name, status)(lambda service: (header.format(service.framework.token()), activity()))


def bearer(token: str) -> str:
    return f"Bearer {token}"


def claims_of(issuer: StandInIssuer) -> dict[str, Any]:
    now = int(issuer.clock.time())
    return {"iss": issuer.issuer, "aud": APP_ID, "exp": now + 3600, "serviceurl": SERVICE_URL}


def forged(issuer: StandInIssuer, header: dict[str, Any], signature: bytes = b"") -> str:
    """Return a token with any header; signed with these bytes."""
    head = {"typ": "JWT", "kid": issuer.key.kid, **header}
    parts = (json.dumps(head).encode(), json.dumps(claims_of(issuer)).encode(), signature)
    return ".".join(segment(part).decode() for part in parts)


# --- accepted ---------------------------------------------------------------------------

token("valid", 200)
token("aud in upper case", 200, aud=APP_ID.upper())
token("serviceurl without the slash at the end", 200, serviceurl=SERVICE_URL.rstrip("/"))
sends("activity's serviceUrl without the slash at the end", 200, serviceUrl=SERVICE_URL.rstrip("/"))
sends("sub-channel of an endorsed channel", 200, channelId="msteams:COPILOT")
moved("expired 4 min ago", 200, exp=-240)
moved("not valid for 4 min", 200, nbf=240)


authorization("scheme in lower case", 200, "bearer {}")
# --- signature -------------------------------------------------------------------------------


attack("no token", 401)(lambda service: (None, activity()))


for name in ("none", "NONE", "None"):
    attack(f"alg {name}", 401)(
        lambda service, name=name: (bearer(forged(service.framework, {"alg": name})), activity())
    )


@attack("HS256 with the public key as the secret", 401)
def _(service: Issuers) -> Request:
    issuer = service.framework
    secret = issuer.key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    unsigned = forged(issuer, {"alg": "HS256"}).rpartition(".")[0]
    signature = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest()
    return bearer(f"{unsigned}.{segment(signature).decode()}"), activity()


@attack("foreign key under a known kid", 401)
def _(service: Issuers) -> Request:
    issuer = service.framework
    foreign = SigningKey.create(issuer.key.kid)
    return bearer(issuer.sign(claims_of(issuer), key=foreign)), activity()


@attack("foreign key, embedded as jwk", 401)
def _(service: Issuers) -> Request:
    issuer = service.framework
    foreign = SigningKey.create(issuer.key.kid, endorsements=["msteams"])
    headers = {"jwk": foreign.entry}
    return bearer(issuer.sign(claims_of(issuer), key=foreign, headers=headers)), activity()


@attack("foreign key behind a jku header", 401)
def _(service: Issuers) -> Request:
    issuer = service.framework
    headers = {"jku": service.entra.keys_url}
    signed = issuer.sign(claims_of(issuer), key=service.entra.key, headers=headers)
    return bearer(signed), activity()


@attack("payload changed", 401)
def _(service: Issuers) -> Request:
    head, _, signature = service.framework.token().split(".")
    claims = {**claims_of(service.framework), "sub": "another person"}
    return bearer(f"{head}.{segment(json.dumps(claims).encode()).decode()}.{signature}"), activity()


for name in ("RS384", "PS256"):
    attack(name, 401)(
        lambda service, name=name: (
            bearer(service.framework.sign(claims_of(service.framework), algorithm=name)),
            activity(),
        )
    )

for name, kid in (
    ("kid unknown", "unknown"),
    ("kid missing", None),
    ("kid with a path", "../../../../dev/null"),
    ("kid with SQL", "' OR '1'='1"),
    ("kid is a number", 1),
):
    attack(name, 401)(
        lambda service, kid=kid: (
            bearer(service.framework.sign(claims_of(service.framework), headers={"kid": kid})),
            activity(),
        )
    )


@attack("crit header", 401)
def _(service: Issuers) -> Request:
    headers = {"crit": ["b64"], "b64": False}
    return bearer(service.framework.sign(claims_of(service.framework), headers=headers)), activity()


authorization("five segments", 401, "Bearer {}.e30.e30")
token("over 16 KB", 401, padding="x" * 16_384)

# --- header ----------------------------------------------------------------------------------


authorization("two spaces after Bearer", 401, "Bearer  {}")
authorization("no scheme", 401, "{}")
authorization("scheme Basic", 401, "Basic {}")
# --- claims ----------------------------------------------------------------------------------

token("aud of another app", 401, aud=STRANGE_TENANT)
token("aud is the service", 401, aud=FRAMEWORK)
token("aud missing", 401, aud=None)
token("aud is a list with us", 401, aud=[APP_ID, STRANGE_TENANT])
moved("expired 10 min ago", 401, exp=-600)
moved("not valid for 10 min", 401, nbf=600)
moved("iat in 10 min", 401, iat=600)
token("exp missing", 401, exp=None)
token("iss wrong", 401, iss="https://api.botframework.example")
token("iss missing", 401, iss=None)
token("iss with a slash added", 401, iss=f"{FRAMEWORK}/")
token("iss is a list", 401, iss=[FRAMEWORK])
token("iss of another cloud", 401, iss="https://api.botframework.us")

# --- the token and this activity -------------------------------------------------------------

token("serviceurl claim missing", 401, serviceurl=None)
token("serviceurl claim is a list", 401, serviceurl=[SERVICE_URL])
token("serviceurl of another host", 401, serviceurl="https://smba.botframework.com/emea/")
token("serviceurl with another path", 401, serviceurl="https://smba.trafficmanager.net/amer/")
token("serviceurl with two slashes at the end", 401, serviceurl=f"{SERVICE_URL}/")
token("serviceURL instead of serviceurl", 401, serviceurl=None, serviceURL=SERVICE_URL)
sends("activity without serviceUrl", 401, serviceUrl=None)
sends("activity with an empty serviceUrl", 401, serviceUrl="")
sends("activity whose serviceUrl is an object", 401, serviceUrl={"url": SERVICE_URL})
sends("activity without channelId", 403, channelId=None)
sends("activity with an empty channelId", 403, channelId="")
sends("channel the key is not endorsed for", 403, channelId="directline")
sends("endorsed channel where people are not proven", 403, channelId="webchat")
sends("channel written in capitals", 403, channelId="MSTEAMS")


def endorsed(name: str, kid: str, status: int = 403, **changes: Any) -> None:
    attack(name, status)(lambda service: (bearer(service.token(kid)), activity(**changes)))


endorsed("key endorsed for another channel", "endorsed-for-web-chat")
endorsed("key with no endorsements", "not-endorsed")
endorsed("key with an empty list of endorsements", "endorsed-for-nothing")
endorsed("key whose endorsements are a string", "endorsed-by-a-string")
endorsed("no channelId, key with no endorsements", "not-endorsed", channelId=None)
endorsed("no channelId, key whose endorsements are a string", "endorsed-by-a-string", channelId="")

# --- for us? ---------------------------------------------------------------------------------

sends(
    "tenant of strangers",
    403,
    channelData={"tenant": {"id": STRANGE_TENANT}},
    conversation={"id": "a:1", "tenantId": STRANGE_TENANT},
)
sends("two tenants", 403, channelData={"tenant": {"id": STRANGE_TENANT}})
sends("conversation of another tenant", 403, conversation={"id": "a:1", "tenantId": STRANGE_TENANT})
sends("no tenant", 403, channelData=None, conversation={"id": "a:1"})
sends(
    "guest of a strange tenant",
    403,
    **{"from": {"id": "29:1", "aadObjectId": STRANGE_TENANT, "tenantId": STRANGE_TENANT}},
)


def hosted(name: str, url: str, status: int = 403) -> None:
    attack(f"answers to {name}", status)(
        lambda service: (bearer(service.framework.token(serviceurl=url)), activity(serviceUrl=url))
    )


hosted("a host below an allowed domain", "https://emea.botframework.com/", 200)
hosted("a strange host", "https://smba.trafficmanager.net.example/emea/")
hosted("a sibling of an allowed host", "https://evil.trafficmanager.net/")
hosted("an allowed domain itself", "https://botframework.com/")
hosted("a name that ends like an allowed domain", "https://evilbotframework.com/")
hosted("plain http", "http://smba.trafficmanager.net/emea/")
hosted("another port", "https://smba.trafficmanager.net:8443/emea/")
hosted("a port that is none", "https://smba.trafficmanager.net:x/emea/")
hosted("an address", "https://169.254.169.254/latest/")
hosted("an address in brackets", "https://[::1]/")
hosted("a user in the URL", "https://smba.trafficmanager.net@evil.example/")
hosted("a user at an allowed host", "https://user@smba.trafficmanager.net/")
hosted("a backslash", "https://evil.example\\@smba.trafficmanager.net/")
hosted("no URL", "smba.trafficmanager.net")
hosted("a host in look-alike letters", "https://smba.trafficman\u0430ger.net/")
hosted("a host with the long s", "https://x.botframework.com.\u017fmba.trafficmanager.net/")
hosted("the Kelvin sign for a k", "https://x.botframewor\u212a.com/")
hosted("a blank before the host", "https:// x.botframework.com/")
hosted("an empty first label", "https://.botframework.com/")
hosted("a host spelt with percent signs", "https://x.botframework.com%2f.evil.example/")
hosted("an allowed host in capitals", "https://SMBA.trafficmanager.net/emea/", 200)
hosted("the usual port", "https://smba.trafficmanager.net:443/emea/", 200)
hosted("this machine", "http://127.0.0.1:8080/")

# --- body ------------------------------------------------------------------------------------


def sent(name: str, body: bytes, status: int = 400) -> None:
    attack(name, status)(lambda service: (bearer(service.framework.token()), body))


_twice = json.dumps(activity())[:-1] + ', "serviceUrl": "https://evil.example/"}'
sent("members twice", _twice.encode())
sent("body is empty", b"")
sent("body is no JSON", b"{")
sent("body is a list", b"[]")
sent("body is not UTF-8", b'{"type": "\xff"}')
sent("body nests deeply", b'{"a":' * 5000 + b"1" + b"}" * 5000)

# --- Entra -----------------------------------------------------------------------------------


def entra(name: str, status: int, **claims: Any) -> None:
    """One more attack, with the switch for emulator tokens on."""

    def request(service: Issuers) -> Request:
        return bearer(service.entra.token(**claims)), activity()

    attack(f"emulator: {name}", status, emulator=True)(request)


@attack("Entra token of our own, the switch off", 401)
def _(service: Issuers) -> Request:
    return bearer(service.entra.token()), activity()


@attack("Entra token of a first-party tenant, the switch off", 401)
def _(service: Issuers) -> Request:
    issuer = f"https://sts.windows.net/{FIRST_PARTY}/"
    return bearer(service.entra.token(iss=issuer, tid=FIRST_PARTY)), activity()


V2 = {
    "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
    "ver": "2.0",
    "appid": None,
    "azp": APP_ID,
}
entra("version 1, own tenant, own caller", 200)
entra("version 2, own tenant, own caller", 200, **V2)
entra("own caller in upper case", 200, appid=APP_ID.upper())
entra(
    "first-party tenant, own caller",
    401,
    iss=f"https://sts.windows.net/{FIRST_PARTY}/",
    tid=FIRST_PARTY,
)
entra(
    "strange tenant, strange caller, for us",
    401,
    iss=f"https://sts.windows.net/{STRANGE_TENANT}/",
    tid=STRANGE_TENANT,
    appid=STRANGE_TENANT,
)
entra("tid of another tenant than iss", 401, tid=STRANGE_TENANT)
entra("no tid", 401, tid=None)
entra("strange caller", 401, appid=STRANGE_TENANT)
entra("no caller", 401, appid=None)
entra("version 2 with the caller of version 1", 401, **{**V2, "appid": APP_ID, "azp": None})
entra("unknown version", 401, ver="3.0")
entra("no version", 401, ver=None)
entra("version is a number", 401, ver=1.0)
entra("expired", 401, exp=1)
entra("for another app", 401, aud=STRANGE_TENANT)


@attack("emulator: Bot Framework still lets in", 200, emulator=True)
def _(service: Issuers) -> Request:
    return bearer(service.framework.token()), activity()


@attack("emulator: signed by Entra in the name of the Bot Framework", 401, emulator=True)
def _(service: Issuers) -> Request:
    forged = service.entra.token(iss=FRAMEWORK, serviceurl=SERVICE_URL)
    return bearer(forged), activity()


@attack("emulator: another channel", 403, emulator=True)
def _(service: Issuers) -> Request:
    return bearer(service.entra.token()), activity(channelId="webchat")


@attack("emulator: strange host", 403, emulator=True)
def _(service: Issuers) -> Request:
    return bearer(service.entra.token()), activity(serviceUrl="https://evil.example/")


@attack("emulator: no serviceUrl", 401, emulator=True)
def _(service: Issuers) -> Request:
    return bearer(service.entra.token()), activity(serviceUrl=None)
