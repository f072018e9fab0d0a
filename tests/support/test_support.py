"""The tools of the tests, tried on each other."""

import base64
import json

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Authenticator, axe, window
from tests.support.cost import cost
from tests.support.echo import Echo
from tests.support.raw import NoAnswer, Raw, exchange


def test_the_echo_says_exactly_what_it_was_sent(echo: Echo) -> None:
    raw = b"POST //a/../b?x=%2f HTTP/1.1\r\nHost: h\r\nX_Odd:  spaced \r\nContent-Length: 4\r\n\r\n\x00\r\n\xff"
    [answer] = exchange(echo.port, raw)
    said = json.loads(answer.body)
    assert (said["method"], said["target"]) == ("POST", "//a/../b?x=%2f")
    assert said["headers"] == [["Host", "h"], ["X_Odd", "spaced"], ["Content-Length", "4"]]
    assert base64.b64decode(said["body"]) == echo.seen[0].body == b"\x00\r\n\xff"


def test_what_work_costs_is_its_least_run_and_no_run_follows_one_that_is_cheap_enough() -> None:
    times = [0.0, 9.0, 10.0, 15.0, 20.0, 22.0, 30.0, 37.0]  # runs of 9, 5, 2 and 7
    assert cost(lambda: None, runs=4, clock=iter(times).__next__) == 2
    assert cost(lambda: None, runs=4, enough=5, clock=iter(times).__next__) == 5


def test_requests_in_one_breath_are_answered_in_order(echo: Echo) -> None:
    answers = exchange(echo.port, b"GET /103 HTTP/1.1\r\n\r\nGET /204 HTTP/1.1\r\n\r\nGET /trailer HTTP/1.1\r\n\r\n")
    assert [answer.status for answer in answers] == [103, 200, 204, 200]
    assert answers[-1].body == b"abc"
    assert {seen.connection for seen in echo.seen} == {1}


@pytest.mark.parametrize("path", ["/close", "/half", "/half-chunked", "/garbage"])
def test_an_answer_that_breaks_off_is_no_answer(echo: Echo, path: str) -> None:
    with Raw(echo.port) as raw:
        raw.send(b"GET %s HTTP/1.1\r\n\r\n" % path.encode())
        with pytest.raises(NoAnswer):
            raw.answer()


def test_a_sink_counts_a_chunked_body(echo: Echo) -> None:
    body = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    [answer] = exchange(echo.port, b"PUT /sink HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    assert json.loads(answer.body)["size"] == 5


def test_a_connection_that_stays_open_is_told_from_one_that_closes(echo: Echo) -> None:
    with Raw(echo.port) as open_one, Raw(echo.port) as closing:
        open_one.send(b"GET / HTTP/1.1\r\n\r\n")
        closing.send(b"GET /http10 HTTP/1.1\r\n\r\n")
        assert (open_one.answer().status, closing.answer().body) == (200, b"as in 1996")
        assert (open_one.closed(within=0.2), closing.closed()) == (False, True)


def test_the_browser_has_a_passkey_provider_and_finds_what_a_screen_reader_would_miss(browser: Browser) -> None:
    with window(browser) as page:
        assert Authenticator(page).credentials() == []
        page.set_content("<html lang=en><title>t</title><main><h1>h</h1><img src='data:,'></main>")
        assert [line.split(":")[0] for line in axe(page)] == ["image-alt"]
