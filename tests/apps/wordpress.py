"""WordPress as Debian packages it, on PHP's own web server and a MariaDB. What it writes goes into a folder of the
test's; its code stays where the package put it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.apps.forms import form, send
from tests.apps.mariadb import HOST, MariaDB
from tests.support.processes import Program, free_port, launch, wait_for
from tests.support.visitor import Visitor

CODE = Path("/usr/share/wordpress")
BLOG_PEOPLE = {"admin": "blog admin pw1", "bob": "blog bob's pw 2"}
"""`admin` may do everything, `bob` writes articles. Their addresses are NAME@example.test."""

CONFIG = """<?php
define('DB_NAME', '{name}');
define('DB_USER', '{name}');
define('DB_PASSWORD', 'of-the-blog');
define('DB_HOST', '{host}');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
{keys}
define('WP_HOME', 'http://' . ($_SERVER['HTTP_HOST'] ?? 'localhost'));
define('WP_SITEURL', WP_HOME);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('WP_AUTO_UPDATE_CORE', false);
define('AUTOMATIC_UPDATER_DISABLED', true);
define('DISABLE_WP_CRON', true);
define('WP_ENVIRONMENT_TYPE', 'local');
$table_prefix = 'wp_';
require_once ABSPATH . 'wp-settings.php';
"""
THEME = "twentytwentythree"
NAMED = re.compile(r'"name";s:\d+:"([^"]*)"')
KEYS = ("AUTH", "SECURE_AUTH", "LOGGED_IN", "NONCE")

INSTALL = """<?php
define('WP_INSTALLING', true);
require ABSPATH . 'wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('The blog', 'admin', 'admin@example.test', false, '', wp_slash({admin}));
$bob = ['user_login' => 'bob', 'user_email' => 'bob@example.test', 'role' => 'author'];
wp_insert_user([...$bob, 'user_pass' => wp_slash({bob})]);
update_option('show_avatars', 0);
update_option('permalink_structure', '/%postname%/');
"""


@dataclass
class WordPress:
    """One blog, with two people; its database is one of the server it was made on."""

    folder: Path
    port: int
    program: Program
    database: MariaDB
    name: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def person(self, login: str) -> tuple[str, str, str] | None:
        """Address, name on display, and hash of the password, by the blog's own table; None for nobody."""
        sql = f"select user_email, display_name, user_pass from wp_users where user_login = '{login}'"
        rows = self.database.sql(sql, database=self.name)
        return (rows[0][0], rows[0][1], rows[0][2]) if rows else None

    def sessions(self, login: str) -> int:
        """How many of theirs are alive, by the blog's own record."""
        of = f"(select ID from wp_users where user_login = '{login}')"
        sql = f"select meta_value from wp_usermeta where meta_key = 'session_tokens' and user_id = {of}"
        return sum(row[0].count('"expiration"') for row in self.database.sql(sql, database=self.name))

    def keys(self, login: str) -> list[str]:
        """Names of the passwords they gave to applications."""
        of = f"(select ID from wp_users where user_login = '{login}')"
        sql = f"select meta_value from wp_usermeta where meta_key = '_application_passwords' and user_id = {of}"
        return [name for row in self.database.sql(sql, database=self.name) for name in NAMED.findall(row[0])]

    def titles(self) -> list[str]:
        """Of all that was written."""
        return [row[0] for row in self.database.sql("select post_title from wp_posts", database=self.name)]

    def start(self) -> None:
        """Again, on the same port and data."""
        self.program = _serve(self.folder, self.port)


@contextmanager
def wordpress(folder: Path, database: MariaDB) -> Iterator[WordPress]:
    """The blog, installed, from when it shows its sign-in page until the end of the block."""
    if not (CODE / "wp-content/themes" / THEME).exists():
        needed = f"php-cli php-cgi php-mysql wordpress wordpress-theme-{THEME}"
        raise RuntimeError(f"WordPress is needed: apt-get install --no-install-recommends {needed}")
    port = free_port()
    name = f"blog{port}"
    database.sql(f"create database {name} character set utf8mb4")
    database.sql(f"grant all on {name}.* to {name}@'{HOST}' identified by 'of-the-blog'")
    _write(folder, name, f"{HOST}:{database.port}")
    made = subprocess.run([*_php(folder), folder / "install.php"], capture_output=True, text=True, timeout=60)
    if made.returncode or made.stdout or made.stderr:
        raise RuntimeError(f"WordPress was not installed:\n{made.stdout}{made.stderr}")
    started = WordPress(folder, port, _serve(folder, port), database, name)
    try:
        yield started
    finally:
        started.program.stop()


def sign_in_to_blog(visitor: Visitor, name: str, password: str) -> None:
    """With its own form; the page at hand is the answer to it."""
    login = form(visitor.get("/wp-login.php").text, "pwd")
    send(visitor, login, login.filled(log=name, pwd=password))


def _write(folder: Path, name: str, host: str) -> None:
    site = folder / "site"
    (site / "wp-content").mkdir(parents=True)
    for each in ("plugins", "themes"):
        (site / "wp-content" / each).symlink_to(CODE / "wp-content" / each)
    for script in CODE.iterdir():
        if script.name not in {"wp-config.php", "wp-content"}:
            (site / script.name).symlink_to(script)
    keys = "".join(f"define('{key}_{kind}', '{key} {kind} {name}');\n" for key in KEYS for kind in ("KEY", "SALT"))
    (site / "wp-config.php").write_text(CONFIG.format(name=name, host=host, keys=keys))
    # Scripts are found through links: where they are served, and not where they lie, is where their settings are.
    (folder / "prepend.php").write_text(f"<?php define('ABSPATH', '{site}/');")
    quoted = {login: "'" + password.replace("'", "\\'") + "'" for login, password in BLOG_PEOPLE.items()}
    (folder / "install.php").write_text(INSTALL.format(**quoted))


def _php(folder: Path) -> list[str | Path]:
    settings = {
        "auto_prepend_file": folder / "prepend.php",
        "sendmail_path": f"cat >> {folder / 'mails'}",
        "opcache.enable_cli": 1,
        "display_errors": 0,
    }
    return ["php", *(f"-d{name}={value}" for name, value in settings.items())]


def _serve(folder: Path, port: int) -> Program:
    program = launch([*_php(folder), "-S", f"{HOST}:{port}", "-t", folder / "site"], folder)
    wait_for(program, port, "/wp-login.php")
    return program
