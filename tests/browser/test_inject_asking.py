"""A call that is refused opens a window, and what becomes of the call is what the person does there."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from gateway.edge.static import address
from tests.support.browser import axe
from tests.support.lab import Lab, asked, at_the_lab, came_of, closes, confirms, lab, starts

FETCH = "const r = await fetch(path, {method: 'POST', body: 'x'}); return [r.status, r.statusText, r.redirected];"
XHR = """
    const xhr = new XMLHttpRequest();
    const log = [];
    for (const type of ['readystatechange', 'loadstart', 'progress', 'load', 'error', 'abort', 'timeout', 'loadend']) {
      xhr.addEventListener(type, () => log.push([type, xhr.readyState, xhr.status]));
    }
    xhr.open('POST', path);
    window.xhr = xhr;
    xhr.send('x');
    await new Promise((done) => xhr.addEventListener('loadend', () => setTimeout(done, 30)));
    const named = JSON.parse(xhr.responseText || '{}').error || '';
    return [log, xhr.readyState, xhr.status, xhr.getResponseHeader('WWW-Authenticate') !== null, named];
"""
BLOCKED = "window.open = () => null"
REFUSED = "insufficient_user_authentication"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as app:
        yield app


@pytest.fixture
def page(browser: Browser, opened: Lab) -> Iterator[Page]:
    with at_the_lab(browser, opened) as at:
        yield at


def pending(page: Page) -> bool:
    """Whether the page's own code still waits."""
    return bool(page.evaluate("Promise.race([window.outcome.then(() => false), true])"))


def test_the_window_asks_and_takes_a_wrong_answer_or_two(page: Page, opened: Lab) -> None:
    page.clock.install()
    popup = asked(page, FETCH, "/saved/1")
    expect(popup.locator(".doing")).to_have_text("Save it")
    expect(popup.get_by_text("Nothing was sent yet. It goes on by itself after confirming.")).to_be_visible()
    expect(popup.get_by_text("go back and do it again")).to_be_hidden()
    for _ in range(2):
        popup.get_by_label("Password", exact=True).fill("wrong")
        popup.get_by_role("button", name="Confirm", exact=True).click()
        expect(popup.get_by_text("Wrong password.")).to_be_visible()
    time_passes(page, 5)  # longer than a window may be silent
    assert pending(page) and opened.paths == []
    confirms(popup)
    assert came_of(page) == [200, "OK", False]
    closes(popup)
    assert opened.paths == ["/saved/1"]


def time_passes(page: Page, seconds: float) -> None:
    """On the page's clock; the window has time to answer in between."""
    for _ in range(int(seconds * 2)):
        page.clock.run_for(500)
        page.wait_for_timeout(20)


@pytest.mark.parametrize("script", [FETCH, XHR], ids=["fetch", "XHR"])
def test_cancel_hands_on_the_401_and_closes_the_window(browser: Browser, page: Page, opened: Lab, script: str) -> None:
    popup = asked(page, script, "/saved/1")
    popup.get_by_role("button", name="Cancel", exact=True).click()
    got = came_of(page)
    closes(popup)
    assert opened.paths == []
    with at_the_lab(browser, opened, script=False) as bare:
        starts(bare, script, "/saved/1")
        assert got == came_of(bare)
    assert 401 in got


def test_a_cancel_is_believed_until_somebody_does_something_again(page: Page, opened: Lab) -> None:
    """A page that tries again and again by itself does not ask again and again."""
    popup = asked(page, FETCH, "/saved/1")
    popup.get_by_role("button", name="Cancel", exact=True).click()
    assert came_of(page) == [401, "Unauthorized", False]
    closes(popup)
    count = len(page.context.pages)
    for script in (FETCH, XHR):
        starts(page, script, "/saved/1")
        assert 401 in came_of(page)
    assert len(page.context.pages) == count
    page.get_by_role("button", name="Do it").click()
    confirms(asked(page, FETCH, "/saved/1"))
    assert came_of(page) == [200, "OK", False]


def test_a_redirect_to_the_same_address_is_another_call(page: Page, opened: Lab) -> None:
    """The one before it has been done, and must not be done twice."""
    count = len(page.context.pages)
    reads = f'StepUp error="{REFUSED}", max_age=300, method="GET", confirm_url="{opened.url}/.gateway/confirm/x"'
    page.route("**/saved/1", lambda route: route.fulfill(status=401, headers={"www-authenticate": reads}))
    for script in (FETCH, XHR):
        starts(page, script, "/saved/1")
        assert 401 in came_of(page)
    assert len(page.context.pages) == count


@pytest.mark.parametrize("first", [True, False], ids=["at once", "after a page"])
def test_a_closed_window_is_a_cancel(page: Page, opened: Lab, first: bool) -> None:
    page.clock.install()
    popup = asked(page, FETCH, "/saved/1")
    if not first:
        expect(popup.get_by_label("Password", exact=True)).to_be_visible()
        time_passes(page, 1)
    popup.close()
    time_passes(page, 1)
    assert pending(page)  # it may be on its way from one page to the next
    time_passes(page, 10 if first else 3)
    assert came_of(page) == [401, "Unauthorized", False]
    assert opened.paths == []


@pytest.mark.parametrize("fields", [{}, {"cross-origin-opener-policy": "same-origin"}], ids=["", "COOP"])
def test_a_page_that_takes_its_time_to_come_after_a_form_is_waited_for(
    browser: Browser, opened: Lab, fields: dict[str, str]
) -> None:
    def late(route: Route) -> None:
        time.sleep(4)
        route.continue_()

    opened.pages["/alone"] = (fields, opened.pages["/"][1])
    with at_the_lab(browser, opened, path="/alone") as page:
        popup = asked(page, FETCH, "/saved/1")
        expect(popup.get_by_label("Password", exact=True)).to_be_visible()
        popup.route("**/popup.js*", late)
        confirms(popup)
        assert came_of(page) == [200, "OK", False]
        closes(popup)


def test_a_window_that_leaves_for_elsewhere_is_a_cancel(page: Page, opened: Lab) -> None:
    page.clock.install()
    popup = asked(page, FETCH, "/saved/1")
    expect(popup.get_by_label("Password", exact=True)).to_be_visible()
    popup.goto(opened.url + "/")
    time_passes(page, 4)
    assert came_of(page) == [401, "Unauthorized", False]
    assert not popup.is_closed()


def test_an_app_that_keeps_to_itself_is_asked_for_alike(browser: Browser, opened: Lab) -> None:
    opened.pages["/alone"] = ({"cross-origin-opener-policy": "same-origin"}, opened.pages["/"][1])
    for how in ("confirm", "close"):
        with at_the_lab(browser, opened, path="/alone") as page:
            popup = asked(page, FETCH, "/saved/1")
            expect(popup.get_by_label("Password", exact=True)).to_be_visible()
            page.wait_for_timeout(600)
            if how == "confirm":
                confirms(popup)
                assert came_of(page) == [200, "OK", False]
                closes(popup)
            else:
                popup.close()
                assert came_of(page) == [401, "Unauthorized", False]


def test_calls_refused_at_once_share_one_window_and_are_all_repeated(page: Page, opened: Lab) -> None:
    count = len(page.context.pages)
    popup = asked(
        page,
        """
        const calls = [1, 2, 3].map((n) => fetch(path + n, {method: 'POST', body: String(n)}));
        const xhr = new XMLHttpRequest();
        xhr.open('PUT', path + 4);
        calls.push(new Promise((done) => (xhr.onload = () => done(xhr))));
        xhr.send('4');
        return Promise.all(calls).then((all) => all.map((each) => each.status));
        """,
        "/saved/",
    )
    expect(popup.get_by_label("Password", exact=True)).to_be_visible()
    assert len(page.context.pages) == count + 1
    confirms(popup)
    assert came_of(page) == [200] * 4
    assert sorted(opened.paths) == ["/saved/1", "/saved/2", "/saved/3", "/saved/4"]


def test_what_is_confirmed_by_itself_is_asked_for_one_by_one(page: Page, opened: Lab) -> None:
    script = "return Promise.all([1, 2].map((n) => fetch(path + n))).then((all) => all.map((each) => each.status));"
    first = asked(page, script, "/once/")
    expect(first.get_by_text("This action is confirmed by itself, every time.")).to_be_visible()
    with page.expect_popup() as again:
        confirms(first)
    confirms(again.value)
    assert came_of(page) == [200, 200]
    assert sorted(opened.paths) == ["/once/1", "/once/2"]


@pytest.mark.parametrize("script", [FETCH, XHR], ids=["fetch", "XHR"])
def test_a_call_refused_again_is_asked_for_twice_more(page: Page, opened: Lab, script: str) -> None:
    refused = 0

    def refuse(route: Route) -> None:
        nonlocal refused
        refused += 1
        said = f'StepUp error="{REFUSED}", max_age=300, method="POST", confirm_url="{opened.url}/.gateway/confirm/x"'
        route.fulfill(status=401, headers={"www-authenticate": said}, body="{}")

    done = f'<!doctype html><main><p data-outcome=confirmed><script type=module src="{address("popup.js")}"></script>'
    page.route("**/saved/**", refuse)
    page.context.route("**/.gateway/confirm/x*", lambda route: route.fulfill(content_type="text/html", body=done))
    starts(page, script, "/saved/1")
    assert 401 in came_of(page)
    assert refused == 1 + 3


def test_a_call_can_be_aborted_while_it_waits(page: Page, opened: Lab) -> None:
    script = """
        window.stop = new AbortController();
        return fetch(path, {signal: stop.signal});"""
    popup = asked(page, script, "/saved/1")
    expect(popup.get_by_label("Password", exact=True)).to_be_visible()
    page.evaluate("stop.abort()")
    assert came_of(page) == ["AbortError", "signal is aborted without reason"]
    closes(popup)
    assert opened.paths == []


def test_one_of_several_can_be_aborted(page: Page, opened: Lab) -> None:
    script = """
        window.stop = new AbortController();
        const calls = [fetch(path + 1, {signal: stop.signal}), fetch(path + 2)];
        return (await Promise.allSettled(calls)).map((each) => each.value ? each.value.status : each.reason);"""
    popup = asked(page, script, "/saved/")
    expect(popup.get_by_label("Password", exact=True)).to_be_visible()
    page.wait_for_timeout(200)
    page.evaluate("stop.abort('enough')")
    confirms(popup)
    assert came_of(page) == ["enough", 200]
    assert opened.paths == ["/saved/2"]


def test_an_xhr_aborted_while_it_waits_ends_as_one_on_its_way(browser: Browser, page: Page, opened: Lab) -> None:
    twice = "xhr.addEventListener('abort', () => xhr.abort()) || null"
    aborted = "[xhr.abort(), xhr.readyState, xhr.status, xhr.getAllResponseHeaders()].slice(1)"
    popup = asked(page, XHR, "/saved/1")
    expect(popup.get_by_label("Password", exact=True)).to_be_visible()
    assert page.evaluate("[xhr.readyState, xhr.status, xhr.responseText, xhr.responseURL]") == [1, 0, "", ""]
    page.evaluate(twice)
    left = page.evaluate(aborted)
    got = came_of(page)
    closes(popup)
    with at_the_lab(browser, opened, script=False) as bare:
        bare.route("**/plain/1", lambda route: None)  # never answers
        starts(bare, XHR, "/plain/1")
        bare.evaluate(twice)
        assert left == bare.evaluate(aborted)
        assert got == came_of(bare)
    again = (
        "xhr.open('GET', '/plain/2'); xhr.send(); await new Promise((done) => xhr.onload = done); return xhr.status;"
    )
    starts(page, again)
    assert came_of(page) == 200
    assert opened.paths == ["/plain/2"]


def test_an_xhr_opened_anew_while_it_waits_is_another_call(page: Page, opened: Lab) -> None:
    popup = asked(page, XHR, "/saved/1")
    expect(popup.get_by_label("Password", exact=True)).to_be_visible()
    assert page.evaluate("(() => { try { xhr.open('bad method', '/'); } catch (error) { return error.name; } })()") == (
        "SyntaxError"
    )
    assert pending(page)
    page.evaluate("xhr.open('GET', '/plain/2'); xhr.send()")
    log, *rest = came_of(page)
    assert [each for each in log if each[0] == "readystatechange"] == [
        ["readystatechange", 1, 0],
        ["readystatechange", 2, 200],
        ["readystatechange", 3, 200],
        ["readystatechange", 4, 200],
    ]
    assert rest == [4, 200, False, ""]
    closes(popup)
    assert opened.paths == ["/plain/2"]


def test_what_may_not_wait_or_cannot_be_repeated_gets_its_401_at_once(page: Page, opened: Lab) -> None:
    count = len(page.context.pages)
    for script in (
        "return (await fetch(path, {method: 'POST', body: 'x', keepalive: true})).status;",
        "return (await fetch(new Request(path, {method: 'POST', body: 'x', keepalive: true}))).status;",
        "return (await fetch(path, {headers: new Map([['X-Sent', '1']]).entries()})).status;",
        "return (await fetch(path, {credentials: 'omit'})).status;",
        "return (await fetch('/away' + path)).status;",
        "const xhr = new XMLHttpRequest(); xhr.open('GET', path, false); xhr.send(); return xhr.status;",
        """
        const xhr = new XMLHttpRequest();
        xhr.open('POST', '/away' + path);
        xhr.send();
        await new Promise((done) => (xhr.onload = done));
        return xhr.status;""",
    ):
        starts(page, script, "/saved/1")
        assert (script, came_of(page)) == (script, 401)
    assert len(page.context.pages) == count


def test_a_stream_that_is_sent_is_left_alone(page: Page, opened: Lab) -> None:
    """Browsers send one only over HTTP/2; what matters is that nobody reads it before."""
    script = """
        const body = new ReadableStream({ start(to) { to.enqueue(new Uint8Array(3)); to.close(); } });
        const answer = fetch(path, {method: 'POST', body, duplex: 'half'}).catch((error) => error.name);
        return [body.locked, await answer];"""
    starts(page, script, "/plain/1")
    assert came_of(page) == [True, "TypeError"]


def test_other_401s_and_other_peoples_addresses_are_left_alone(page: Page, opened: Lab) -> None:
    count = len(page.context.pages)
    ours = f'StepUp error="{REFUSED}", method="GET", confirm_url="{opened.url}/.gateway/confirm/x"'
    for said in (
        'Basic realm="app"',
        ours.replace(REFUSED, "login_required"),
        ours.replace(opened.url, "https://elsewhere.test"),
        ours.replace("/.gateway/", "/gateway/"),
        ours.replace("/.gateway/", "/.gateway/../"),
        ours.replace("/confirm/x", "/signin?next=/"),
        ours.replace(opened.url, "javascript:alert(1)//"),
    ):
        page.unroute_all()
        page.route(
            "**/plain/401", lambda route, said=said: route.fulfill(status=401, headers={"www-authenticate": said})
        )
        starts(page, "return (await fetch(path)).status;", "/plain/401")
        assert came_of(page) == 401
    assert len(page.context.pages) == count


@pytest.mark.parametrize(
    "locale, lang, title, direction",
    [
        ("en-GB", "en", "Confirm access", "ltr"),
        ("fr-CH", "", "Confirmer l’accès", "ltr"),
        ("en-GB", "ar", "تأكيد الوصول", "rtl"),
    ],
)
def test_where_windows_are_blocked_the_page_itself_offers_a_link(
    browser: Browser, opened: Lab, locale: str, lang: str, title: str, direction: str
) -> None:
    opened.pages["/blocked"] = (
        {"content-security-policy": "default-src 'self'; style-src 'none'; require-trusted-types-for 'script'"},
        f"<!doctype html><html lang='{lang}'><head></head><body>".encode() + b"<p>x" * 60,
    )
    with at_the_lab(browser, opened, path="/blocked", locale=locale, before=BLOCKED) as page:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if "401" not in message.text else None)
        starts(page, FETCH, "/saved/1")
        dialog = page.get_by_role("dialog", name=title)
        expect(dialog).to_be_visible()
        expect(dialog).to_have_css("direction", direction)
        expect(dialog).to_have_css("border-top-left-radius", "14px")
        expect(dialog.get_by_role("link")).to_be_focused()
        page.set_viewport_size({"width": 320, "height": 480})
        box = dialog.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 320
        with page.context.expect_page() as tab:
            dialog.get_by_role("link").click()
        confirms(tab.value)
        assert came_of(page) == [200, "OK", False]
        expect(dialog).to_be_hidden()
        assert page.locator("gateway-stepup").count() == 0
        closes(tab.value)
        assert said == []


def test_escape_and_cancel_in_the_dialog_give_the_401_and_the_focus_back(browser: Browser, opened: Lab) -> None:
    with at_the_lab(browser, opened, before=BLOCKED) as page:
        page.get_by_role("button", name="Do it").focus()
        for how in ("Escape", "Cancel"):
            starts(page, FETCH, "/saved/1")
            dialog = page.get_by_role("dialog", name="Confirm access")
            expect(dialog).to_be_visible()
            if how == "Escape":
                assert axe(page) == []
                page.evaluate("window.heard = []; addEventListener('keydown', (event) => heard.push(event.key))")
                page.keyboard.press("Escape")
            else:
                dialog.get_by_role("button", name="Cancel").click()
            assert came_of(page) == [401, "Unauthorized", False]
            expect(page.get_by_role("button", name="Do it")).to_be_focused()
            page.keyboard.press("Shift")
        assert page.evaluate("heard") == ["Shift"] * 2
        assert opened.paths == []


def test_who_comes_back_to_a_page_that_waits_is_told_so(page: Page, opened: Lab) -> None:
    page.clock.install()
    popup = asked(page, FETCH, "/saved/1")
    expect(popup.get_by_label("Password", exact=True)).to_be_visible()
    page.evaluate("dispatchEvent(new Event('focus'))")
    time_passes(page, 4.5)
    dialog = page.get_by_role("dialog", name="Confirm access")
    expect(dialog).to_be_visible()
    with page.expect_popup() as second:
        dialog.get_by_role("link", name="Open the window").click()
    confirms(second.value)
    assert came_of(page) == [200, "OK", False]
    closes(second.value)
    closes(popup)
    expect(dialog).to_be_hidden()


def test_a_frame_asks_as_a_page_does(browser: Browser, opened: Lab) -> None:
    opened.pages["/frames"] = (
        {},
        b"<!doctype html><html lang=en><body><iframe src=/ width=5 height=5></iframe></html>",
    )
    call = "window.outcome = fetch('/saved/1').then((answer) => answer.status)"
    with at_the_lab(browser, opened, path="/frames") as page:
        frame = page.frames[1]
        with page.expect_popup() as popup:
            frame.evaluate(f"() => {{ {call} }}")
        confirms(popup.value)
        assert frame.evaluate("outcome") == 200
    with at_the_lab(browser, opened, path="/frames", before=BLOCKED) as page:
        frame = page.frames[1]
        frame.evaluate(f"() => {{ {call} }}")
        expect(page.get_by_role("dialog", name="Confirm access")).to_be_visible()
        page.keyboard.press("Escape")
        assert frame.evaluate("outcome") == 401


def test_the_script_is_there_once_however_often_it_is_included(page: Page, opened: Lab) -> None:
    source = opened.url + address("stepup.js")
    page.evaluate("window.patched = [fetch, XMLHttpRequest, XMLHttpRequest.prototype.open]")
    page.add_script_tag(url=source)
    assert page.evaluate("[fetch, XMLHttpRequest, XMLHttpRequest.prototype.open].every((f, n) => f === patched[n])")


def test_what_a_page_can_find_out_about_its_functions_is_as_before(browser: Browser, opened: Lab) -> None:
    look = """() => [fetch.name, fetch.length, XMLHttpRequest.name, XMLHttpRequest.length, XMLHttpRequest.DONE,
        new XMLHttpRequest().constructor === XMLHttpRequest, Object.keys(XMLHttpRequest.prototype).join(),
        XMLHttpRequest.prototype.open.length, XMLHttpRequest.prototype.open.name, String(new XMLHttpRequest()),
        JSON.stringify(Object.getOwnPropertyDescriptor(window, 'fetch')), Object.keys(window).includes('gateway'),
        JSON.stringify(Object.getOwnPropertyDescriptor(window, 'XMLHttpRequest')),
        (() => { try { XMLHttpRequest(); } catch (error) { return error.name; } })(),
        (() => { try { XMLHttpRequest.prototype.status; } catch (error) { return error.name; } })(),
        /native code/.test(Function.prototype.toString.call(fetch))]"""
    with at_the_lab(browser, opened, script=False) as bare, at_the_lab(browser, opened) as page:
        assert page.evaluate(look) == bare.evaluate(look)


def test_the_pages_of_the_window_read_well_by_themselves(browser: Browser, opened: Lab) -> None:
    with at_the_lab(browser, opened) as page:
        for how in ("Confirm", "Cancel"):
            url = page.evaluate(
                "fetch('/once/9', {keepalive: true}).then((r) => r.json()).then((said) => said.confirm_url)"
            )
            with page.context.expect_page() as tab:
                page.evaluate(
                    "(url) => { const a = document.createElement('a'); a.href = url; a.target = '_blank';"
                    "document.body.append(a); a.click(); }",
                    url,
                )
            if how == "Confirm":
                confirms(tab.value)
                expect(tab.value.get_by_text("you are confirmed. Nothing was sent yet.")).to_be_visible()
            else:
                tab.value.get_by_role("button", name="Cancel", exact=True).click()
                expect(tab.value.get_by_role("heading", name="Cancelled")).to_be_visible()
                expect(tab.value.get_by_text("Nothing was sent.", exact=True)).to_be_visible()
            expect(tab.value.get_by_text("close this window")).to_be_hidden()
            tab.value.get_by_role("link", name="Go back").click()
            expect(tab.value).to_have_title("Lab" if how == "Cancel" else "")
            tab.value.close()
            page.goto(opened.url + "/")
