"""The apps, and the documented gateway in front of each: started once, when the first test needs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apps.django_admin import Office, office
from tests.apps.documented import in_front_of
from tests.apps.dokuwiki import DokuWiki, dokuwiki
from tests.apps.jupyter import Jupyter, jupyter
from tests.apps.mariadb import MariaDB, mariadb
from tests.apps.mediawiki import MediaWiki, mediawiki
from tests.apps.phpmyadmin import PhpMyAdmin, phpmyadmin
from tests.apps.redmine import Redmine, redmine
from tests.apps.wordpress import WordPress, wordpress
from tests.support.processes import Gateway


@pytest.fixture(scope="session")
def wiki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DokuWiki]:
    with dokuwiki(tmp_path_factory.mktemp("apps") / "wiki") as started:
        yield started


@pytest.fixture(scope="session")
def wiki_front(wiki: DokuWiki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with in_front_of("wiki", wiki.url, tmp_path_factory.mktemp("wiki-front")) as started:
        yield started


@pytest.fixture(scope="session")
def django(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with office(tmp_path_factory.mktemp("apps") / "office") as started:
        yield started


@pytest.fixture(scope="session")
def django_front(django: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with in_front_of("office", django.url, tmp_path_factory.mktemp("django-front")) as started:
        yield started


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """One server for all apps that need one; each has a database of its own."""
    with mariadb(tmp_path_factory.mktemp("apps") / "mariadb") as started:
        yield started


@pytest.fixture(scope="session")
def blog(database: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WordPress]:
    with wordpress(tmp_path_factory.mktemp("apps") / "blog", database) as started:
        yield started


@pytest.fixture(scope="session")
def pedia(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaWiki]:
    with mediawiki(tmp_path_factory.mktemp("apps") / "pedia") as started:
        yield started


@pytest.fixture(scope="session")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    with jupyter(tmp_path_factory.mktemp("apps") / "jupyter") as started:
        yield started


@pytest.fixture(scope="session")
def desk(database: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhpMyAdmin]:
    with phpmyadmin(tmp_path_factory.mktemp("apps") / "desk", database) as started:
        yield started


@pytest.fixture(scope="session")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redmine]:
    with redmine(tmp_path_factory.mktemp("apps") / "tracker") as started:
        yield started
