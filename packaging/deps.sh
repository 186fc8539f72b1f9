#!/bin/sh
# packaging/deps.sh GROUP...: installs the Debian or Ubuntu packages that are missing, and nothing else.
#
#   build   compiler and libraries of mbe itself
#   demo    what `make demo` needs: the server's programs, without the service
#   test    what `make test` needs: the packaged server with its plugins, clang, valgrind
#   bench   what `make bench` needs: the tools mbe is compared with
#   lint    what `make lint` needs
#
# Where there is no server yet, MariaDB's is installed. A MySQL that is there is as good: nothing of MariaDB's server, with which
# it cannot be installed together, is asked for then, and what needs it is skipped. (MySQL for the tests is fetched, see
# tests/fetch-servers.)
#
# Silent when everything is there. Uses apt-get as root or through sudo. A machine that already runs a database server is left
# as it is: no installed package is removed, no installed server package is upgraded (that would restart it), and
# no freshly installed server is started now or at the next boot.
set -eu

BUILD="build-essential pkg-config libzstd-dev libxxhash-dev libssl-dev zlib1g-dev liblz4-dev liblzma-dev
    libbz2-dev libjansson-dev libcurl4-openssl-dev|libcurl4-gnutls-dev libexpat1-dev
    default-libmysqlclient-dev|libmariadb-dev-compat|libmysqlclient-dev"
# Loaded at run time if there: the licence or the C++ runtime of these keeps them out of the link.
CODECS="libsnappy1v5|libsnappy1.2 liblzo2-2|liblzo2-2t64"
# cryptography: what pymysql logs in with to a MySQL account (caching_sha2_password)
PYTHON="python3 python3-pymysql python3-cryptography"
PROVIDERS="mariadb-plugin-provider-lz4 mariadb-plugin-provider-lzo mariadb-plugin-provider-lzma
    mariadb-plugin-provider-bzip2 mariadb-plugin-provider-snappy"

# MySQL's server as Ubuntu calls it, Debian (unstable), and Oracle's own packages.
MYSQL="mysql-server-core-8.0 mysql-server-core-8.4 mysql-server-core mysql-community-server-core"

mysql_is_installed() {
    for name in $MYSQL; do
        is_installed "$name" && return 0
    done
    return 1
}

# The packages of MariaDB that a group needs, none where MySQL is installed.
mariadb() {
    mysql_is_installed || echo "$@"
}

# Names joined by "|" are alternatives; the first one that is installed or offered is taken.
packages_of() {
    case $1 in
    build) echo "$BUILD" ;;
    demo) echo "$PYTHON $(mariadb mariadb-server-core mariadb-client-core)" ;;
    test) echo "libcmocka-dev $CODECS $PYTHON clang llvm valgrind zstd
                $(mariadb "mariadb-server mariadb-client mariadb-backup $PROVIDERS")" ;;
    bench) echo "$PYTHON zstd sysbench percona-toolkit $(mariadb mariadb-server-core mariadb-client-core mariadb-backup)" ;;
    lint) echo "libcmocka-dev clang clang-format clang-tidy cppcheck shellcheck python3" ;;
    *)
        echo "usage: packaging/deps.sh build|demo|test|bench|lint ..." >&2
        exit 2
        ;;
    esac
}

# Without these a test is skipped by name or a column of the bench is left out; all others are required.
is_optional() {
    case $1 in
    mariadb-plugin-provider-* | mariadb-backup | sysbench | percona-toolkit | libsnappy* | liblzo2* | valgrind) return 0 ;;
    *) return 1 ;;
    esac
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

is_offered() {
    apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l "$@"
    fi
}

any_installed() {
    for name in $(echo "$1" | tr '|' ' '); do
        is_installed "$name" && return 0
    done
    return 1
}

first_offered() {
    for name in $(echo "$1" | tr '|' ' '); do
        is_offered "$name" && echo "$name" && return 0
    done
    return 1
}

# True when installing "$@" would upgrade or remove a database server that is installed.
would_touch_a_server() {
    apt-get -s install --no-install-recommends "$@" 2>/dev/null |
        grep -Eq '^(Inst [^ ]*(mariadb|mysql|percona)[^ ]*server[^ ]* \[|Remv )'
}

# Services must not start while packages are unpacked. A policy that the machine already has is its owner's: it stays.
POLICY=/usr/sbin/policy-rc.d
policy_is_ours=no
remove_policy() {
    [ $policy_is_ours = no ] || as_root rm -f $POLICY
    policy_is_ours=no
}
deny_service_starts() {
    [ -e $POLICY ] && return 0
    trap remove_policy EXIT
    trap 'exit 130' INT TERM
    policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee $POLICY >/dev/null
    as_root chmod 755 $POLICY
}

install_packages() {
    had_server=no
    is_installed mariadb-server && had_server=yes
    deny_service_starts
    as_root apt-get install -y -q --no-install-recommends --no-remove "$@" >&2
    remove_policy
    if [ $had_server = no ] && is_installed mariadb-server && [ -d /run/systemd/system ]; then
        as_root systemctl disable mariadb.service >/dev/null 2>&1 || true
        echo "deps: mariadb-server was installed for the tests; its service is off" >&2
    fi
}

# Package lists are fetched when something required is missing, not for an optional package that is never offered.
refresh_lists_for() {
    for alternatives in "$@"; do
        if ! is_optional "$alternatives"; then
            echo "deps: missing: $*" >&2
            as_root apt-get update -q >&2
            return
        fi
    done
}

main() {
    [ $# -gt 0 ] || packages_of ''
    wanted=
    for group in "$@"; do
        wanted="$wanted $(packages_of "$group")"
    done

    missing=
    for alternatives in $wanted; do
        any_installed "$alternatives" || missing="$missing $alternatives"
    done
    [ -n "$missing" ] || return 0

    if ! command -v apt-get >/dev/null; then
        echo "deps: this script knows Debian and Ubuntu only; install the equivalents of:$missing" >&2
        return 1
    fi
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        echo "deps: neither root nor sudo; ask for:$missing" >&2
        return 1
    fi

    # shellcheck disable=SC2086  # a list of package names: splitting is wanted
    refresh_lists_for $missing
    required=
    optional=
    for alternatives in $missing; do
        if name=$(first_offered "$alternatives"); then
            if is_optional "$name"; then optional="$optional $name"; else required="$required $name"; fi
        elif is_optional "$alternatives"; then
            echo "deps: $alternatives is not offered here; what needs it is skipped" >&2
        else
            echo "deps: $alternatives is not offered by this machine's package sources" >&2
            return 1
        fi
    done

    # shellcheck disable=SC2086  # lists of package names: splitting is wanted
    if [ -n "$required$optional" ] && ! would_touch_a_server $required $optional; then
        install_packages $required $optional
    elif [ -n "$required" ] && ! would_touch_a_server $required; then
        echo "deps: left out, because it would change an installed server:$optional" >&2
        install_packages $required
    elif [ -n "$required" ]; then
        echo "deps: installing$required would upgrade or remove a database server that is installed;" \
            "that is for you to decide, nothing was done" >&2
        return 1
    elif [ -n "$optional" ]; then
        echo "deps: left out, because it would change an installed server:$optional" >&2
    fi
}

main "$@"
