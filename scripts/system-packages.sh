#!/bin/sh
# Installs system programs that are missing, through the package manager, where that is allowed without a question.
# Usage: system-packages.sh [--optional] PROGRAM...   PROGRAM: bwrap chromium postgres curl g++ venv
# With --optional a program that cannot be installed is only reported.
set -eu
optional=no
if [ "${1:-}" = "--optional" ]; then optional=yes; shift; fi

present() {
    case "$1" in
        chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
        postgres) ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null || command -v initdb ;;
        *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

package() {  # the package's name for apt, dnf, pacman, in this order
    case "$1:$2" in
        bwrap:*) echo bubblewrap ;;
        postgres:apt) echo postgresql ;;
        postgres:dnf) echo postgresql-server ;;
        postgres:pacman) echo postgresql ;;
        g++:dnf) echo gcc-c++ ;;
        g++:pacman) echo gcc ;;
        *) echo "$1" ;;
    esac
}

missing=""
for program in "$@"; do present "$program" || missing="$missing $program"; done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root=no; fi
fi
if command -v apt-get >/dev/null; then manager=apt; elif command -v dnf >/dev/null; then manager=dnf
elif command -v pacman >/dev/null; then manager=pacman; else manager=none; fi

packages=""
for program in $missing; do packages="$packages $(package "$program" "$manager")"; done
if [ "$as_root" != no ] && [ "$manager" != none ]; then
    echo "Installing system packages:$packages" >&2
    case "$manager" in
        apt) $as_root apt-get update -qq >/dev/null && \
             DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $packages >/dev/null ;;
        dnf) $as_root dnf install -y -q $packages ;;
        pacman) $as_root pacman -S --noconfirm --needed $packages ;;
    esac || true
fi

left=""
for program in $missing; do present "$program" || left="$left $program"; done
[ -n "$left" ] || exit 0
echo "Missing:$left. Install the packages:$packages" >&2
[ "$optional" = yes ] || exit 1
