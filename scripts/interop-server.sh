#!/bin/sh
# gRPC's interoperability tests the other way round: the clients of grpc-go, grpc-java and grpc-python against
# `seltzer serve`, without TLS and with it. Prints a line a case and `N passed, M failed`.
#
#   scripts/interop-server.sh [--client grpc-go|grpc-java|grpc-python] [--only h2c|tls]
#
# SELTZER_BIN        a `seltzer`; without it one is built
# INTEROP_GO_CLIENT  grpc-go's interop client; without it one is built by Go into the target directory
#
# grpc-python's package has no such client; its cases are those of scripts/interop-server/python_client.py.
# Cases that need Google's credentials, or a cache in between, are left out. The exit status is 0 when all passed, 1 when not, 2 when a tool is
# missing: what can be run without it is run before.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
interop=$target/judges/interop
go_module=google.golang.org/grpc/interop/client@v1.85.0
java_version=1.77.0
# The largest request of a case has ten million bytes.
message_bytes_max=16777216
# Patience with one case, in seconds.
timeout=120

both='empty_unary large_unary client_streaming server_streaming ping_pong empty_stream timeout_on_sleeping_server
cancel_after_begin cancel_after_first_response status_code_and_message special_status_message custom_metadata
unimplemented_method unimplemented_service pick_first_unary orca_per_rpc orca_oob'
go_cases="$both"
java_cases="$both client_compressed_unary server_compressed_unary client_compressed_streaming
server_compressed_streaming very_large_request"
# The balancer that looks at load reports, for the cases about these.
by_load='{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}'

clients='grpc-go grpc-java grpc-python'
carriers='h2c tls'
while [ $# -gt 0 ]; do
    case $1 in
    --client) clients=$2 && shift 2 ;;
    --only) carriers=$2 && shift 2 ;;
    *) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
    esac
done

absent=
# missing CLIENT TOOL WHAT-TO-DO
missing() {
    echo "interop-server.sh needs $2 for $1: $3" >&2
    absent="$absent $1"
}

go_client() {
    INTEROP_GO_CLIENT=${INTEROP_GO_CLIENT:-$interop/client}
    [ -x "$INTEROP_GO_CLIENT" ] && return
    command -v go >/dev/null || { missing grpc-go Go "install it, or set INTEROP_GO_CLIENT" && return; }
    GOBIN=$interop go install "$go_module" >&2 || missing grpc-go "its client" "go install $go_module failed"
}

java_client() {
    command -v java >/dev/null || { missing grpc-java java "install a JDK (Debian: default-jdk-headless)" && return; }
    ls "$interop/java/lib/grpc-interop-testing-$java_version.jar" >/dev/null 2>&1 && return
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
    mvn -q -B -f "$interop/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$interop/java/lib" >&2 ||
        missing grpc-java "grpc-java's packages" "Maven could not fetch them"
}

python_client() {
    venv=$interop/venv
    command -v python3 >/dev/null || { missing grpc-python python3 "install Python 3.10 or newer (Debian: python3 python3-venv)" && return; }
    if ! "$venv/bin/python" -c 'import grpc, grpc_tools' 2>/dev/null; then
        python3 -m venv "$venv" || { missing grpc-python venv "install Python's venv module (Debian: python3-venv)" && return; }
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --requirement "$repository/scripts/interop/requirements.txt" >&2 ||
            { missing grpc-python "Python packages" "pip could not install them" && return; }
    fi
    stubs=$interop/client-stubs
    rm -rf "$stubs" && mkdir -p "$stubs"
    (cd "$repository/proto" && "$venv/bin/python" -m grpc_tools.protoc -I. --python_out="$stubs" \
        --grpc_python_out="$stubs" grpc/testing/empty.proto grpc/testing/messages.proto grpc/testing/test.proto)
    python_cases=$("$venv/bin/python" "$repository/scripts/interop-server/python_client.py" --list)
}

mkdir -p "$interop"
if [ -z "${SELTZER_BIN:-}" ]; then
    command -v cargo >/dev/null || { echo "interop-server.sh needs cargo: install Rust, or set SELTZER_BIN" >&2 && exit 2; }
    (cd "$repository" && cargo build --quiet -p seltzer-cli) >&2
    SELTZER_BIN=$target/debug/seltzer
fi
work=$(mktemp -d)
server=
stop() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT

# serve CARRIER: starts a server, and sets $port.
serve() {
    [ -z "$server" ] || { kill "$server" && wait "$server" || true; }
    if [ "$1" = tls ]; then
        set -- --tls-self-signed --tls-self-signed-out "$work/ca.pem"
    else
        set --
    fi
    : >"$work/server"
    "$SELTZER_BIN" serve --listen 127.0.0.1:0 --max-message-bytes "$message_bytes_max" "$@" >"$work/server" 2>"$work/log" &
    server=$!
    until port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$work/server") && [ -n "$port" ]; do
        kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2 && exit 1; }
        sleep 0.1
    done
}

# go_case CARRIER CASE
go_case() {
    config=$(config_of "$2")
    carrier=$1
    set -- -server_host localhost -server_port "$port" -test_case "$2"
    [ "$carrier" = h2c ] || set -- "$@" -use_tls -use_test_ca -ca_file "$work/ca.pem" -server_host_override localhost
    [ -z "$config" ] || set -- "$@" -service_config_json="$config"
    timeout "$timeout" "$INTEROP_GO_CLIENT" "$@"
}

# java_case CARRIER CASE
java_case() {
    config=$(config_of "$2")
    store=$work/ca.p12
    set -- "$1" --server_host=localhost --server_port="$port" --test_case="$2"
    if [ "$1" = tls ]; then
        [ -f "$store" ] || keytool -importcert -noprompt -alias ca -file "$work/ca.pem" -keystore "$store" \
            -storetype PKCS12 -storepass changeit >/dev/null 2>&1
        shift
        set -- --use_tls=true --use_test_ca=false "$@"
    else
        shift
        set -- --use_tls=false "$@"
    fi
    [ -z "$config" ] || set -- "$@" --service_config_json="$config"
    timeout "$timeout" java -Djavax.net.ssl.trustStore="$store" -Djavax.net.ssl.trustStorePassword=changeit \
        -cp "$interop/java/lib/*" io.grpc.testing.integration.TestServiceClient "$@"
}

# python_case CARRIER CASE
python_case() {
    carrier=$1
    set -- --stubs "$stubs" --port "$port" --case "$2"
    [ "$carrier" = h2c ] || set -- "$@" --ca "$work/ca.pem"
    PYTHONDONTWRITEBYTECODE=1 timeout "$timeout" "$venv/bin/python" \
        "$repository/scripts/interop-server/python_client.py" "$@"
}

# config_of CASE: the service config that it needs.
config_of() {
    case $1 in orca_*) echo "$by_load" ;; esac
}

for client in $clients; do
    case $client in
    grpc-go) go_client ;;
    grpc-java) java_client ;;
    grpc-python) python_client ;;
    *) echo "interop-server.sh knows no client $client" >&2 && exit 2 ;;
    esac
done

passed=0
failed=0
for carrier in $carriers; do
    serve "$carrier"
    for client in $clients; do
        case " $absent " in *" $client "*) continue ;; esac
        case $client in
        grpc-go) cases=$go_cases one=go_case ;;
        grpc-java) cases=$java_cases one=java_case ;;
        *) cases=$python_cases one=python_case ;;
        esac
        for name in $cases; do
            if "$one" "$carrier" "$name" >"$work/case" 2>&1; then
                echo "ok $client $carrier $name"
                passed=$((passed + 1))
            else
                echo "FAIL $client $carrier $name: $(tail -n 3 "$work/case" | tr '\n' ' ')"
                failed=$((failed + 1))
            fi
        done
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] || exit 1
[ -z "$absent" ] || { echo "not run, because it is missing:$absent" && exit 2; }
