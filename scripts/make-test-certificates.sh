#!/bin/sh
# Makes the certificates and keys of tests/support/tls. Needs openssl 3; the tests themselves do not.
#
# Run it only to add a certificate or when they run out: every run makes new keys.
set -eu

cd "$(dirname "$0")/../tests/support/tls"
rm -f ./*.pem ./*.key
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Fixed dates, so that a machine whose clock is slow still takes the certificates.
start=20240101000000Z
end=21240101000000Z
localhost='subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1'
authority='basicConstraints = critical, CA:TRUE'

# key NAME ALGORITHM: a private key, as PKCS#8.
key() {
    case $2 in
    rsa*) openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:${2#rsa}" -out "$1.key" 2>/dev/null ;;
    P-*) openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$2" -out "$1.key" ;;
    *) openssl genpkey -algorithm "$2" -out "$1.key" ;;
    esac
    chmod 644 "$1.key"
}

# certificate NAME COMMON-NAME START END EXTENSIONS [ISSUER]: for NAME.key; self-signed without an issuer.
# It goes through `openssl ca`, the only command of openssl 3.0 that takes dates.
certificate() {
    : >"$scratch/index" && : >"$scratch/index.attr"
    {
        printf '[ca]\ndefault_ca = default\n[any]\ncommonName = supplied\n[extensions]\n%s\n' "$5"
        printf '[default]\ndatabase = %s/index\nnew_certs_dir = %s\nrand_serial = yes\n' "$scratch" "$scratch"
        printf 'default_md = default\npolicy = any\n'
        [ -z "$5" ] || printf 'x509_extensions = extensions\n'
    } >"$scratch/ca.cnf"
    openssl req -new -key "$1.key" -out "$scratch/request" -subj "/CN=$2"
    if [ $# -gt 5 ]; then
        set -- "$1" "$2" "$3" "$4" -cert "$6.pem" -keyfile "$6.key"
    else
        set -- "$1" "$2" "$3" "$4" -selfsign -keyfile "$1.key"
    fi
    name=$1 startdate=$3 enddate=$4
    shift 4
    openssl ca -batch -notext -config "$scratch/ca.cnf" -in "$scratch/request" -startdate "$startdate" -enddate "$enddate" \
        -out "$name.pem" "$@" 2>"$scratch/log" || { cat "$scratch/log" && exit 1; }
}

# self_signed NAME ALGORITHM COMMON-NAME EXTENSIONS: CA:TRUE, as `openssl req -x509` makes it when not told otherwise.
self_signed() {
    key "$1" "$2"
    certificate "$1" "$3" "$start" "$end" "subjectKeyIdentifier = hash
$authority
$4"
}

# Good for localhost, one for each kind of key.
self_signed rsa rsa2048 localhost "$localhost"
self_signed ecdsa P-256 localhost "$localhost"
self_signed p384 P-384 localhost "$localhost"
self_signed ed25519 ED25519 localhost "$localhost"
self_signed p521 P-521 localhost "$localhost"
self_signed rsa1024 rsa1024 localhost "$localhost"

# The same RSA and ECDSA keys in the older PEM forms, and one behind a passphrase.
openssl pkey -in rsa.key -traditional -out rsa-pkcs1.key
{ openssl ecparam -name prime256v1; openssl pkey -in ecdsa.key -traditional; } >ecdsa-sec1.key
openssl pkcs8 -topk8 -in ecdsa.key -passout pass:secret -out encrypted.key
chmod 644 ./*.key

# Each with something of its own that makes it good or bad for a purpose.
self_signed wrong-name P-256 elsewhere 'subjectAltName = DNS:elsewhere.example, IP:192.0.2.1'
self_signed common-name P-256 localhost ''
self_signed client-self-signed P-256 'a client' ''
self_signed for-clients P-256 localhost "$localhost
extendedKeyUsage = clientAuth"
self_signed for-servers P-256 localhost "$localhost
extendedKeyUsage = serverAuth"
self_signed constrained P-256 localhost "$localhost
nameConstraints = permitted;DNS:elsewhere.example"
key leaf P-256
certificate leaf localhost "$start" "$end" "$localhost
basicConstraints = critical, CA:FALSE"
key expired P-256
certificate expired localhost 20200101000000Z 20210101000000Z "$localhost
$authority"
key not-yet P-256
certificate not-yet localhost 21200101000000Z 21210101000000Z "$localhost
$authority"

# A workload with a SPIFFE id.
key workload P-256
certificate workload 'a workload' "$start" "$end" 'basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = URI:spiffe://example.org/shop/checkout, DNS:checkout.example.org'

# X.509 version 1, which `openssl x509 -req` makes of a request without extensions.
key version1 P-256
certificate version1 localhost "$start" "$end" ''

# A CA, an intermediate CA, a server with its chain in one file, and a client. The keys of the CAs are thrown away.
key "$scratch/ca" P-256
certificate "$scratch/ca" 'Test CA' "$start" "$end" "subjectKeyIdentifier = hash
$authority"
key "$scratch/intermediate" P-256
certificate "$scratch/intermediate" 'Test intermediate CA' "$start" "$end" "$authority, pathlen:0
keyUsage = critical, keyCertSign, cRLSign" "$scratch/ca"
key server P-256
certificate server localhost "$start" "$end" "$localhost
extendedKeyUsage = serverAuth" "$scratch/intermediate"
cat "$scratch/intermediate.pem" >>server.pem
key client P-256
certificate client 'a client' "$start" "$end" 'extendedKeyUsage = clientAuth' "$scratch/ca"
cp "$scratch/ca.pem" ca.pem
