"""What is made of a policy: as little as lets one script run."""

from __future__ import annotations

import pytest

from gateway.edge.csp import Script, admit

SCRIPT = Script(b"https://wiki.test:8443", b"/.gateway/static/stepup.js", b"sha256-abc=")
OURS = b"https://wiki.test:8443/.gateway/static/stepup.js"
CSP = b"content-security-policy"

AS_IT_IS = [
    b"",
    b"img-src 'none'; frame-ancestors 'self'",
    b"script-src 'self'",
    b"default-src 'SELF'; object-src 'none'",
    b"script-src *",
    b"script-src https: 'unsafe-inline'",
    b"script-src wiki.test:8443",
    b"script-src https://wiki.test:8443",
    b"script-src https://wiki.test:8443/ 'nonce-abc'",
    b"Script-Src 'self'; script-src 'none'",
    b"script-src-elem 'self'; script-src 'none'; default-src 'none'",
    b"default-src 'none'; script-src 'self'",
    b"sandbox allow-scripts allow-same-origin allow-forms; script-src 'self'",
    b"script-src-attr 'none'",
]
ADDED = [
    (b"script-src 'none'", b"script-src " + OURS),
    (b"script-src", b"script-src " + OURS),
    (b"img-src a; script-src  cdn.test ;style-src b", b"img-src a; script-src cdn.test " + OURS + b";style-src b"),
    (b"script-src 'unsafe-inline'", b"script-src 'unsafe-inline' " + OURS),
    (b"script-src 'sha256-x'", b"script-src 'sha256-x' " + OURS),
    (b"script-src 'self'; script-src-elem a.test", b"script-src 'self'; script-src-elem a.test " + OURS),
    (b"default-src 'none'", b"default-src 'none'; script-src " + OURS),
    (
        b"default-src a.test 'unsafe-inline';",
        b"default-src a.test 'unsafe-inline'; script-src a.test 'unsafe-inline' " + OURS,
    ),
    (b"script-src http:", b"script-src http: " + OURS),
    (b"script-src https://wiki.test:8443/static/", b"script-src https://wiki.test:8443/static/ " + OURS),
    (b"script-src 'nonce-\"><b>'", b"script-src 'nonce-\"><b>' " + OURS),
    (b"script-src 'none', script-src b.test", b"script-src " + OURS + b", script-src b.test " + OURS),
    (
        b"script-src 'strict-dynamic' 'sha256-x' 'self' https: 'unsafe-inline'",
        b"script-src 'strict-dynamic' 'sha256-x' 'self' https: 'unsafe-inline' 'sha256-abc='",
    ),
    (
        b"default-src 'strict-dynamic' 'sha256-x'",
        b"default-src 'strict-dynamic' 'sha256-x'; script-src 'strict-dynamic' 'sha256-x' 'sha256-abc='",
    ),
]


@pytest.mark.parametrize("policy", AS_IT_IS)
def test_a_policy_that_lets_it_run_stays_as_it_is(policy: bytes) -> None:
    assert admit([(b"x", b"y"), (CSP, policy)], SCRIPT) == ([(b"x", b"y"), (CSP, policy)], b"", False)


@pytest.mark.parametrize("policy, corrected", ADDED)
def test_the_directive_that_decides_gets_one_source_more(policy: bytes, corrected: bytes) -> None:
    assert admit([(CSP, policy)], SCRIPT) == ([(CSP, corrected)], b"", b"'sha256-abc='" in corrected)


@pytest.mark.parametrize(
    "policies, corrected, nonce",
    [
        ([b"script-src 'nonce-r4nd+/=='"], None, b"r4nd+/=="),
        ([b"script-src 'strict-dynamic' 'NONCE-aB3' 'unsafe-inline' https:"], None, b"aB3"),
        ([b"script-src 'self'", b"script-src 'nonce-a'"], None, b"a"),
        ([b"script-src 'nonce-a'", b"default-src 'nonce-a'"], None, b"a"),
        (
            [b"script-src 'nonce-a'", b"script-src 'nonce-b'"],
            [b"script-src 'nonce-a'", b"script-src 'nonce-b' " + OURS],
            b"a",
        ),
        ([b"script-src 'self' 'nonce-a'"], None, b""),
        ([b"script-src 'nonce-a', script-src 'none'"], [b"script-src 'nonce-a', script-src " + OURS], b"a"),
    ],
)
def test_a_nonce_of_the_policy_is_used(policies: list[bytes], corrected: list[bytes] | None, nonce: bytes) -> None:
    admitted = admit([(CSP, each) for each in policies], SCRIPT)
    assert admitted == ([(CSP, each) for each in corrected or policies], nonce, False)


@pytest.mark.parametrize(
    "policy",
    [b"sandbox", b"sandbox allow-scripts", b"sandbox allow-same-origin", b"default-src *; SandBox allow-forms"],
)
def test_a_sandbox_cannot_be_met(policy: bytes) -> None:
    assert (
        admit([(CSP, b"script-src 'self', " + policy)], SCRIPT) == "its Content-Security-Policy puts it into a sandbox"
    )


def test_a_policy_that_only_reports_has_nothing_to_report_of_us() -> None:
    reported = b"content-security-policy-report-only"
    admitted = admit([(reported, b"sandbox; script-src 'none'")], SCRIPT)
    assert admitted == ([(reported, b"sandbox; script-src " + OURS)], b"", False)


def test_integrity_is_shown_where_it_is_asked_for() -> None:
    asked = [(b"integrity-policy", b"blocked-destinations=(script)")]
    assert admit(asked, SCRIPT) == (asked, b"", True)
