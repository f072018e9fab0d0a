"""An app's Content-Security-Policy, so that it lets one script of ours run, and nothing else that it did not before.

Of each policy, one that only reports included (CSP Level 3, 4.2): if it lets the script run already it stays as it is;
else the script carries the policy's own nonce; else the script's address is added to the one directive that decides.
Under 'strict-dynamic' addresses count for nothing, so there its hash is added, and the script carries it as `integrity`
(CSP Level 3, 6.7.2.4). A hash is never added elsewhere, because it would switch 'unsafe-inline' off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gateway.policy.headers import Field

ENFORCED = b"content-security-policy"
REPORTED = b"content-security-policy-report-only"
DECIDING = (b"script-src-elem", b"script-src", b"default-src")
"""The first one that is there decides about `<script src>` (CSP Level 3, 6.8.3)."""

NONCE = re.compile(rb"'nonce-([A-Za-z0-9+/_-]+={0,2})'", re.IGNORECASE)
_NEEDED = frozenset({b"allow-scripts", b"allow-same-origin"})


class Script(NamedTuple):
    """What is to run: on that origin, at that path, with that content."""

    origin: bytes  # "https://wiki.example.com"
    path: bytes
    hash: bytes  # "sha256-…", in base64


class Admitted(NamedTuple):
    """The fields of the answer as they are sent, and what the script's tag needs."""

    headers: list[Field]
    nonce: bytes = b""
    hashed: bool = False


def admit(headers: Sequence[Field], script: Script) -> Admitted | str:
    """The policies corrected; or why that cannot be."""
    nonce, hashed = b"", False
    corrected: list[Field] = []
    for name, value in headers:
        if name in (ENFORCED, REPORTED):
            policies = []
            for policy in value.split(b","):
                directives = _directives(policy)
                sandbox = directives.get(b"sandbox")
                if name == ENFORCED and sandbox is not None and not {each.lower() for each in sandbox} >= _NEEDED:
                    return "its Content-Security-Policy puts it into a sandbox"
                deciding = next((each for each in DECIDING if each in directives), b"")
                sources = directives.get(deciding)
                if sources is not None and not _allows(sources, script):
                    own = next((found[1] for each in sources if (found := NONCE.fullmatch(each))), b"")
                    if own and nonce in (b"", own):
                        nonce = own
                    elif _strict(sources):
                        policy, hashed = _with(policy, deciding, sources, b"'%b'" % script.hash), True
                    else:
                        policy = _with(policy, deciding, sources, script.origin + script.path)
                policies.append(policy)
            value = b",".join(policies)
        elif name == b"integrity-policy" and b"script" in value:
            hashed = True
        corrected.append((name, value))
    return Admitted(corrected, nonce, hashed)


def _directives(policy: bytes) -> dict[bytes, list[bytes]]:
    """The sources of each directive; of two with one name the first counts (CSP Level 3, 2.2.1)."""
    found: dict[bytes, list[bytes]] = {}
    for directive in policy.split(b";"):
        name, *sources = directive.split() or [b""]
        found.setdefault(name.lower(), sources)
    return found


def _allows(sources: list[bytes], script: Script) -> bool:
    """Whether it runs without any help; what is not plain counts as no."""
    scheme, _, host = script.origin.partition(b"://")
    plain = {b"*", b"'self'", scheme + b":", host, script.origin, script.origin + b"/"}
    return not _strict(sources) and not plain.isdisjoint(each.lower() for each in sources)


def _strict(sources: list[bytes]) -> bool:
    return any(each.lower() == b"'strict-dynamic'" for each in sources)


def _with(policy: bytes, deciding: bytes, sources: list[bytes], source: bytes) -> bytes:
    """The policy with one more source for scripts. What `default-src` says of the rest is left alone."""
    kept = [each for each in sources if each.lower() != b"'none'"]
    if deciding == b"default-src":
        return policy.rstrip(b"; \t") + b"; " + b" ".join([b"script-src", *kept, source])
    directives = policy.split(b";")
    for index, directive in enumerate(directives):
        if directive.split()[:1] and directive.split()[0].lower() == deciding:
            name = directive.split()[0]
            before = directive[: len(directive) - len(directive.lstrip())]
            directives[index] = before + b" ".join([name, *kept, source])
            break
    return b";".join(directives)
