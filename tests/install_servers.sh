#!/bin/sh
# Install the servers and other programs that the tests use, where that is possible: with
# apt, as root or by sudo without a password. Where it is not, say so and go on; the
# suite then tells what it could not run.
#
# Usage: install_servers.sh PYTHON, the interpreter that is to get mysqlclient.

set -u
python=$1

missing=""
want() { # want PACKAGE IF-THIS-FAILS...
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}

has() { command -v "$1" || test -x "/usr/sbin/$1"; }
has_postgres() { command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; }
has_headers() { command -v mariadb_config || command -v mysql_config; }

want redis-server has redis-server
want openssl has openssl
want postgresql has_postgres
want mariadb-server has mariadbd
want libmariadb-dev has_headers
want pkg-config has pkg-config
want chromium has chromium
want systemd has systemd-analyze

if [ -n "$missing" ]; then
	if ! command -v apt-get >/dev/null; then
		echo "Not installed, since there is no apt here:$missing"
	else
		if [ "$(id -u)" = 0 ]; then sudo=""; else sudo="sudo -n"; fi
		export DEBIAN_FRONTEND=noninteractive
		if $sudo true 2>/dev/null; then
			echo "Installing with apt:$missing"
			$sudo apt-get update -qq &&
				# shellcheck disable=SC2086  a list of words
				$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
				echo "apt could not install all of:$missing"
		else
			echo "Not installed, since that needs root:$missing"
		fi
	fi
fi

if has_headers >/dev/null 2>&1 && ! "$python" -c "import MySQLdb" 2>/dev/null; then
	"$python" -m pip install --quiet --disable-pip-version-check mysqlclient ||
		echo "mysqlclient could not be built"
fi
exit 0
