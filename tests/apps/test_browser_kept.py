"""Apps that keep their own login as a person sees them: Chromium, the app's own pages, and one password for both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.apps.django_admin import OFFICE_PASSWORD, Office
from tests.apps.dokuwiki import BEN_PASSWORD, WIKI_PASSWORD, DokuWiki
from tests.apps.jupyter import NOTEBOOK_PASSWORD, Jupyter
from tests.apps.kept import keeping
from tests.journeys.ageing import older
from tests.support.browser import window
from tests.support.processes import Gateway

CELL = "print(6*7)"
NOTEBOOK = {
    "cells": [{"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": CELL}],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 2,
}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with window(browser) as opened:
        yield opened


@pytest.fixture(scope="module")
def wiki_kept(wiki: DokuWiki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with keeping("dokuwiki", wiki.url, tmp_path_factory.mktemp("wiki-seen")) as started:
        yield started


def confirm(page: Page, password: str) -> None:
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Confirm", exact=True).click()


def to_wiki(page: Page, front: Gateway, name: str, password: str) -> None:
    page.goto(front.url + "/doku.php?id=start&do=login")
    page.locator("input[name=u]").fill(name)
    page.locator("input[name=p]").fill(password)
    page.locator("#dw__login button[type=submit]").click()
    page.get_by_role("link", name="Log Out").wait_for()


def test_a_wiki_profile_is_changed_after_confirming_with_the_wikis_own_password(
    page: Page, wiki: DokuWiki, wiki_kept: Gateway
) -> None:
    to_wiki(page, wiki_kept, "admin", WIKI_PASSWORD)
    page.get_by_role("link", name="Update Profile").click()
    page.locator("input[name=email]").fill("seen@kept.test")
    page.locator("input[name=oldpass]").fill(WIKI_PASSWORD)
    older(wiki_kept.folder)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Confirm access")).to_be_visible()
    expect(page.get_by_text("seen@kept.test")).to_be_visible()
    confirm(page, "not it")
    expect(page.get_by_text("Wrong password")).to_be_visible()
    assert wiki.emails()["admin"] != "seen@kept.test"
    wiki.program.stop()
    wiki.start()
    confirm(page, WIKI_PASSWORD)
    expect(page.get_by_text("User profile successfully updated")).to_be_visible()
    assert wiki.emails()["admin"] == "seen@kept.test"
    page.reload()
    posted = [line for line in wiki.seen() if line.startswith("POST") and "do=profile" in line]
    assert page.url == wiki_kept.url + "/doku.php?id=start&do=profile" and len(posted) == 1


def test_who_signs_in_to_the_wiki_in_another_tab_is_who_is_asked(
    page: Page, wiki: DokuWiki, wiki_kept: Gateway
) -> None:
    to_wiki(page, wiki_kept, "admin", WIKI_PASSWORD)
    page.get_by_role("link", name="Update Profile").click()
    page.locator("input[name=email]").fill("whose@kept.test")
    page.locator("input[name=oldpass]").fill(BEN_PASSWORD)
    other = page.context.new_page()
    other.goto(wiki_kept.url + "/doku.php?id=start")
    other.get_by_role("link", name="Log Out").click()
    to_wiki(other, wiki_kept, "ben", BEN_PASSWORD)
    older(wiki_kept.folder)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".who")).to_contain_text("ben")
    confirm(page, WIKI_PASSWORD)
    expect(page.get_by_text("Wrong password")).to_be_visible()
    assert "whose@kept.test" not in wiki.emails().values()


def test_a_person_is_promoted_in_django_after_confirming_with_djangos_own_password(
    page: Page, django: Office, tmp_path: Path
) -> None:
    bob = django.add("bob-seen")
    target = f"/admin/auth/user/{bob}/change/"
    with keeping("django-admin", django.url, tmp_path) as front:
        page.goto(front.url + target)
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill(OFFICE_PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_label("Email address").fill("seen@kept.test")
        page.get_by_label("Staff status").check()
        older(front.folder)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("heading", name="Confirm access")).to_be_visible()
        confirm(page, "not it")
        expect(page.get_by_text("Wrong password")).to_be_visible()
        assert django.person(bob)[1] == 0
        confirm(page, OFFICE_PASSWORD)
        page.wait_for_url("**/admin/auth/user/")
        expect(page.get_by_text("was changed successfully")).to_be_visible()
        assert django.person(bob) == ("seen@kept.test", 1) and django.posts(target) == 1


def test_a_notebook_runs_for_hours_and_deleting_a_file_asks_in_a_window(
    page: Page, notebooks: Jupyter, tmp_path: Path
) -> None:
    doomed = notebooks.notebooks / "doomed.txt"
    doomed.write_text("still here")
    (notebooks.notebooks / "seen.ipynb").write_text(json.dumps(NOTEBOOK))
    with keeping("jupyter", notebooks.url, tmp_path) as front:
        page.goto(front.url + "/tree")
        page.get_by_label("Password:").fill(NOTEBOOK_PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("link", name="seen.ipynb").wait_for()
        older(front.folder)
        runs_a_cell(page, front)
        deletes(page, "doomed.txt")
        with page.expect_popup() as opened:
            page.locator(".modal-footer button", has_text="Delete").click()
        asking = opened.value
        expect(asking.get_by_role("heading", name="Confirm access")).to_be_visible()
        confirm(asking, "not it")
        expect(asking.get_by_text("Wrong password")).to_be_visible()
        assert doomed.exists()
        with asking.expect_event("close"):
            confirm(asking, NOTEBOOK_PASSWORD)
        expect(page.get_by_role("link", name="doomed.txt")).to_have_count(0)
        assert not doomed.exists()


def runs_a_cell(page: Page, front: Gateway) -> None:
    """A kernel is started, and reached by its websocket."""
    notebook = page.context.new_page()
    notebook.goto(front.url + "/notebooks/seen.ipynb")
    notebook.locator("#kernel_indicator_icon.kernel_idle_icon").wait_for(timeout=20_000)
    notebook.locator(".cell .CodeMirror").first.click()
    notebook.keyboard.press("Control+Enter")
    expect(notebook.locator(".output_stdout")).to_have_text("42\n", timeout=20_000)
    notebook.close(run_before_unload=False)


def deletes(page: Page, name: str) -> None:
    """Choose a file of the list and press the bin; the page then asks by itself."""
    page.locator(".list_item", has_text=name).locator("input[type=checkbox]").check()
    page.locator(".delete-button").click()
    page.locator(".modal-footer button", has_text="Delete").wait_for()
