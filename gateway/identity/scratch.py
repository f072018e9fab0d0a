"""One attempt to sign in to an app, in a conversation that is nobody's: what the app says to a name and a password."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.errors import UpstreamUnreachable
from gateway.identity.captcha import asks_for_one
from gateway.identity.conversation import Conversation, shown
from gateway.identity.described import Described
from gateway.identity.forms import Form
from gateway.identity.http import Answer
from gateway.identity.page import Page
from gateway.identity.signing_out import sign_out
from gateway.identity.whoami import named
from gateway.policy import wording
from gateway.policy.facts import Reason
from gateway.policy.jar import Pair
from gateway.policy.login import OWNER, Accepted, Attempt, Declined, Login, succeeded


class Scratch:
    """Lives for one attempt. `posted` once the app may have seen the password, `entered` once it let somebody in."""

    def __init__(self, login: Login, talk: Conversation) -> None:
        self._login, self._talk, self._tell = login, talk, talk.tell
        self._request = Described(login.request)
        self._seen: list[Page] = []  # while signed in
        self._landing: Answer | None = None
        self.posted = self.entered = False

    async def attempt(self, name: str, password: str) -> Attempt:
        """Raises UpstreamError."""
        typed = {self._login.password: password}
        if self._login.username:
            typed[self._login.username] = name
        found = await self._open(typed)
        if isinstance(found, Declined):
            return found
        form, target = found
        answer = await self._post(form, target, typed)
        self._tell(f"{form.method} {shown(target)}: {self._talk.outcome(answer)}")
        blocked = self._blocked(answer)
        if blocked is not None:
            return self._declined(blocked)
        if await self._lets_in(answer, typed):
            self.entered = True
            return await self._accepted(name, answer, typed)
        return await self._refused(answer, typed)

    def cookies(self) -> list[Pair]:
        """Those that stand for whoever was let in, where that could be asked."""
        return self._talk.cookies(self._login.whoami.target if self._login.whoami else self._talk.target)

    async def leave(self) -> None:
        """Sign out again. Raises UpstreamError."""
        if self._login.logout is None:
            self._tell("not signed out: no logout is described, so the app keeps that session until it runs out")
            return
        if self._landing is not None:
            landed = await self._talk.settled(self._landing)
            if landed is not None:
                self._seen.insert(0, await self._talk.page(landed))
        await sign_out(self._talk, Described(self._login.logout), self._seen)

    async def _open(self, typed: dict[str, str]) -> tuple[Form, str] | Declined:
        """The form to fill in, and the target it is sent to."""
        page_target = self._login.page
        answer = await self._talk.get(page_target)
        told = f"GET {page_target}: {self._talk.outcome(answer)}"
        if answer.redirects:
            self._tell(told)
            settled = await self._talk.settled(answer)
            if settled is None:
                return self._declined(Reason.APP_CHANGED)
            answer, told = settled, "that page"
        page = await self._talk.page(answer)
        found = self._form(page, typed)
        if found is not None:
            self._tell(f"{told}, a form with {len(found[0].fields)} fields")
        else:
            self._tell(f"{told}, no form with {' and '.join(map(repr, typed))} that is sent to this app")
        blocked = self._blocked(answer, page, found[0] if found else None)
        if blocked is not None:
            return self._declined(blocked)
        if found is None:
            return self._declined(Reason.APP_CHANGED)
        form, target = found
        asked = self._login.request.methods or frozenset({"POST"})
        if form.method not in asked:
            self._tell(f"that form is sent by {form.method}, which is not what the configuration says")
            return self._declined(Reason.APP_CHANGED)
        if not self._request.is_form(form, target, typed):
            self._tell(f"note: {form.method} {shown(target)} is not the sign-in that the configuration describes")
        return form, target

    def _form(self, page: Page, typed: Iterable[str]) -> tuple[Form, str] | None:
        """Of the forms with these fields, the one that is the sign-in as described, else the first."""
        found: list[tuple[Form, str]] = []
        values = dict.fromkeys(typed, "x")
        for form in page.forms:
            target = self._talk.site.inside(form.filled(values).target) if form.has(*values) else None
            if target is not None:
                if self._request.is_form(form, target, values):
                    return form, target
                found.append((form, target))
        return found[0] if found else None

    async def _post(self, form: Form, target: str, typed: dict[str, str]) -> Answer:
        sent = form.filled(typed)
        self.posted = True
        try:
            return await self._talk.send(sent, self._talk.site.inside(sent.target) or target)
        except UpstreamUnreachable:
            self.posted = False
            raise

    async def _lets_in(self, answer: Answer, typed: dict[str, str]) -> bool:
        """Whether it is a success as described, and does not show the form again."""
        success = self._login.success
        if not answer.redirects and self._form(await self._talk.page(answer), typed) is not None:
            return False
        if success.body_not and not answer.whole:
            self._tell("that page is too long to be judged by what does not stand in it")
            return False
        body = answer.text if success.reads else ""
        return succeeded(success, self._talk.target, answer.status, answer.headers, body)

    async def _refused(self, answer: Answer, typed: dict[str, str]) -> Declined:
        """Why that answer, or the one it leads to, is no success."""
        settled = await self._talk.settled(answer)
        if settled is None:
            return self._declined(Reason.APP_CHANGED)
        page = await self._talk.page(settled)
        form = self._form(page, typed)
        blocked = self._blocked(settled, page, form[0] if form else None)
        if blocked is not None:
            return self._declined(blocked)
        said = self._login.success.body_not
        if form is not None or settled.status == 401 or (said and wording.find(said, settled.text) is not None):
            self._tell("which is the answer to a wrong name or password")
            return self._declined(Reason.WRONG)
        self._tell("which is neither a success as described nor the form again")
        return self._declined(Reason.APP_CHANGED)

    def _blocked(self, answer: Answer, page: Page | None = None, form: Form | None = None) -> Reason | None:
        """What keeps anybody from signing in there."""
        if answer.status == 429:
            return Reason.APP_LOCKED
        if answer.status >= 500:
            return Reason.APP_DOWN
        text = answer.text
        if any(wording.find(said, text) is not None for said in self._login.locked):
            return Reason.APP_LOCKED
        if any(wording.find(said, text) is not None for said in self._login.captcha):
            return Reason.APP_CAPTCHA
        return Reason.APP_CAPTCHA if page is not None and asks_for_one(page, form) else None

    async def _accepted(self, name: str, answer: Answer, typed: dict[str, str]) -> Attempt:
        """The app said yes; to whom, it is asked, where it can be."""
        whoami, at = self._login.whoami, self._talk.target
        self._landing = answer
        if whoami is None:
            return Accepted(name if self._login.username else OWNER)
        reply = await self._talk.get(whoami.target)
        found = named(self._login, reply)
        who = "nobody" if found is None else found
        self._tell(f"who am I: GET {whoami.target}: {self._talk.outcome(reply)}, {who}")
        if self._login.logout is not None:
            self._seen = [await self._talk.page(reply)]
        self._talk.target = at  # where the answer's own redirect is read from
        if found is not None:
            return Accepted(found)
        self._landing = None
        return await self._refused(answer, typed)

    def _declined(self, reason: Reason) -> Declined:
        return Declined(reason, self.posted)
