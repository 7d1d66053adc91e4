#!/usr/bin/env bash
# Checks the library with each feature by itself, with none, and in the pairs that people use.
set -euo pipefail
cd "$(dirname "$0")/.."
sets=(
    ''
    server
    client
    gzip
    zstd
    client,tls
    service-config-json
    server,tls
    http1
    http1,client,tls
    carrier-hyper
    server,client,tls,tls-webpki-roots,tls-native-roots
    dynamic
    health
    reflection
    orca
    channelz
    telemetry
    health,reflection,orca,channelz,telemetry,client,tls
    web
    connect
    web-client
    connect-client
    web-client,connect-client,http1-client,tls
    web,connect-client
    web-client,connect,client,dynamic
    http1-client
    gateway
    web,connect,gateway,client,tls,telemetry
    tonic-compat
    server,client,tonic-compat
    openapi
    swagger-ui
    services
)
for features in "${sets[@]}"; do
    echo "features: ${features:-none}"
    cargo clippy --quiet -p seltzer --no-default-features --features "$features" -- -D warnings
done
