# One command per job. CI calls the same.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo setup test lint bench soak locales

demo: .venv/runs
	@$(BIN)/gateway demo

setup: .venv/tests

test: .venv/tests tests/browser/node_modules
	@tests/need.sh chromium=chromium /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf=fonts-dejavu-core \
	  redis-server=redis-server redis-sentinel=redis-sentinel /usr/share/doc/postgresql=postgresql /usr/sbin/pgbouncer=pgbouncer faketime=faketime ip=iproute2 nginx=nginx-light \
	  '/usr/share/dokuwiki/doku.php=php-cli php-cgi php-xml dokuwiki' \
	  /usr/sbin/mariadbd=mariadb-server-core /usr/bin/mariadb=mariadb-client-core \
	  /usr/share/wordpress/wp-content/themes/twentytwentythree='php-cli php-cgi php php-mysql nginx-light wordpress wordpress-theme-twentytwentythree' \
	  /usr/share/mediawiki/api.php='php-cli php-cgi php php-sqlite3 nginx-light mediawiki' \
	  '/usr/share/phpmyadmin/index.php=php-cli php-cgi php-mysql dbconfig-no-thanks phpmyadmin' \
	  '/usr/share/redmine/config.ru=dbconfig-no-thanks redmine redmine-sqlite' puma=puma
	@$(BIN)/pytest $(ARGS)

lint: .venv/tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# PEERS=1 installs what the gateway is measured beside; without it, what is there already is.
bench: .venv/tests
	@tests/need.sh nginx=nginx-light wrk=wrk $(if $(PEERS),/usr/bin/caddy=caddy /usr/sbin/apache2=apache2 \
	  /usr/lib/apache2/modules/mod_auth_openidc.so=libapache2-mod-auth-openidc)
	@$(if $(PEERS),$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[peers]')
	@$(BIN)/python -m bench.run $(ARGS)

soak: .venv/tests
	@tests/need.sh nginx=nginx-light redis-server=redis-server /usr/share/doc/postgresql=postgresql
	@$(BIN)/python -m bench.soak $(SECONDS) $(ARGS)

# An older Python, or a Debian without python3-venv, is the usual reason why this fails: say so.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/it $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || tests/need.sh ensurepip=python3-venv
	$(PYTHON) -m venv .venv

.venv/runs: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/tests: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch .venv/runs $@

tests/browser/node_modules: tests/browser/package-lock.json
	@tests/need.sh npm=npm
	npm ci --prefix tests/browser --no-audit --no-fund --loglevel=error
	@touch $@

# After a change of words in a template: then translate what is new in locales/*/LC_MESSAGES/pages.po, and run it again.
locales: .venv/tests
	cd gateway/edge && ../../$(BIN)/pybabel -q extract -F locales/babel.cfg --no-location --sort-output -o pages.pot . && \
	  ../../$(BIN)/pybabel -q update -N -D pages -d locales -i pages.pot && \
	  ../../$(BIN)/pybabel -q compile -D pages -d locales; rm -f pages.pot
