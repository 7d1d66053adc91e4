#!/bin/sh
# New certificates under load: `seltzer serve`, whose certificate and key are replaced twenty times and read again on
# SIGHUP, under 2,000 calls a second on connections that stay and 20 new connections a second. Prints a table of
# figures, and what each had to be.
#
#   scripts/certificates.sh                # about a minute
#   scripts/certificates.sh --quick        # ten seconds
#   scripts/certificates.sh --no-build     # with what was built before
#
# SELTZER_BIN        a `seltzer`; without it one is built
# CERTIFICATES_PORT  the server's port, outside of those that outgoing connections get; 21710
#
# The exit status is 0 when nothing is short, 1 when something is, 2 when a tool is missing or the server did not start.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
# As many as are replaced, and the one at the beginning.
certificates=21
options='' build=yes
while [ $# -gt 0 ]; do
    case $1 in
    --quick) options=--quick ;;
    --no-build) build='' ;;
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
    *) echo "certificates.sh: $1 is not known; see --help" >&2 && exit 64 ;;
    esac
    shift
done
command -v openssl >/dev/null || { echo 'certificates.sh needs openssl, which makes them: install it' >&2 && exit 2; }
if [ -n "$build" ]; then
    command -v cargo >/dev/null || { echo 'certificates.sh needs cargo: install Rust' >&2 && exit 2; }
    (cd "$repository" && cargo build --quiet --release -p seltzer-peers --features trials --bin trials) >&2
    [ -n "${SELTZER_BIN:-}" ] || (cd "$repository" && cargo build --quiet --release -p seltzer-cli) >&2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/$1.key"
}

key ca
openssl req -x509 -new -key "$work/ca.key" -out "$work/ca.pem" -days 2 -subj '/CN=an authority for a minute' \
    -addext 'basicConstraints = critical, CA:TRUE'
printf 'subjectAltName = DNS:localhost, IP:127.0.0.1\n' >"$work/names"
number=0
while [ "$number" -lt "$certificates" ]; do
    key "$number"
    openssl req -new -key "$work/$number.key" -out "$work/request" -subj '/CN=localhost'
    openssl x509 -req -in "$work/request" -CA "$work/ca.pem" -CAkey "$work/ca.key" -set_serial $((number + 1000)) \
        -days 2 -extfile "$work/names" -out "$work/$number.pem" 2>"$work/log" || { cat "$work/log" >&2 && exit 2; }
    number=$((number + 1))
done

code=0
# shellcheck disable=SC2086 # it is nothing or one word
"$target/release/trials" certificates --seltzer "${SELTZER_BIN:-$target/release/seltzer}" --certificates "$work" \
    --port "${CERTIFICATES_PORT:-21710}" $options || code=$?
exit $code
