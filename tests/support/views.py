"""One of every page, and of every notice and error that it can show."""

from __future__ import annotations

from typing import Any

from gateway.edge.views import (
    Account,
    AddPasskey,
    AddTotp,
    AppSignIn,
    Cancelled,
    Confirm,
    Confirmed,
    Device,
    Failure,
    Place,
    Proof,
    RecoveryCodes,
    Refused,
    SignedOut,
    SignIn,
    SignInCode,
    Unsent,
    View,
)

NOW = 1_700_000_000
COMMON: dict[str, Any] = {
    "site": "Notes",
    "request_id": "0f3a9c52d1e84b7a",
    "now": NOW,
    "csrf": "token-of-the-form",
    "person": "Alice Liddell",
}
NOBODY: dict[str, Any] = COMMON | {"person": ""}
ASK: dict[str, Any] = {
    **COMMON,
    "post": "/.gateway/confirm/Zk3jLw0",
    "subject": "alice",
    "action": "Change your e-mail address",
    "method": "POST",
    "target": "/account/email",
    "shown": (("email", "alice@wonderland.example"),),
    "lasts": 300,
}
OPTIONS = (
    '{"challenge":"AAECAwQFBgcICQoLDA0ODw","rpId":"localhost","allowCredentials":[],"userVerification":"required",'
    '"timeout":60000}'
)
CREATION = (
    '{"challenge":"AAECAwQFBgcICQoLDA0ODw","rp":{"id":"localhost","name":"Notes"},'
    '"user":{"id":"YWxpY2U","name":"alice","displayName":"Alice"},'
    '"pubKeyCredParams":[{"type":"public-key","alg":-7}],"excludeCredentials":[],"timeout":60000,'
    '"authenticatorSelection":{"residentKey":"preferred","userVerification":"required"}}'
)
PHONE = Device("a1", "Phone", NOW - 86400 * 40, NOW - 7200)
KEY = Device("b2", "Security key", NOW - 86400 * 3)
HERE = Place("r1", "Firefox on Linux", "192.0.2.7", NOW - 20, current=True)
THERE = Place("r2", "Chrome on Android", "2001:db8::42", NOW - 86400 * 2)
OWNED: dict[str, Any] = {
    **COMMON,
    "subject": "alice",
    "password_changed_at": NOW - 86400 * 90,
    "totps": (PHONE,),
    "passkeys": (PHONE, KEY),
    "recovery_codes": 8,
    "places": (HERE, THERE),
    "proof": Proof("passkey", NOW - 120, NOW + 180),
}
KEY_TEXT = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TOTP: dict[str, Any] = {
    **COMMON,
    "secret": KEY_TEXT,
    "uri": f"otpauth://totp/Notes:alice?secret={KEY_TEXT}&issuer=Notes",
    "hidden": (("id", "c3"),),
}
CODES = tuple(f"{n:04d}-abcd-efgh" for n in range(10))
NEEDS = (("passkey",), ("password", "totp"))

VIEWS: dict[str, View] = {
    "confirm-password": Confirm(**ASK, way="password", others=("passkey", "totp")),
    "confirm-password-wrong": Confirm(**ASK, way="password", others=("totp",), error="wrong"),
    "confirm-totp": Confirm(**ASK | {"lasts": 0}, way="totp", others=("password",), step=2, steps=2),
    "confirm-totp-wrong": Confirm(**ASK, way="totp", error="wrong"),
    "confirm-throttled": Confirm(**ASK, way="totp", error="throttled", wait=95),
    "confirm-passkey": Confirm(**ASK, way="passkey", others=("totp", "password"), options=OPTIONS),
    "confirm-passkey-wrong": Confirm(**ASK, way="passkey", options=OPTIONS, error="wrong"),
    "confirm-passkey-expired": Confirm(**ASK, way="passkey", options=OPTIONS, error="expired"),
    "confirm-too-large": Confirm(**ASK, way="password", held=False, declined="too-large"),
    "confirm-cross-site": Confirm(**ASK, way="password", held=False, declined="cross-site"),
    "confirm-quota": Confirm(**ASK, way="password", held=False, declined="quota"),
    "confirm-script": Confirm(**ASK, way="password", held=False),
    "confirm-done-elsewhere": Confirm(**ASK, way=""),
    "confirm-own-action": Confirm(**ASK | {"action": "Add a passkey", "shown": ()}, way="password"),
    "confirm-app": Confirm(**ASK, way="password", others=("passkey",), of_app=True),
    "confirm-app-wrong": Confirm(**ASK, way="password", of_app=True, error="wrong"),
    "confirm-app-changed": Confirm(**ASK, way="password", others=("passkey",), of_app=True, error="app-changed"),
    "confirm-name": Confirm(**ASK, way="password", of_app=True, name_asked=True),
    **{
        f"confirm-name-{error}": Confirm(**ASK, way="password", of_app=True, name_asked=True, error=error)
        for error in ("wrong", "app-down", "app-captcha", "app-locked", "other-person")
    },
    "confirmed": Confirmed(**COMMON, action="Delete your account", onward="/account", lasts=300),
    "cancelled": Cancelled(**COMMON, back="/account"),
    "unsent-kept": Unsent(
        **COMMON,
        fate="kept",
        post="/.gateway/confirm/x",
        method="POST",
        target="/account/email",
        retry="/account/email",
        action="Change your e-mail address",
        kept_until=NOW + 400,
    ),
    "unsent-lost": Unsent(
        **COMMON, fate="lost", post="/.gateway/confirm/x", method="POST", target="/a", retry="/a", kept_until=NOW
    ),
    "unsent-unknown": Unsent(
        **COMMON, fate="unknown", post="/.gateway/confirm/x", method="POST", target="/a", retry="/a", kept_until=NOW
    ),
    "unsent-unanswered": Unsent(
        **COMMON, fate="unanswered", post="/.gateway/confirm/x", method="POST", target="/a", retry="/a", kept_until=NOW
    ),
    "signin": SignIn(**NOBODY, options=OPTIONS, hidden=(("next", "/"),)),
    "signin-wrong": SignIn(**NOBODY, name="alice", error="wrong"),
    "signin-throttled": SignIn(**NOBODY, name="alice", error="throttled", wait=30),
    "signin-kept": SignIn(**NOBODY, notice="kept"),
    "signin-lost": SignIn(**NOBODY, notice="lost"),
    "signin-ended": SignIn(**NOBODY, notice="ended"),
    "signin-expired": SignIn(**NOBODY, notice="expired", error="expired"),
    "app-signin": AppSignIn(**NOBODY, page="/doku.php?do=login&id=start", back="/doku.php?do=admin"),
    **{
        f"app-signin-{notice}": AppSignIn(**NOBODY, page="/doku.php?do=login", notice=notice)
        for notice in ("lost", "ended", "expired", "not-observed")
    },
    "signin-code": SignInCode(**NOBODY, hidden=(("half", "h"),)),
    "signin-code-wrong": SignInCode(**NOBODY, error="wrong"),
    "signout": SignedOut(**COMMON),
    "signed-out": SignedOut(**NOBODY),
    "signout-app": SignedOut(**COMMON, of_app=True),
    "signed-out-app": SignedOut(**NOBODY, of_app=True),
    "account-app": Account(**OWNED | {"password_changed_at": None}, of_app=True),
    "account": Account(**OWNED, notice="totp"),
    "account-empty": Account(**COMMON, subject="alice", places=(HERE,), recovery_codes=0),
    "account-wrong-password": Account(**OWNED, error="wrong-password"),
    "account-mismatch": Account(**OWNED, error="mismatch"),
    "account-throttled": Account(**OWNED, error="throttled", wait=30),
    "totp": AddTotp(**TOTP),
    "totp-wrong": AddTotp(**TOTP, label="Phone", error="wrong-code"),
    "passkey": AddPasskey(**COMMON, options=CREATION, hidden=(("id", "d4"),)),
    "passkey-failed": AddPasskey(**COMMON, options=CREATION, error="passkey-failed"),
    "recovery": RecoveryCodes(**COMMON, left=3),
    "recovery-codes": RecoveryCodes(**COMMON, left=10, codes=CODES),
    "refused": Refused(**COMMON, why="no-verifier", action="Delete your account", needs=NEEDS),
    "refused-too-new": Refused(**COMMON, why="too-new", action="Delete your account", needs=NEEDS),
    **{
        f"error-{reason}-{status}": Failure(**NOBODY, status=status, reason=reason, wait=90)
        for status, reason in (
            (400, "malformed"),
            (401, "superseded"),
            (403, "cross-site"),
            (403, "forged"),
            (403, "disabled"),
            (403, "other-person"),
            (404, "not-found"),
            (404, "expired"),
            (408, "slow"),
            (409, "unanswered"),
            (421, "unknown-host"),
            (429, "throttled"),
            (500, "internal"),
            (502, "upstream"),
            (503, "store-down"),
            (503, "busy"),
            (503, "app-down"),
            (504, "upstream"),
        )
    },
}
