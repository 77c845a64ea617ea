#!/bin/sh
# Makes the virtual environment at $1 with a Python of at least 3.11 ($PYTHON, or the newest that is found).
set -eu
venv="$1"
fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

chosen=""
for python in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11; do
    if fits "$python"; then chosen="$python"; break; fi
done
if [ -z "$chosen" ]; then
    echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11 and run make again." >&2
    exit 1
fi
if ! "$chosen" -m venv "$venv" >/dev/null 2>&1; then  # Debian keeps venv in a package of its own
    version=$("$chosen" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    rm -rf "$venv"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "python$version-venv" >/dev/null
    fi
    "$chosen" -m venv "$venv" || { echo "Install the package python$version-venv and run make again." >&2; exit 1; }
fi
