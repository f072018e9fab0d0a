"""Leaving an app again, the way its own pages do: by their form or link, with the token that is in it."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from gateway.identity.conversation import Conversation, shown
from gateway.identity.described import Described
from gateway.identity.forms import URLENCODED, Form, Sent
from gateway.identity.http import Answer
from gateway.identity.page import Page
from gateway.policy.facts import Condition, Route
from gateway.policy.fields import NOT


async def sign_out(talk: Conversation, described: Described, pages: Iterable[Page]) -> None:
    """`pages` were seen while signed in, the most telling first. Raises UpstreamError; tells how it went."""
    for page in pages:
        form = _form(talk, described, page)
        if form is not None:
            await _by_form(talk, described, *form)
            return
    for page in pages:
        for link in page.links:
            target = talk.site.inside(link)
            if target is not None and described.is_link(target):
                await _by_link(talk, described, target)
                return
    bare = _bare(described.route)
    if bare is None:
        talk.tell("not signed out: no page has a form or a link that is the sign-out described")
        return
    sent, target = bare
    if sent.method == "GET":
        await _by_link(talk, described, target)
    else:
        _outcome(talk, sent.method, target, await talk.send(sent, target))


async def _by_form(talk: Conversation, described: Described, form: Form, target: str) -> None:
    answer = await talk.send(form.filled({}), target)
    if not await _once_more(talk, described, answer):
        _outcome(talk, form.method, target, answer)


async def _by_link(talk: Conversation, described: Described, target: str) -> None:
    answer = await talk.get(target)
    if not await _once_more(talk, described, answer):
        _outcome(talk, "GET", target, answer)


async def _once_more(talk: Conversation, described: Described, answer: Answer) -> bool:
    """A page that asks whether one really wants to is told so; whether it was one."""
    form = None if answer.redirects else _form(talk, described, await talk.page(answer))
    if form is None:
        return False
    _outcome(talk, form[0].method, form[1], await talk.send(form[0].filled({}), form[1]))
    return True


def _form(talk: Conversation, described: Described, page: Page) -> tuple[Form, str] | None:
    for form in page.forms:
        target = talk.site.inside(form.filled({}).target)
        if target is not None and described.is_form(form, target, {}):
            return form, target
    return None


def _outcome(talk: Conversation, method: str, target: str, answer: Answer) -> None:
    how = "signed out by" if answer.status < 400 else "not signed out:"
    talk.tell(f"{how} {method} {shown(target)}: {talk.outcome(answer)}")


def _bare(route: Route) -> tuple[Sent, str] | None:
    """The request itself, where its description leaves nothing open."""
    if any(sign in route.path for sign in "*{") or not all(map(_plain, route.conditions)):
        return None
    if any(each.place in {"json", "header"} for each in route.conditions):
        return None
    posted = route.methods is not None and "GET" not in route.methods
    if posted and "POST" not in (route.methods or ()):
        return None
    query = _pairs(route.conditions, {"query"} if posted else {"query", "query_or_form"})
    target = route.path + ("?" + urlencode(query) if query else "")
    if not posted:
        return (
            None if any(each.place == "form" for each in route.conditions) else (Sent("GET", target, "", b""), target)
        )
    body = urlencode(_pairs(route.conditions, {"form", "query_or_form"})).encode()
    return Sent("POST", target, URLENCODED, body), target


def _plain(condition: Condition) -> bool:
    """Whether it says what to send: neither any value, nor all but one (`!`), nor a part of one (`*`)."""
    return bool(condition.values) and not any("*" in value or value.startswith(NOT) for value in condition.values)


def _pairs(conditions: Iterable[Condition], places: set[str]) -> list[tuple[str, str]]:
    return [(each.field, min(each.values)) for each in conditions if each.place in places]
