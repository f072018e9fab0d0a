#!/bin/sh
# need.sh PROGRAM=PACKAGE ...: makes sure that each program (or file, if it begins with a slash) is there.
# As root on Debian it installs the packages of those that are not; elsewhere it says what is missing, and fails.
set -eu

missing=
for pair; do
  thing=${pair%%=*}
  case $thing in
    /*) [ -e "$thing" ] && continue ;;
    *) command -v "$thing" >/dev/null && continue ;;
  esac
  missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "Missing here:$missing" >&2
  echo "On Debian: sudo apt-get install --no-install-recommends$missing" >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
[ ! -f "$(dirname "$0")/apps/debconf" ] || debconf-set-selections "$(dirname "$0")/apps/debconf"
# Some packages bring a service, such as the web server that an app depends on: nothing here is to be started.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
apt-get update -qq
# Debian's Bundler knows where Debian keeps gems. One inside Ruby's library may not, and Redmine would not install.
BUNDLER_VERSION=$(apt-cache show --no-all-versions ruby-bundler 2>/dev/null | sed -n 's/^Version: \([0-9.]*\).*/\1/p')
[ -z "$BUNDLER_VERSION" ] || export BUNDLER_VERSION
# shellcheck disable=SC2086  # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
