#!/bin/sh
# gRPC's interoperability tests: our client against the servers of grpc-go, grpc-java and grpc-python, against our own,
# and against one that uses HTTP/2 in rare ways; without TLS and with it. Prints a table and the number of cases run.
#
#   scripts/interop.sh                          # all
#   scripts/interop.sh --server grpc-go         # one server (seltzer, grpc-go, grpc-java, grpc-python, http2)
#   scripts/interop.sh --only tls               # or --only h2c
#   scripts/interop.sh --case ping_pong         # one case; --list names all
#
# INTEROP_CLIENT     an `interop_client`; without it one is built
# SELTZER_BIN        a `seltzer`, for our own server; without it one is built
# INTEROP_GO_SERVER  grpc-go's interop server; without it one is built by Go into the target directory
#
# The other servers go into the target directory, by package name: Java's by Maven, Python's by pip.
# The exit status is 0 when all passed, 1 when not, 2 when a tool is missing: what can be run without it is run before.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
judges=$target/judges
interop=$judges/interop
go_module=google.golang.org/grpc/interop/server@v1.85.0
java_version=1.77.0

case " $* " in
*" -h "* | *" --help "*) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
*" --list "*) exec python3 "$repository/scripts/interop/run.py" --list ;;
esac

absent=
# missing SERVERS TOOL WHAT-TO-DO: those servers cannot be had.
missing() {
    echo "interop.sh needs $2 for $1: $3" >&2
    absent="$absent $1"
}

# wanted SERVER: whether it is to be run at all.
selection=" $* "
wanted() {
    case $selection in
    *--server*) case $selection in *"--server $1 "* | *"--server=$1 "*) ;; *) return 1 ;; esac ;;
    esac
}

python() {
    command -v python3 >/dev/null || { missing "$1" python3 "install Python 3.10 or newer (Debian: python3 python3-venv)" && return; }
    "$interop/venv/bin/python" -c 'import grpc, grpc_tools, h2' 2>/dev/null && return
    python3 -m venv "$interop/venv" || { missing "$1" venv "install Python's venv module (Debian: python3-venv)" && return; }
    "$interop/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$repository/scripts/interop/requirements.txt" >&2 || missing "$1" "Python packages" "pip could not install them"
}

stubs() {
    rm -rf "$INTEROP_STUBS" && mkdir -p "$INTEROP_STUBS"
    # shellcheck disable=SC2046 # none of these names has a space
    (cd "$repository/proto" && "$INTEROP_PYTHON" -m grpc_tools.protoc -I. --python_out="$INTEROP_STUBS" \
        --grpc_python_out="$INTEROP_STUBS" grpc/testing/empty.proto grpc/testing/messages.proto grpc/testing/test.proto \
        $(find xds -name '*.proto'))
}

java_server() {
    command -v java >/dev/null || { missing grpc-java java "install a JDK (Debian: default-jdk-headless)" && return; }
    if ! ls "$INTEROP_JAVA_LIB"/grpc-interop-testing-$java_version.jar >/dev/null 2>&1; then
        command -v mvn >/dev/null || { missing grpc-java Maven "install it (Debian: maven)" && return; }
        mkdir -p "$interop/java"
        cat >"$interop/java/pom.xml" <<P
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>judges</groupId><artifactId>interop</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>io.grpc</groupId><artifactId>grpc-interop-testing</artifactId><version>$java_version</version>
  </dependency></dependencies>
</project>
P
        mvn -q -B -f "$interop/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$INTEROP_JAVA_LIB" >&2 ||
            { missing grpc-java "grpc-java's packages" "Maven could not fetch them" && return; }
    fi
    # The authority that has signed this server's certificate lies in one of its packages.
    python3 - "$INTEROP_JAVA_LIB" >"$INTEROP_JAVA_CA" <<'P' || missing grpc-java "its certificate authority" "no package has certs/ca.pem"
import pathlib, sys, zipfile
for jar in sorted(pathlib.Path(sys.argv[1]).glob("grpc-*.jar")):
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name == "certs/ca.pem":
                sys.exit(print(archive.read(name).decode()))
sys.exit(1)
P
}

export INTEROP_PYTHON="$interop/venv/bin/python" INTEROP_STUBS="$interop/stubs"
export INTEROP_JAVA_LIB="$interop/java/lib" INTEROP_JAVA_CA="$interop/java/ca.pem"
mkdir -p "$interop"
command -v python3 >/dev/null || { echo "interop.sh needs python3: install Python 3.10 or newer (Debian: python3)" >&2 && exit 2; }
if wanted grpc-python || wanted http2; then
    python 'grpc-python http2'
    case $absent in *http2*) ;; *) stubs ;; esac
fi
if wanted grpc-go && [ -z "${INTEROP_GO_SERVER:-}" ]; then
    INTEROP_GO_SERVER=$interop/server
    if [ ! -x "$INTEROP_GO_SERVER" ]; then
        if ! command -v go >/dev/null; then
            missing grpc-go Go "install it, or set INTEROP_GO_SERVER"
        else
            GOBIN=$interop go install "$go_module" >&2 || missing grpc-go "its server" "go install $go_module failed"
        fi
    fi
fi
if wanted grpc-java; then java_server; fi
if [ -z "${INTEROP_CLIENT:-}" ]; then
    command -v cargo >/dev/null || { echo "interop.sh needs cargo: install Rust, or set INTEROP_CLIENT" >&2 && exit 2; }
    (cd "$repository" && cargo build --quiet -p seltzer-peers --features interop --bin interop_client) >&2
    INTEROP_CLIENT=$target/debug/interop_client
fi
if wanted seltzer && [ -z "${SELTZER_BIN:-}" ]; then
    command -v cargo >/dev/null || { echo "interop.sh needs cargo: install Rust, or set SELTZER_BIN" >&2 && exit 2; }
    (cd "$repository" && cargo build --quiet -p seltzer-cli) >&2
    SELTZER_BIN=$target/debug/seltzer
fi
export INTEROP_CLIENT INTEROP_GO_SERVER="${INTEROP_GO_SERVER:-}" SELTZER_BIN="${SELTZER_BIN:-}" INTEROP_ABSENT="$absent"
export PYTHONDONTWRITEBYTECODE=1

status=0
python3 "$repository/scripts/interop/run.py" "$@" || status=$?
[ "$status" -ne 0 ] || [ -z "$absent" ] || { echo "not run, because it is missing:$absent" && status=2; }
exit "$status"
