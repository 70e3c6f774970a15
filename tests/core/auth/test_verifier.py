"""What the verifier checks every time, and how it chooses the issuer."""

from __future__ import annotations

import pytest

from smartops.auth import TokenVerifier, Untrusted, peek
from smartops.auth.keys import DEAD
from smartops.channels import AuthenticationFailed, Issuer
from smartops.http import AiohttpClient
from smartops.testing.clock import ManualClock
from smartops.testing.issuer import SigningKey, StandInIssuer

pytestmark = pytest.mark.anyio

Trusted = tuple[Issuer, ...]


def signed(issuer: StandInIssuer, key: SigningKey, **more: object) -> str:
    """Return a header with a long-lived token."""
    ends = issuer.clock.time() + 10 * DEAD
    claims = {"iss": issuer.issuer, "aud": issuer.audience, "sub": "x", "exp": ends, **more}
    return f"Bearer {issuer.sign(claims, key=key)}"


async def refuses(verifier: TokenVerifier, header: str, trusted: Trusted) -> bool:
    try:
        await verifier.verify(header, trusted)
    except AuthenticationFailed:
        return True
    return False


async def test_a_forged_token_is_refused_by_every_issuer(
    issuer: StandInIssuer, trusted: Trusted, verifier: TokenVerifier
) -> None:
    forged = signed(issuer, SigningKey.create(issuer.key.kid))
    assert await refuses(verifier, forged, trusted)
    assert await refuses(verifier, forged, ())
    elsewhere = issuer.trusted(keys={"keys": [SigningKey.create("k").entry]})
    for _ in range(2):
        assert await refuses(verifier, forged, (*trusted, elsewhere))


async def test_forged_tokens_cause_no_key_fetches(
    issuer: StandInIssuer, trusted: Trusted, verifier: TokenVerifier
) -> None:
    assert not await refuses(verifier, f"Bearer {issuer.token()}", trusted)
    fetched = issuer.fetches.total()
    forger = SigningKey.create(issuer.key.kid)
    for number in range(20):
        assert await refuses(verifier, signed(issuer, forger, n=number), trusted)
    assert issuer.fetches.total() == fetched


async def test_a_verified_token_can_be_revoked(
    issuer: StandInIssuer, trusted: Trusted, http: AiohttpClient
) -> None:
    revoked: set[str] = set()
    verifier = TokenVerifier(http, issuer.clock, revoked=revoked.__contains__)
    one, other = (f"Bearer {issuer.token(jti=name)}" for name in ("one", "other"))
    await verifier.verify(one, trusted)
    revoked.add("one")
    assert await refuses(verifier, one, trusted)
    assert not await refuses(verifier, other, trusted)
    assert await refuses(
        TokenVerifier(http, issuer.clock, revoked=revoked.__contains__), one, trusted
    )


@pytest.mark.parametrize("jti", [None, "", 5, ["one"]])
async def test_a_token_without_a_usable_jti_is_not_looked_up(
    jti: object, issuer: StandInIssuer, trusted: Trusted, http: AiohttpClient
) -> None:
    def revoked(name: str) -> bool:
        raise AssertionError(name)

    verifier = TokenVerifier(http, issuer.clock, revoked=revoked)
    assert not await refuses(verifier, f"Bearer {issuer.token(jti=jti)}", trusted)


async def test_audiences_are_compared_ignoring_case_in_ascii_only(
    issuer: StandInIssuer, verifier: TokenVerifier
) -> None:
    trusted = (issuer.trusted(audiences=("api://kiosk",)),)
    assert not await refuses(verifier, f"Bearer {issuer.token(aud='API://KIOSK')}", trusted)
    kelvin = "api://\u212aios\u212a"
    assert kelvin.lower() == "api://kiosk"
    assert await refuses(verifier, f"Bearer {issuer.token(aud=kelvin)}", trusted)


async def test_chooses_among_issuers_of_one_name(
    issuer: StandInIssuer, verifier: TokenVerifier
) -> None:
    """Two tenants of one provider may share the ``iss`` and the keys and differ in a claim."""
    a = issuer.trusted("a", claims={"tid": "a"}, audiences=("one", "two"))
    b = issuer.trusted("b", claims={"tid": "b"}, issuers=("https://old.example", issuer.issuer))
    verified = await verifier.verify(f"Bearer {issuer.token(tid='b')}", (a, b))
    assert verified.issuer is b
    verified = await verifier.verify(f"Bearer {issuer.token(tid='a', aud='two')}", (a, b))
    assert verified.issuer is a
    assert await refuses(verifier, f"Bearer {issuer.token(tid='c')}", (a, b))
    assert await refuses(verifier, f"Bearer {issuer.token(tid='b', aud='two')}", (a, b))


async def test_keys_of_one_issuer_do_not_sign_for_another(
    issuer: StandInIssuer, verifier: TokenVerifier, clock: ManualClock
) -> None:
    async with StandInIssuer.start(clock=clock, audience="smartops") as other:
        both = (issuer.trusted("a"), other.trusted("b"))
        assert not await refuses(verifier, f"Bearer {other.token()}", both)
        assert await refuses(verifier, f"Bearer {other.token(iss=issuer.issuer)}", both)
        same_kid = SigningKey(issuer.key.kid, other.key.private)
        claims = {"iss": issuer.issuer, "aud": "smartops", "exp": clock.time() + 60}
        assert await refuses(verifier, f"Bearer {issuer.sign(claims, key=same_kid)}", both)


async def test_peeking_returns_the_issuer_without_verification(
    issuer: StandInIssuer, trusted: Trusted, verifier: TokenVerifier
) -> None:
    header = f"Bearer {issuer.token()}"
    assert verifier.peek_issuer(header) == issuer.issuer
    assert verifier.peek_issuer(header[:-10] + "AAAAAAAAAA") == issuer.issuer
    assert not issuer.fetches
    await verifier.verify(header, trusted)
    assert verifier.peek_issuer(header) == issuer.issuer
    assert verifier.peek_issuer(f"Bearer {issuer.token(iss='https://b')}") == "https://b"
    assert verifier.peek_issuer(header) == issuer.issuer


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer a.b.c",
        "Bearer a.!.c",
        "Basic YTpi",
        "Bearer " + "x" * 40000,
        "Bearer " + "." * 40000,
        "Bearer a.W10.c",
        "Bearer \udc80",
    ],
)
async def test_peeking_never_fails(header: str | None, verifier: TokenVerifier) -> None:
    assert verifier.peek_issuer(header) == ""


async def test_claims_can_be_read_without_trust(issuer: StandInIssuer) -> None:
    assert peek(issuer.token(jti="x"))["jti"] == "x"
    with pytest.raises(Untrusted):
        peek("garbage")
