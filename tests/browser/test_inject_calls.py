"""A page's calls with our script in it: as without it where nothing is refused, and as if nothing had been where it is.

Each scenario is run by the browser alone, then with the script, then with the script on a path that asks for a
confirmation, all of them at once. What the page's own code sees has to be the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.lab import Lab, asked, at_the_lab, came_of, closes, confirms, lab, starts

HELPERS = """
window.events = ["readystatechange", "loadstart", "load", "error", "abort", "timeout", "loadend"];
window.traced = (xhr, log = []) => {
  for (const type of events) {
    const note = (how, event) =>
      log.push([how, event.type, xhr.readyState, xhr.status, event.target === xhr, event.loaded > 0].join(" "));
    xhr["on" + type] = (event) => note("on", event);
    xhr.addEventListener(type, (event) => note("listener", event));
  }
  return log;
};
window.uploads = (xhr, log) => {
  const note = (event) => log.push("upload " + event.type + " " + event.loaded);
  for (const type of events) xhr.upload.addEventListener(type, note);
};
window.ended = (xhr) => new Promise((done) => xhr.addEventListener("loadend", () => setTimeout(done, 30)));
window.shown = (xhr) => [xhr.readyState, xhr.status, xhr.statusText, xhr.responseType, xhr.timeout, xhr.withCredentials,
  typeof xhr.response, new URL(xhr.responseURL).pathname, xhr.getResponseHeader("X-App"),
  /x-app: lab/.test(xhr.getAllResponseHeaders())];
window.thrown = (does) => { try { does(); return "nothing"; } catch (error) { return error.name; } };
"""

FETCHES = {
    "get": "const r = await fetch(path); return [r.status, r.type, r.headers.get('x-app'), await r.json()];",
    "string": "return (await fetch(path, {method: 'POST', body: 'häll\\u00f6', headers: {'X-Sent': 'yes'}})).json();",
    "put": "return (await fetch(new URL(path, location), {method: 'put', body: 'x'})).json();",
    "parameters": """
        const body = new URLSearchParams({a: '1'});
        const answer = fetch(path, {method: 'POST', body});
        body.set('a', 'changed later');
        return (await answer).json();""",
    "form": """
        const body = new FormData();
        body.append('name', 'first');
        body.append('file', new File(['abc'], 'a.txt', {type: 'text/plain'}));
        const answer = fetch(path, {method: 'POST', body});
        body.set('name', 'changed later');
        const got = await (await answer).json();
        return [got.body.replaceAll(/-{4,}\\w+/g, 'boundary'), got.type.split(';')[0]];""",
    "buffer": """
        const body = new Uint8Array([1, 2, 3, 4]);
        const answer = fetch(path, {method: 'POST', body: body.subarray(1, 3)});
        body.fill(9);
        return (await answer).json();""",
    "blob": "return (await fetch(path, {method: 'POST', body: new Blob(['abc'], {type: 'x/y'})})).json();",
    "headers": """
        const headers = new Headers({'X-Sent': 'then'});
        const answer = fetch(path, {headers});
        headers.set('X-Sent', 'changed later');
        return (await answer).json();""",
    "request": """
        const request = new Request(path, {method: 'POST', body: 'abc', headers: {'X-Sent': 'yes'}});
        const answer = await (await fetch(request)).json();
        return [answer, request.bodyUsed, await fetch(request).catch((error) => error.name)];""",
    "request and options": """
        const request = new Request(path, {method: 'POST', body: 'abc'});
        return [await (await fetch(request, {headers: {'X-Sent': 'other'}})).json(), request.bodyUsed];""",
    "request of another window": """
        const frame = document.createElement('iframe');
        document.body.append(frame);
        const { Request } = frame.contentWindow;
        return (await fetch(new Request(path, {method: 'POST', body: 'abc'}))).json();""",
    "stream of an answer": """
        const reader = (await fetch(path + 'slow/')).body.getReader();
        const pieces = [];
        for (let each; !(each = await reader.read()).done; ) pieces.push(new TextDecoder().decode(each.value));
        return pieces;""",
    "aborted while it answers": """
        const stop = new AbortController();
        const answer = await fetch(path + 'slow/', {signal: stop.signal});
        stop.abort();
        return answer.text();""",
    "subclassed request": """
        class Mine extends Request {}
        return (await fetch(new Mine(path, {method: 'POST', body: 'abc'}))).json();""",
    "options": "return (await fetch(path, {redirect: 'manual', cache: 'no-store', mode: 'same-origin'})).json();",
}

XHRS = {
    "get": "xhr.open('GET', path); xhr.send();",
    "post": "xhr.open('POST', path); xhr.setRequestHeader('X-Sent', 'y'); uploads(xhr, log); xhr.send('häll\\u00f6');",
    "large": "xhr.open('POST', path); uploads(xhr, log); xhr.send(new Blob(['x'.repeat(300000)]));",
    "json": "xhr.open('PUT', path); xhr.responseType = 'json'; xhr.timeout = 9000; xhr.send('{}');",
    "bytes": "xhr.responseType = 'arraybuffer'; xhr.open('GET', path); xhr.withCredentials = true; xhr.send();",
    "text by another type": "xhr.open('PUT', path); xhr.overrideMimeType('text/plain; charset=koi8-r'); xhr.send('ä');",
    "document": "xhr.open('GET', path); xhr.overrideMimeType('text/html'); xhr.responseType = 'document'; xhr.send();",
    "empty": "xhr.open('POST', path); xhr.send('');",
    "form": """
        const body = new FormData();
        body.append('name', 'first');
        xhr.open('POST', path);
        xhr.send(body);
        body.set('name', 'changed later');""",
    "parameters": """
        const body = new URLSearchParams('a=1');
        xhr.open('POST', path);
        xhr.send(body);
        body.set('a', 'changed later');""",
    "buffer": """
        const body = new Uint8Array([1, 2, 3, 4]);
        xhr.open('POST', path);
        xhr.send(body.subarray(1, 3));
        body.fill(9);""",
    "document sent": """
        const body = new DOMParser().parseFromString('<a>first</a>', 'text/xml');
        xhr.open('POST', path);
        xhr.send(body);
        body.documentElement.textContent = 'changed later';""",
    "set too late": """
        xhr.open('POST', path);
        xhr.send('x');
        log.push(xhr.readyState, thrown(() => xhr.send()), thrown(() => xhr.setRequestHeader('a', 'b')),
          thrown(() => xhr.withCredentials = true), thrown(() => xhr.responseType = 'text'));""",
    "slow": "xhr.open('GET', path + 'slow/'); xhr.send();",
    "aborted by its own listener": """
        xhr.open('GET', path + 'slow/');
        xhr.addEventListener('progress', () => xhr.abort());
        xhr.send();""",
    "too slow": "xhr.open('GET', path + 'slow/'); xhr.timeout = 100; xhr.send();",
}

ODD_XHRS = {
    "a class of its own": """
        class Mine extends XMLHttpRequest {
          constructor() { super(); this.mine = 1; }
          open(method, path) { super.open(method, path); }
          get twice() { return this.responseText + this.responseText; }
        }
        const xhr = new Mine();
        const log = traced(xhr);
        xhr.open('GET', path);
        xhr.send();
        await ended(xhr);
        return [log, xhr.mine, xhr.twice.length === 2 * xhr.responseText.length, xhr instanceof XMLHttpRequest];""",
    "one object for two calls": """
        const xhr = new XMLHttpRequest();
        const log = traced(xhr);
        xhr.responseType = 'json';
        xhr.open('POST', path);
        xhr.setRequestHeader('X-Sent', 'first');
        xhr.send('1');
        await ended(xhr);
        const first = xhr.response;
        log.push('again');
        xhr.open('GET', '/plain/second/');
        log.push(xhr.readyState, xhr.status, String(xhr.response), xhr.responseType);
        xhr.send();
        await ended(xhr);
        return [log, first, xhr.response];""",
    "opened again by its own listener": """
        const xhr = new XMLHttpRequest();
        const log = traced(xhr);
        const finished = new Promise((done) => {
          xhr.onload = () => {
            if (xhr.responseURL.endsWith('second/')) { setTimeout(done, 30); return; }
            xhr.open('GET', '/plain/second/');
            xhr.send();
          };
        });
        xhr.open('GET', path);
        xhr.send();
        await finished;
        return [log, JSON.parse(xhr.responseText)];""",
    "aborted by its own listener when it is done": """
        const xhr = new XMLHttpRequest();
        const log = traced(xhr);
        await new Promise((done) => {
          xhr.addEventListener('readystatechange', () => {
            if (xhr.readyState !== 4) return;
            xhr.abort();
            setTimeout(done, 50);
          });
          xhr.open('GET', path);
          xhr.send();
        });
        return [log, xhr.readyState, xhr.status];""",
    "methods patched by a library": """
        const xhr = new XMLHttpRequest();
        const seen = [];
        const undo = {};
        for (const name of ['open', 'send', 'setRequestHeader']) {
          const original = undo[name] = XMLHttpRequest.prototype[name];
          XMLHttpRequest.prototype[name] = function (...args) {
            if (this === xhr) seen.push(name);
            return original.apply(this, args);
          };
        }
        xhr.addEventListener('readystatechange', function () { seen.push(this.readyState, this === xhr); });
        xhr.open('POST', path);
        xhr.setRequestHeader('X-Sent', 'yes');
        xhr.send('x');
        await ended(xhr);
        Object.assign(XMLHttpRequest.prototype, undo);
        return [seen, JSON.parse(xhr.responseText).sent];""",
    "a body of another window": """
        const frame = document.createElement('iframe');
        document.body.append(frame);
        const body = new frame.contentWindow.FormData();
        body.append('a', 'b');
        const xhr = new XMLHttpRequest();
        xhr.open('POST', path);
        xhr.send(body);
        await ended(xhr);
        return JSON.parse(xhr.responseText).body.replaceAll(/-{4,}\\w+/g, 'boundary');""",
}


def traced(script: str) -> str:
    return f"""
        const xhr = new XMLHttpRequest();
        const log = traced(xhr);
        const end = ended(xhr);
        {script}
        await end;
        const text = ['', 'text'].includes(xhr.responseType) ? xhr.responseText : JSON.stringify(xhr.response);
        return [log, xhr.status ? shown(xhr) : [xhr.readyState], text.replaceAll(/-{{4,}}\\w+/g, 'boundary')];"""


SCENARIOS = {f"fetch: {name}": script for name, script in FETCHES.items()}
SCENARIOS |= {f"XHR: {name}": traced(script) for name, script in XHRS.items()}
SCENARIOS |= {f"XHR: {name}": script for name, script in ODD_XHRS.items()}
PATHS = {name: f"/{number}/" for number, name in enumerate(SCENARIOS)}
Outcomes = dict[str, tuple[Any, Any, Any, int]]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as app:
        yield app


@pytest.fixture(scope="module")
def outcomes(browser: Browser, opened: Lab) -> Outcomes:
    """Of each scenario: by the browser alone, with the script, and held; and what reached the app of the last."""
    found: Outcomes = {}
    alone, watched, held = {}, {}, {}
    with at_the_lab(browser, opened, script=False) as page:
        page.evaluate(HELPERS)
        for name, path in PATHS.items():
            starts(page, SCENARIOS[name], f"/plain{path}")
            alone[name] = came_of(page)
    with at_the_lab(browser, opened) as page:
        page.evaluate(HELPERS)
        for name, path in PATHS.items():
            starts(page, SCENARIOS[name], f"/plain{path}")
            watched[name] = came_of(page)
        opened.calls.clear()
        page.evaluate("window.outcomes = {}")
        keep = "outcomes[path] = window.outcome"
        popup = asked(page, SCENARIOS["fetch: get"], f"/saved{PATHS['fetch: get']}")
        page.evaluate(f"path => {{ {keep} }}", PATHS["fetch: get"])
        for name, path in PATHS.items():
            if name not in ("fetch: get", "XHR: too slow"):
                starts(page, SCENARIOS[name], f"/saved{path}")
                page.evaluate(f"path => {{ {keep} }}", path)
        assert opened.paths == []
        confirms(popup)
        closes(popup)
        for name, path in PATHS.items():
            if name != "XHR: too slow":
                held[name] = page.evaluate("path => outcomes[path]", path)
    for name, path in PATHS.items():
        arrived = sum(each.startswith(f"/saved{path}") for each in opened.paths)
        found[name] = (alone[name], watched[name], held.get(name), arrived)
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_call_is_what_it_would_be_without_us(outcomes: Outcomes, name: str) -> None:
    alone, watched, held, arrived = outcomes[name]
    assert alone and "ReferenceError" not in alone and "SyntaxError" not in alone
    assert watched == alone
    if name != "XHR: too slow":
        assert (replaced(held), arrived) == (alone, 1)


def test_the_time_that_a_person_takes_is_not_the_apps(browser: Browser, opened: Lab, outcomes: Outcomes) -> None:
    alone = outcomes["XHR: too slow"][0]
    with at_the_lab(browser, opened) as page:
        page.evaluate(HELPERS)
        popup = asked(page, SCENARIOS["XHR: too slow"], f"/saved{PATHS['XHR: too slow']}")
        page.wait_for_timeout(300)
        confirms(popup)
        assert replaced(came_of(page)) == alone


def replaced(found: Any) -> Any:
    if isinstance(found, list):
        return [replaced(each) for each in found]
    if isinstance(found, dict):
        return {name: replaced(value) for name, value in found.items()}
    return found.replace("/saved/", "/plain/") if isinstance(found, str) else found
