#!/bin/sh
# Installs squatlight as a service on Raspberry Pi OS or Debian, Bookworm or Trixie. May be run again, to bring a newer
# version or what is missing; settings are never changed.
#
#   sudo systemd/install.sh            installs, does not start
#   sudo systemd/install.sh --undo     removes the program; settings, results and models stay
#   sudo systemd/install.sh --purge    removes these, too, and the user
#   --root DIR                         into another root folder, without a running systemd
set -eu

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0"
}

root='' action=install
while [ $# -gt 0 ]; do
    case $1 in
    --undo) action=undo ;;
    --purge) action=purge ;;
    --root)
        [ $# -gt 1 ] || { usage >&2; exit 2; }
        root=${2%/}
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    shift
done

source=$(cd "$(dirname "$0")/.." && pwd)
home=$root/opt/squatlight
unit=$root/etc/systemd/system/squatlight.service
command=$root/usr/local/bin/squatlight
settings=$root/etc/squatlight/squatlight.toml
models=$root/var/lib/squatlight/models

say() {
    echo "install: $*"
}

fail() {
    echo "install: $*" >&2
    exit 1
}

# Talks to systemd, unless another root is meant or this one is not run by it.
system() {
    if [ -z "$root" ] && [ -d /run/systemd/system ]; then "$@"; fi
}

check_system() {
    [ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "must be run as root: sudo $0"
    codename=$(sed -n 's/^VERSION_CODENAME=//p' "${root}/etc/os-release" 2>/dev/null || true)
    case $codename in
    bookworm | trixie) ;;
    *) fail "made for Bookworm and Trixie, and this is '${codename:-unknown}'" ;;
    esac
    [ "$(dpkg --print-architecture)" != armhf ] || fail "needs the 64-bit system: TFLite's runtime is made for no other"
}

install_packages() {
    wanted="python3 python3-venv"
    for package in python3-lgpio python3-picamera2; do # not everywhere: Debian has no picamera2
        if apt-cache show "$package" >/dev/null 2>&1; then wanted="$wanted $package"; fi
    done
    # shellcheck disable=SC2086 # a list
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $wanted
}

install_program() {
    # picamera2 is built for the system's numpy; another major version beside it would not load.
    limit=$(python3 -c 'import numpy; print(f"numpy<{int(numpy.__version__.split(chr(46))[0]) + 1}")' 2>/dev/null || true)
    [ -x "$home/bin/python" ] || python3 -m venv --system-site-packages "$home"
    build=$(mktemp -d)
    trap 'rm -rf "$build"' EXIT
    for part in device models convert pyproject.toml README.md LICENSE NOTICE; do # a build leaves its traces in a copy
        cp -R "$source/$part" "$build/"
    done
    "$home/bin/python" -m pip install --quiet --upgrade "$build" ${limit:+"$limit"}
    mkdir -p "$(dirname "$command")"
    ln -sfn "${home#"$root"}/bin/squatlight" "$command"
}

put() {
    mkdir -p "$(dirname "$2")"
    install -m 644 "$1" "$2"
}

install_service() {
    put "$source/systemd/squatlight.service" "$unit"
    put "$source/systemd/squatlight.sysusers" "$root/etc/sysusers.d/squatlight.conf"
    put "$source/systemd/squatlight.tmpfiles" "$root/etc/tmpfiles.d/squatlight.conf"
    [ -e "$settings" ] || put "$source/systemd/squatlight.toml" "$settings"
    systemd-sysusers ${root:+--root="$root"} "$root/etc/sysusers.d/squatlight.conf"
    systemd-tmpfiles --create ${root:+--root="$root"} "$root/etc/tmpfiles.d/squatlight.conf"
    system systemctl daemon-reload
}

install_all() {
    check_system
    install_packages
    install_program
    install_service
    mkdir -p "$models"
    SQUATLIGHT_MODELS=$models "$home/bin/squatlight" models fetch ||
        say "the pose model is missing: SQUATLIGHT_MODELS=$models $home/bin/squatlight models fetch"
    system systemctl try-restart squatlight.service || say "it does not start again: journalctl -u squatlight"
    say "done. Edit $settings, try it by 'sudo -u squatlight squatlight check',"
    say "then start it, now and at every boot: systemctl enable --now squatlight"
}

undo() {
    [ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "must be run as root: sudo $0 --undo"
    [ ! -e "$unit" ] || system systemctl disable --now squatlight.service
    rm -f "$unit" "$root/etc/sysusers.d/squatlight.conf" \
        "$root/etc/tmpfiles.d/squatlight.conf" "$command"
    rm -rf "$home" # its Debian packages stay: others may need them
    system systemctl daemon-reload
}

case $action in
install)
    install_all
    ;;
undo)
    undo
    say "removed; settings and results stay in $root/etc/squatlight and $root/var/lib/squatlight"
    ;;
purge)
    undo
    rm -rf "$root/etc/squatlight" "$root/var/lib/squatlight"
    if [ -z "$root" ] && id squatlight >/dev/null 2>&1; then userdel squatlight; fi
    say "removed, with settings, results and user"
    ;;
esac
