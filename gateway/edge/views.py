"""What each page shows. One frozen class for each template; words are chosen in the template, never here.

Times are seconds since the epoch, durations seconds. The forms a page holds, where they post to, and their fields,
besides `csrf` and the view's `hidden` ones:

    confirm/<id>             way, and password, code or passkey      confirm/<id>/cancel
    signin                   username, password | passkey            signin/code       code
    signout
    account/password         current, new, again                     account/totp      label, code
    account/passkey          label, passkey                          account/recovery
    account/remove           id                                      account/stepdown
    account/sessions/revoke  ref                                     account/sessions/revoke-others

`GET account/totp`, `account/passkey` and `account/recovery` show the forms that post to the same address.
`GET confirm/<id>?way=…` asks by another way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What every page knows. `hidden` are fields of its main form that come back as they are."""

    template: ClassVar[str]
    site: str  # the app, as people know it
    request_id: str
    now: int
    csrf: str = ""
    person: str = ""  # who is signed in
    hidden: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm(View):
    """Confirm access. `way` and `others` are verifiers, `declined` is why the request is not held.

    `error`: "wrong", "throttled", "expired" (the passkey dialog was open for too long), or what came of asking the app:
    "app-down", "app-changed", "app-captcha", "app-locked", "other-person".
    """

    template = "confirm.html"
    post: str  # "/.gateway/confirm/<id>"
    subject: str  # for password managers
    action: str
    method: str
    target: str
    way: str  # "" when nothing is left to ask
    others: tuple[str, ...] = ()
    shown: tuple[tuple[str, str], ...] = ()
    options: str = ""  # JSON for the browser's passkey dialog
    lasts: int = 0  # 0: this action alone
    step: int = 1
    steps: int = 1
    held: bool = True
    declined: str = ""  # policy.holdable.Declined, "" for a script's call
    error: str = ""
    wait: int = 0
    name_asked: bool = False  # the session was taken over from the app: `subject` is only a suggestion
    of_app: bool = False  # the password is the app's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed(View):
    """Confirmed, but the request was not held. `onward` is where to do it again."""

    template = "confirmed.html"
    action: str
    onward: str
    lasts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(View):
    """Not confirmed, and nothing was held. `back` is where the person came from."""

    template = "cancelled.html"
    back: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent(View):
    """A held request that did not get through. `fate`: "kept", "lost", "unknown" (it may have taken effect), or
    "unanswered" (the same, for it was on its way before).

    `action` is "" where its route is gone from the file.
    """

    template = "unsent.html"
    fate: str
    post: str  # "/.gateway/confirm/<id>", for Cancel
    method: str
    target: str
    retry: str  # the original address
    action: str = ""
    kept_until: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(View):
    """`notice`: "kept" or "lost" is what became of the request of a session that ran out; "expired", it just did."""

    template = "signin.html"
    name: str = ""  # as typed
    options: str = ""  # "" offers no passkey
    notice: str = ""  # also "ended": too many wrong answers
    error: str = ""  # "wrong", "throttled", "expired"
    wait: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSignIn(View):
    """The app's own sign-in comes first. `notice`: "lost" (what was sent is not kept), "ended" (too many wrong
    answers), "expired", or "not-observed" (the app does not say who is signed in, and it happened out of our sight).
    """

    template = "app_signin.html"
    page: str  # the app's sign-in page
    notice: str = ""
    back: str = ""  # where they were going; "" for the start page


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInCode(View):
    """The second half of a sign-in."""

    template = "signin_code.html"
    error: str = ""  # "wrong", "throttled"
    wait: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut(View):
    """With a `person`: the question whether to."""

    template = "signed_out.html"
    of_app: bool = False  # the app has a session of its own, which may go on


@dataclass(frozen=True, slots=True)
class Device:
    """A passkey or an authenticator app."""

    id: str
    label: str
    added_at: int
    used_at: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A session: where somebody is signed in."""

    ref: str
    device: str  # edge.devices.describe
    address: str
    seen_at: int
    current: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """The newest confirmation, by a verifier."""

    way: str
    at: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(View):
    """Credentials and sessions. `error` is about the password form, `flows.enrol.Fault`."""

    template = "account.html"
    subject: str
    of_app: bool = False  # the password is the app's own, and not changed here
    password_changed_at: int | None = None
    totps: tuple[Device, ...] = ()
    passkeys: tuple[Device, ...] = ()
    recovery_codes: int = 0
    places: tuple[Place, ...] = ()
    proof: Proof | None = None
    notice: str = ""  # "password", "totp", "passkey", "removed", "revoked", "ended"
    error: str = ""
    wait: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTotp(View):
    """A new authenticator app. `uri` is the otpauth URI, shown as a QR code."""

    template = "account_totp.html"
    secret: str
    uri: str
    label: str = ""
    error: str = ""  # flows.enrol.Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPasskey(View):
    """A new passkey."""

    template = "account_passkey.html"
    options: str
    label: str = ""
    error: str = ""  # flows.enrol.Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodes(View):
    """`codes` just made, shown this once; none: the form that makes them."""

    template = "account_recovery.html"
    left: int = 0
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(View):
    """Law 9. `needs`: any one of these combinations of verifiers would do.

    `why`: "no-verifier", or "too-new" where all that would do was added after signing in (law 8).
    """

    template = "refused.html"
    why: str
    action: str
    needs: tuple[tuple[str, ...], ...]
    back: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(View):
    """Anything else that went wrong. `reason`: a `Reason`, "not-found", "forged", "expired" (a confirmation)."""

    template = "error.html"
    status: int
    reason: str
    wait: int = 0
