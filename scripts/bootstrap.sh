#!/bin/bash
# Installs what fwrkit needs and this machine lacks: Docker Engine, the Compose plugin, mmdebstrap, shellcheck, python3-venv; and what the tests
# of backups need: zstd, age, restic.
# Does nothing where they are there. Knows Debian 12 and newer and Ubuntu 24.04 and newer, as root; elsewhere says what to do.
set -euo pipefail

readonly LOCK=/run/lock/fwrkit-bootstrap
readonly DOCKERD_LOG=/var/log/fwrkit-dockerd.log
readonly PLUGINS=/usr/local/lib/docker/cli-plugins

say() { printf 'bootstrap: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
is_engine_up() { has docker && docker version >/dev/null 2>&1; }
is_engine_starting() { [ -r /run/docker.pid ] && kill -0 "$(cat /run/docker.pid)" 2>/dev/null; }
has_compose() { has docker && docker compose version >/dev/null 2>&1; }
has_venv() { has python3 && python3 -c 'import venv, ensurepip' >/dev/null 2>&1; }

system() { # the distribution as one word: debian-12, debian-13, ubuntu, other
    local ID="" VERSION_ID=""
    # shellcheck source=/dev/null
    [ -r /etc/os-release ] && . /etc/os-release
    case "$ID-${VERSION_ID%%.*}" in
        debian-1[2-9]) echo "debian-${VERSION_ID%%.*}" ;;
        ubuntu-2[4-9]) echo ubuntu ;;
        *) echo other ;;
    esac
}

packages() { # the packages that are missing, one a line; $1 is the system
    if ! has dockerd && ! is_engine_up; then
        printf '%s\n' docker.io iptables
        case $1 in debian-12 | ubuntu) ;; *) echo docker-cli ;; esac
    fi
    if ! has_compose; then
        case $1 in debian-12) ;; ubuntu) echo docker-compose-v2 ;; *) echo docker-compose ;; esac
    fi
    has mmdebstrap || echo mmdebstrap
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring
    has shellcheck || echo shellcheck
    has git || echo git
    local tool
    for tool in zstd age restic; do
        has "$tool" || echo "$tool"
    done
    has_venv || echo python3-venv
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@"; }

install_packages() {
    local wanted
    mapfile -t wanted < <(packages "$1")
    [ ${#wanted[@]} -gt 0 ] || return 0
    say "installing ${wanted[*]}"
    apt update
    apt install -y --no-install-recommends "${wanted[@]}" >/dev/null
}

install_compose_from_next_debian() { # Debian 12 has no Compose v2; the next release's package is one self-contained program
    has_compose && return 0
    say "fetching the Compose plugin from Debian 13"
    local work options
    work=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" RETURN
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/tree"
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' \
        "$(debian_mirror)" /usr/share/keyrings/debian-archive-keyring.gpg >"$work/trixie.sources"
    options=(-o "Dir::Etc::sourcelist=$work/trixie.sources" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
    apt "${options[@]}" update
    (cd "$work" && apt "${options[@]}" download docker-compose)
    dpkg-deb -x "$work"/docker-compose_*.deb "$work/tree"
    install -D -m 0755 "$work/tree/usr/libexec/docker/cli-plugins/docker-compose" "$PLUGINS/docker-compose"
}

debian_mirror() { # the mirror that this machine's apt uses for its own release
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Codename: bookworm' | head -n 1
}

start_engine() {
    is_engine_up && return 0
    if [ -d /run/systemd/system ]; then
        systemctl enable --now docker
    else
        say "starting dockerd in the background, log in $DOCKERD_LOG"
        # a simple command in the background: a list would leave a shell behind that holds the lock for as long as dockerd runs
        if ! is_engine_starting; then
            setsid nohup dockerd >>"$DOCKERD_LOG" 2>&1 </dev/null 9>&- &
        fi
    fi
    for _ in $(seq 120); do
        is_engine_up && return 0
        sleep 0.5
    done
    die "Docker Engine did not come up within 60 s; see $DOCKERD_LOG or journalctl -u docker."
}

main() {
    local system
    system=$(system)
    if is_engine_up && has_compose && { [ "$(id -u)" != 0 ] || [ "$system" = other ]; }; then
        has_venv || die "python3 with venv is missing; install python3-venv, then try again."
        return 0
    fi
    [ "$system" != other ] || die "install Docker Engine with the Compose plugin (https://docs.docker.com/engine/install/), then try again."
    [ "$(id -u)" = 0 ] || die "Docker does not answer; run 'sudo make setup' once, or ask for membership in the group docker."
    exec 9>"$LOCK"
    flock -w 1800 9 || die "another bootstrap has been running for half an hour; look at it, then try again."
    install_packages "$system"
    [ "$system" != debian-12 ] || install_compose_from_next_debian
    start_engine
}

main "$@"
