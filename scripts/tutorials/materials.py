"""Stubs and certificates, made afresh for each run."""

import concurrent.futures
import pathlib
import subprocess
import sys

CERTIFICATE_CONFIG = """\
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = {name}
[extensions]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
basicConstraints = critical, CA:TRUE
subjectAltName = {names}
"""
# How each key is made: PKCS#8 for RSA, SEC 1 for the curve, as most guides do.
KEYS = {
    "rsa": ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ecdsa": ["ecparam", "-name", "prime256v1", "-genkey", "-noout"],
}
HERE = "DNS:localhost, IP:127.0.0.1"
# What schemas import of google.api; the packages have the same as Python modules.
STANDARD = pathlib.Path(__file__).resolve().parents[2] / "crates/seltzer-build/proto"
# File name to the kind of its key and the names it is valid for.
CERTIFICATES = {
    "rsa": ("rsa", HERE),
    "ecdsa": ("ecdsa", HERE),
    "client": ("rsa", HERE),
    "client-ecdsa": ("ecdsa", HERE),
    "stranger": ("ecdsa", HERE),
    "elsewhere": ("ecdsa", "DNS:elsewhere.example"),
}


def make_stubs(includes, stubs):
    """Compiles every schema under each include folder into Python modules under `stubs`.

    One compiler run a file: two files may declare the same name without a
    package, and no single run could hold both. Files in subfolders have
    packages, and take one run together.
    """
    stubs = pathlib.Path(stubs)
    stubs.mkdir(parents=True, exist_ok=True)
    runs = []
    for include in map(pathlib.Path, includes):
        runs += [(include, [file.name]) for file in sorted(include.glob("*.proto"))]
        nested = [str(file.relative_to(include)) for file in sorted(include.glob("*/**/*.proto"))]
        runs += [(include, nested)] if nested else []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda run: _compile(*run, stubs), runs))


def make_certificates(folder):
    """Self-signed certificates of the kind `openssl req -x509` makes."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, (kind, names) in CERTIFICATES.items():
        config = folder / f"{name}.cnf"
        config.write_text(CERTIFICATE_CONFIG.format(name=name, names=names))
        key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
        _run(["openssl", *KEYS[kind], "-out", key], f"cannot make the key {key}")
        _run(
            ["openssl", "req", "-x509", "-new", "-sha256", "-days", "30"]
            + ["-config", config, "-key", key, "-out", certificate],
            f"cannot make the certificate {certificate}",
        )


def _compile(include, names, stubs):
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{include}", f"-I{STANDARD}"]
    command += [f"--python_out={stubs}", f"--grpc_python_out={stubs}", *names]
    _run(command, f"cannot generate stubs for {' '.join(names)}")


def _run(command, problem):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{problem}:\n{done.stderr.strip()}")
