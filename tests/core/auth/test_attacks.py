"""The generic rows of the attack table, each against a real issuer over HTTP.

Every refusal must come from the check that is meant to make it, so each case
also names a part of the reason that is logged.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from smartops.auth import TokenVerifier
from smartops.channels import AuthenticationFailed, Issuer
from smartops.http import AiohttpClient
from smartops.testing.issuer import SigningKey, StandInIssuer

pytestmark = pytest.mark.anyio

MINUTE = 60
FOREIGN = SigningKey.create("foreign")


def bearer(token: str) -> str:
    return f"Bearer {token}"


def segment(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(issuer: StandInIssuer, **overrides: Any) -> dict[str, Any]:
    body = issuer.token(**overrides).split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=="))
    return claims


def signed(issuer: StandInIssuer, headers: Mapping[str, Any] | None = None, **how: Any) -> str:
    return bearer(issuer.sign(claims_of(issuer), headers=headers, **how))


def at(issuer: StandInIssuer, seconds: float) -> float:
    return issuer.clock.time() + seconds


def unsigned(issuer: StandInIssuer, alg: str) -> str:
    header = segment({"alg": alg, "kid": issuer.key.kid})
    return bearer(f"{header}.{segment(claims_of(issuer))}.")


def hmac_with_public_key(issuer: StandInIssuer) -> str:
    public = issuer.key.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = f"{segment({'alg': 'HS256', 'kid': issuer.key.kid})}.{segment(claims_of(issuer))}"
    digest = hmac.digest(pem, body.encode(), hashlib.sha256)
    return bearer(f"{body}.{segment(digest)}")


def changed_payload(issuer: StandInIssuer) -> str:
    header, _, signature = issuer.token().split(".")
    return bearer(f"{header}.{segment(claims_of(issuer, sub='other'))}.{signature}")


def padded(issuer: StandInIssuer) -> str:
    return bearer(issuer.token() + "=")


def non_canonical(issuer: StandInIssuer) -> str:
    header, body, signature = issuer.token().split(".")
    return bearer(f"{header}.{body}.{signature[:-4]}\n{signature[-4:]}")


def infinite(issuer: StandInIssuer) -> str:
    text = json.dumps(claims_of(issuer, exp=0)).replace('"exp": 0', '"exp": 1e999')
    return bearer(issuer.sign(text.encode()))


Make = Callable[[StandInIssuer], str | None]

REFUSED: dict[str, tuple[Make, str]] = {
    "no header": (lambda i: None, "no Authorization"),
    "empty header": (lambda i: "", "no Authorization"),
    "no scheme": (lambda i: i.token(), "not of the scheme Bearer"),
    "other scheme": (lambda i: f"Basic {i.token()}", "not of the scheme Bearer"),
    "tab instead of space": (lambda i: f"Bearer\t{i.token()}", "not of the scheme Bearer"),
    "two spaces": (lambda i: f"Bearer  {i.token()}", "one scheme, one space and one token"),
    "three parts": (lambda i: f"Bearer {i.token()} x", "one scheme, one space and one token"),
    "no token": (lambda i: "Bearer ", "one scheme, one space and one token"),
    "beyond ASCII": (lambda i: f"Bearer {i.token()}\u00e9", "one scheme, one space and one token"),
    "lone surrogate": (lambda i: "Bearer \udc80", "one scheme, one space and one token"),
    "over 16 KB": (lambda i: bearer(i.token(pad="x" * 16384)), "characters"),
    "over 1 MB": (lambda i: bearer("x" * 2**20), "characters"),
    "one segment": (lambda i: "Bearer garbage", "segments"),
    "two segments": (lambda i: bearer(i.token().rpartition(".")[0]), "segments"),
    "JWE, five segments": (lambda i: bearer(i.token() + ".a.b"), "segments"),
    "many segments": (lambda i: bearer("." * 9000), "segments"),
    "header is not base64url": (lambda i: bearer("*" + i.token()), "header is not base64url"),
    "padding": (padded, "signature is not base64url"),
    "line end within": (non_canonical, "signature is not base64url"),
    "header is not JSON": (lambda i: bearer(segment(b"{") + ".e30.e30"), "header is not JSON"),
    "header is not UTF-8": (
        lambda i: bearer(segment(b'"\xff"') + ".e30.e30"),
        "header is not JSON",
    ),
    "header is a list": (lambda i: bearer(segment([]) + ".e30.e30"), "header is no JSON object"),
    "header nested deeply": (lambda i: bearer(segment(b"[" * 9000) + ".e30.e30"), "is not JSON"),
    "claims nested deeply": (lambda i: bearer(i.sign(b"[" * 9000)), "claims is not JSON"),
    "claims are a text": (lambda i: bearer(i.sign(b'"x"')), "claims is no JSON object"),
    "alg none": (lambda i: unsigned(i, "none"), "alg is 'none'"),
    "alg NONE": (lambda i: unsigned(i, "NONE"), "alg is 'NONE'"),
    "alg missing": (lambda i: signed(i, {"alg": None}), "alg is None"),
    "alg is a list": (lambda i: signed(i, {"alg": ["RS256"]}), "alg is ['RS256']"),
    "HS256 with the public key": (hmac_with_public_key, "alg is 'HS256'"),
    "RS384": (lambda i: signed(i, algorithm="RS384"), "alg is 'RS384'"),
    "RS512": (lambda i: signed(i, algorithm="RS512"), "alg is 'RS512'"),
    "PS256": (lambda i: signed(i, algorithm="PS256"), "alg is 'PS256'"),
    "PS256 called RS256": (
        lambda i: signed(i, {"alg": "RS256"}, algorithm="PS256"),
        "signature is not that of the key",
    ),
    "crit": (lambda i: signed(i, {"crit": ["b64"], "b64": True}), "critical"),
    "crit empty": (lambda i: signed(i, {"crit": []}), "critical"),
    "kid missing": (lambda i: signed(i, {"kid": None}), "kid is None"),
    "kid empty": (lambda i: signed(i, {"kid": ""}), "kid is ''"),
    "kid is a number": (lambda i: signed(i, {"kid": 1}), "kid is 1"),
    "kid is a list": (lambda i: signed(i, {"kid": [i.key.kid]}), "kid is ["),
    "kid unknown": (lambda i: signed(i, {"kid": "other"}), "no usable key with the kid 'other'"),
    "kid is a path": (lambda i: signed(i, {"kid": "../../etc/passwd"}), "no usable key"),
    "kid is SQL": (lambda i: signed(i, {"kid": "' OR 1=1 --"}), "no usable key"),
    "kid is long": (lambda i: signed(i, {"kid": "k" * 9000}), "no usable key with the kid 'kkk"),
    "foreign key under a known kid": (
        lambda i: signed(i, key=SigningKey(i.key.kid, FOREIGN.private)),
        "signature is not that of the key",
    ),
    "embedded jwk": (
        lambda i: signed(i, {"jwk": FOREIGN.entry}, key=SigningKey(i.key.kid, FOREIGN.private)),
        "signature is not that of the key",
    ),
    "embedded jwk under its own kid": (
        lambda i: signed(i, {"jwk": FOREIGN.entry}, key=FOREIGN),
        "no usable key with the kid 'foreign'",
    ),
    "payload changed": (changed_payload, "signature is not that of the key"),
    "signature empty": (
        lambda i: bearer(i.token().rpartition(".")[0] + "."),
        "signature is not that of the key",
    ),
    "aud of another service": (lambda i: bearer(i.token(aud="other")), "aud is 'other'"),
    "aud missing": (lambda i: bearer(i.token(aud=None)), "aud is None"),
    "aud null": (lambda i: bearer(i.sign({**claims_of(i), "aud": None})), "aud is None"),
    "aud list with us and others": (lambda i: bearer(i.token(aud=[i.audience, "b"])), "aud is ["),
    "aud list empty": (lambda i: bearer(i.token(aud=[])), "aud is []"),
    "aud list of lists": (lambda i: bearer(i.token(aud=[[i.audience]])), "aud is [["),
    "aud is an object": (lambda i: bearer(i.token(aud={i.audience: 1})), "aud is {"),
    "aud with a slash": (lambda i: bearer(i.token(aud=f"{i.audience}/")), "aud is "),
    "aud in letters that look the same": (
        lambda i: bearer(i.token(aud=i.audience.replace("s", "\u017f"))),
        "aud is '\\u017f",
    ),
    "exp missing": (lambda i: bearer(i.token(exp=None)), "there is no exp"),
    "exp null": (lambda i: bearer(i.sign({**claims_of(i), "exp": None})), "exp is None"),
    "exp is a text": (lambda i: bearer(i.token(exp="9999999999")), "exp is '9999999999'"),
    "exp is true": (lambda i: bearer(i.token(exp=True)), "exp is True"),
    "exp is infinite": (
        lambda i: bearer(i.sign(json.dumps({**claims_of(i), "exp": float("inf")}).encode())),
        "claims is not JSON",
    ),
    "exp is infinite by its size": (infinite, "exp is inf"),
    "exp is absurd": (lambda i: bearer(i.token(exp=10**400)), "exp is 1000"),
    "expired 10 min": (lambda i: bearer(i.token(exp=at(i, -10 * MINUTE))), "expired 600 s ago"),
    "expired 30 s": (lambda i: bearer(i.token(exp=at(i, -30))), "expired 30 s ago"),
    "nbf in 31 s": (lambda i: bearer(i.token(nbf=at(i, 31))), "not valid before"),
    "iat in 10 min": (lambda i: bearer(i.token(iat=at(i, 10 * MINUTE))), "not valid before"),
    "nbf is a text": (lambda i: bearer(i.token(nbf="0")), "nbf is '0'"),
    "iat is a list": (lambda i: bearer(i.token(iat=[0])), "iat is [0]"),
    "iss of another issuer": (
        lambda i: bearer(i.token(iss="https://evil.example")),
        "untrusted issuer",
    ),
    "iss missing": (lambda i: bearer(i.token(iss=None)), "untrusted issuer None"),
    "iss with a slash": (lambda i: bearer(i.token(iss=f"{i.issuer}/")), "untrusted issuer"),
    "iss in upper case": (lambda i: bearer(i.token(iss=i.issuer.upper())), "untrusted issuer"),
    "iss is a list": (lambda i: bearer(i.token(iss=[i.issuer])), "untrusted issuer ['http"),
    "iss is an object": (lambda i: bearer(i.token(iss={i.issuer: 1})), "untrusted issuer {"),
    "iss is a number": (lambda i: bearer(i.token(iss=1)), "untrusted issuer 1"),
}

ACCEPTED: dict[str, Make] = {
    "valid": lambda i: bearer(i.token()),
    "scheme bearer": lambda i: f"bearer {i.token()}",
    "scheme BEARER": lambda i: f"BEARER {i.token()}",
    "aud in upper case": lambda i: bearer(i.token(aud=i.audience.upper())),
    "aud list of us alone": lambda i: bearer(i.token(aud=[i.audience, i.audience.upper()])),
    "expired 29 s": lambda i: bearer(i.token(exp=at(i, -29))),
    "nbf in 29 s": lambda i: bearer(i.token(nbf=at(i, 29))),
    "nbf in 30 s": lambda i: bearer(i.token(nbf=at(i, 30))),
    "iat in 29 s": lambda i: bearer(i.token(iat=at(i, 29))),
    "no nbf, no iat": lambda i: bearer(i.token(nbf=None, iat=None)),
    "exp with a fraction": lambda i: bearer(i.token(exp=at(i, 0.5))),
    "just under 16 KB": lambda i: bearer(i.token(pad="x" * 11000)),
    "jwk of a stranger in the header": lambda i: signed(i, {"jwk": FOREIGN.entry}),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_refuses(
    case: str,
    issuer: StandInIssuer,
    trusted: tuple[Issuer, ...],
    verifier: TokenVerifier,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "smartops.auth")
    make, reason = REFUSED[case]
    header = make(issuer)
    for _ in range(2):
        with pytest.raises(AuthenticationFailed) as refusal:
            await verifier.verify(header, trusted)
        assert refusal.value.message == "Invalid or missing bearer token"
        assert refusal.value.details is None
        assert refusal.value.__cause__ is None
        assert reason in refusal.value.reason
    assert reason in caplog.text
    token = (header or "").split(" ")[-1]
    for part in filter(None, token.split(".")):
        assert len(part) < 12 or part not in caplog.text


@pytest.mark.parametrize("case", ACCEPTED)
async def test_accepts(
    case: str, issuer: StandInIssuer, trusted: tuple[Issuer, ...], verifier: TokenVerifier
) -> None:
    header = ACCEPTED[case](issuer)
    first = await verifier.verify(header, trusted)
    assert first.claims["sub"] == "user123"
    assert first.issuer is trusted[0]
    assert first.key == issuer.key.entry
    assert await verifier.verify(header, trusted) == first


async def test_never_calls_where_a_token_points(
    issuer: StandInIssuer, trusted: tuple[Issuer, ...], verifier: TokenVerifier
) -> None:
    async with StandInIssuer.start(clock=issuer.clock) as evil:
        evil.issuer = issuer.issuer
        for pointer in ("jku", "x5u"):
            header = signed(evil, {pointer: evil.keys_url})
            with pytest.raises(AuthenticationFailed):
                await verifier.verify(header, trusted)
        assert not evil.fetches


@pytest.mark.parametrize("tid", [None, "other", "tenant-a ", ["tenant-a"], 1, True])
async def test_a_token_needs_the_claims_of_the_issuer(
    tid: object, issuer: StandInIssuer, verifier: TokenVerifier
) -> None:
    trusted = (issuer.trusted(claims={"tid": "tenant-a"}),)
    await verifier.verify(bearer(issuer.token(tid="tenant-a")), trusted)
    with pytest.raises(AuthenticationFailed):
        await verifier.verify(bearer(issuer.token(tid=tid)), trusted)


def elliptic(kid: str) -> dict[str, Any]:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return {**ECAlgorithm.to_jwk(public, as_dict=True), "kid": kid, "use": "sig"}


UNUSABLE: dict[str, Callable[[SigningKey], Any]] = {
    "EC": lambda key: elliptic(key.kid),
    "oct": lambda key: {"kty": "oct", "kid": key.kid, "k": "AAAA"},
    "for encryption": lambda key: {**key.entry, "use": "enc"},
    "for another algorithm": lambda key: {**key.entry, "alg": "RS512"},
    "for other operations": lambda key: {**key.entry, "key_ops": ["encrypt"]},
    "operations are a text": lambda key: {**key.entry, "key_ops": "verify"},
    "private": lambda key: RSAAlgorithm.to_jwk(key.private, as_dict=True) | {"kid": key.kid},
    "private in part": lambda key: {**key.entry, "d": "AQAB"},
    "without modulus": lambda key: {"kty": "RSA", "kid": key.kid, "e": "AQAB"},
    "modulus is a number": lambda key: {**key.entry, "n": 5},
    "modulus is not base64": lambda key: {**key.entry, "n": "*"},
    "even exponent": lambda key: {**key.entry, "e": "Ag"},
    "1024 bits": lambda key: {**key.entry, "n": segment(b"\xff" * 128)},
    "16384 bits": lambda key: {**key.entry, "n": segment(b"\xff" * 2048)},
    "kid is a number": lambda key: {**key.entry, "kid": 7},
    "kid is a list": lambda key: {**key.entry, "kid": [key.kid]},
    "a text": lambda key: key.kid,
}


@pytest.mark.parametrize("case", UNUSABLE)
async def test_unusable_entries_of_the_key_set_are_ignored(
    case: str,
    issuer: StandInIssuer,
    trusted: tuple[Issuer, ...],
    verifier: TokenVerifier,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "smartops.auth")
    hidden = SigningKey("hidden", FOREIGN.private)
    issuer.entries.append(UNUSABLE[case](hidden))
    with pytest.raises(AuthenticationFailed):
        await verifier.verify(bearer(issuer.sign(claims_of(issuer), key=hidden)), trusted)
    assert "no usable key with the kid 'hidden'" in caplog.text
    await verifier.verify(bearer(issuer.token()), trusted)


async def test_a_kid_of_two_different_keys_is_refused(
    issuer: StandInIssuer, trusted: tuple[Issuer, ...], http: AiohttpClient
) -> None:
    verifier = TokenVerifier(http, issuer.clock)
    good = issuer.key
    issuer.entries += [
        SigningKey.create("twice").entry,
        SigningKey.create("twice").entry,
        good.entry,
        elliptic(good.kid),
    ]
    await verifier.verify(bearer(issuer.token()), trusted)
    twice = issuer.add_key("twice")
    verifier = TokenVerifier(http, issuer.clock)
    with pytest.raises(AuthenticationFailed):
        await verifier.verify(bearer(issuer.sign(claims_of(issuer), key=twice)), trusted)
    await verifier.verify(bearer(issuer.sign(claims_of(issuer), key=good)), trusted)
