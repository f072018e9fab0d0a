"""`gateway probe URL`: look at a login page, and write an `[app.login]` to start from. It sends nothing but GET."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from gateway.cli_draft import Seen, draft, fields_of
from gateway.config.complaints import printable
from gateway.identity.captcha import asks_for_one
from gateway.identity.conversation import Conversation, Site, shown
from gateway.identity.forms import Form
from gateway.identity.http import Answer, Client, Deadlines
from gateway.identity.page import Page, joined

ADDRESS = "127.0.0.1"
LEADS_THERE = re.compile(r"(?i)log.?in|sign.?in|auth|session|account")
MOST_LINKS = 5


def add_to(commands: Any, config: argparse.ArgumentParser) -> None:
    """Its place on the command line."""
    command = commands.add_parser("probe", help="look at an app's login page, and write an [app.login] to start from")
    command.add_argument("url", metavar="URL", type=_address, help="of the login page, on the app itself")
    command.add_argument("--form", type=int, metavar="N", help="which form, where there are several with a password")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The command. Steps go to standard error, TOML to standard output."""
    print("\n".join(draft(asyncio.run(_seen(args.url, args.form)))))
    return 0


def _address(text: str) -> str:
    url = joined(text, text)
    try:
        whole = url != "" and urlsplit(url).port != 0 and "@" not in urlsplit(url).netloc
    except ValueError:
        whole = False
    if not whole:  # not repeated: there may be a password in it
        raise argparse.ArgumentTypeError("that is not an address; write for example http://127.0.0.1:9000/login")
    return url


async def _seen(url: str, number: int | None) -> Seen:
    """Raises ValueError where there is nothing to write down, UpstreamError where nothing was to be seen."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.lower()}"
    client = Client(origin, Deadlines())
    talk = Conversation(client, Site(origin, origin), ADDRESS, _tell)
    try:
        target = parts._replace(scheme="", netloc="", path=parts.path or "/").geturl()
        answer = await talk.get(target)
        _tell(f"GET {shown(target)}: {talk.outcome(answer)}")
        settled = await talk.settled(answer)
        if settled is None:
            raise ValueError("the page leads elsewhere, as told above; probe the address of the login page itself")
        page = await talk.page(settled)
    finally:
        await client.close()
    form = _chosen(page, settled, number)
    sent_to = talk.site.inside(form.action)
    if sent_to is None:
        raise ValueError(
            f"the form is sent to {_place(form)}, another site than the app; nobody could observe it there"
        )
    cookies = tuple(dict.fromkeys(name.decode("latin-1") for name, _ in talk.cookies(talk.target)))
    return Seen(origin, talk.target, sent_to, form, settled.text, cookies, asks_for_one(page, form))


def _chosen(page: Page, answer: Answer, number: int | None) -> Form:
    found = [form for form in page.forms if _passwords(form)]
    single = [form for form in found if _passwords(form) == 1]
    if not found:
        raise ValueError(_nothing(page, answer))
    if number is not None:
        if not 1 <= number <= len(found):
            raise ValueError(f"there is no form {number} with a password on that page; there are {len(found)}")
        return found[number - 1]
    if not single:
        raise ValueError("the form asks for a password twice, as one for a new account does; probe the login page")
    if len(single) > 1:
        raise ValueError(
            "\n".join(["there are several forms with a password; say which, with --form:", *_listed(found)])
        )
    return single[0]


def _passwords(form: Form) -> int:
    return sum(field.type == "password" for field in form.fields)


def _listed(forms: Sequence[Form]) -> list[str]:
    return [
        printable(f"  {number}: {form.method} {_place(form)}, {', '.join(filter(None, fields_of(form)))}")
        for number, form in enumerate(forms, start=1)
    ]


def _place(form: Form) -> str:
    return form.action.partition("?")[0]


def _nothing(page: Page, answer: Answer) -> str:
    """Why there is no form with a password on that page."""
    kind = answer.field(b"content-type").decode("latin-1").partition(";")[0].strip()
    if answer.status == 401 and answer.field(b"www-authenticate"):
        return (
            "the browser itself asks for name and password there (HTTP authentication): it sends them with every "
            "request, so there is no sign-in to observe"
        )
    if answer.status >= 400:
        return f"the app answers {answer.status} there; probe the address of its login page"
    if "html" not in kind:
        return f"that is no page of HTML, but {kind or 'of no known type'}; probe the address of the login page"
    links = [each for link in page.links if LEADS_THERE.search(each := urlsplit(link).path)]
    there = f"; its links may lead to one: {', '.join(dict.fromkeys(links[:MOST_LINKS]))}" if links else ""
    if any(_asks_a_name(form) for form in page.forms):
        return f"the page has a form without a password: it asks for the name first, or is another page{there}"
    if page.frames and not page.forms:
        return (
            "the page has no form, and scripts: its sign-in is made by JavaScript. See in the browser's network tools "
            f"which request it sends, and write [app.login] by hand{there}"
        )
    return f"there is no form with a password on that page{there}"


def _asks_a_name(form: Form) -> bool:
    return form.method == "POST" and any(field.type in {"text", "email"} for field in form.fields)


def _tell(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)
