"""Files that no front reads: Kubernetes' manifest and systemd's units."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs/deploy"

# A release that has all that the manifest uses.
KUBERNETES_VERSION = "1.34"


class Missing(Exception):
    """A tool is not there: its name and what to do."""


class Strict(yaml.SafeLoader):
    """YAML in which no key stands twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise AssertionError(f"{twice} stands twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def refused(document):
    """Why the schemas refuse a document, or nothing."""
    try:
        kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return error.message
    return None


def seconds(text):
    return float(re.search(r"[0-9.]+", text).group())


def kubernetes():
    """Every document fits its schema, and what belongs together does."""
    text = (DEPLOY / "kubernetes.yaml").read_text()
    documents = list(yaml.load_all(text, Strict))
    for document in documents:
        error = refused(document)
        if error:
            raise AssertionError(f"{document['kind']}: {error}")
    # The schemas are there and refuse what is wrong.
    broken = yaml.load_all(text.replace("terminationGracePeriodSeconds", "terminationGraceSeconds"), Strict)
    if not any(refused(document) for document in broken):
        raise AssertionError("a field that does not exist was taken")

    pod = documents[0]["spec"]["template"]
    container = pod["spec"]["containers"][0]
    grace = next(seconds(flag) for flag in container["args"] if flag.startswith("--drain-grace="))
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    if not pod["spec"]["terminationGracePeriodSeconds"] > pause + grace:
        raise AssertionError("Kubernetes kills before the drain is over")
    port = container["ports"][0]["containerPort"]
    probes = [container[name]["grpc"]["port"] for name in ["startupProbe", "readinessProbe", "livenessProbe"]]
    if probes != [port] * 3 or f"--listen=0.0.0.0:{port}" not in container["args"]:
        raise AssertionError("ports that differ")
    labels = pod["metadata"]["labels"].items()
    for document in documents:
        selector = document["spec"]["selector"]
        if not selector.get("matchLabels", selector).items() <= labels:
            raise AssertionError(f"{document['metadata']['name']} selects other pods")
    takes(container["args"])
    return f"{len(documents)} documents, Kubernetes {KUBERNETES_VERSION}"


def takes(arguments):
    """`seltzer` understands a command line: it complains of the port that is added, which is none, and of no option."""
    command = [os.environ["SELTZER_BIN"], *arguments, "--listen", "unix:/no/such/folder/socket"]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode != 1 or "/no/such/folder/socket" not in ended.stderr:
        raise AssertionError(f"{ended.returncode}: {ended.stderr}")


def systemd():
    """systemd understands the units, and `seltzer` its command line."""
    if not shutil.which("systemd-analyze"):
        raise Missing("systemd-analyze: install systemd")
    units = DEPLOY / "systemd"
    with tempfile.TemporaryDirectory() as work:
        for unit in units.iterdir():
            # The binary is somewhere else here.
            text = unit.read_text().replace("/usr/local/bin/seltzer", os.path.abspath(os.environ["SELTZER_BIN"]))
            (pathlib.Path(work) / unit.name).write_text(text)
        names = sorted(str(path) for path in pathlib.Path(work).iterdir())
        ended = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True)
        about_them = [line for line in ended.stderr.splitlines() if "seltzer" in line]
        if ended.returncode != 0 or about_them:
            raise AssertionError(f"{ended.returncode}: {ended.stderr}")
        if not finds_mistakes(pathlib.Path(work)):
            raise AssertionError("a setting that does not exist was taken")
    service = (units / "seltzer.service").read_text()
    command = re.search(r"^ExecStart=\S+ ((?:.*\\\n)*.*)", service, re.MULTILINE).group(1).replace("\\\n", " ")
    patience, grace = (seconds(re.search(word + r"[= ](\S+)", service).group(1)) for word in ["TimeoutStopSec", "--drain-grace"])
    if patience <= grace:
        raise AssertionError("systemd kills before the drain is over")
    fixtures = ROOT / "crates/seltzer-cli/tests/cli/fixtures"
    takes(command.replace("%d", str(fixtures)).split())
    return f"{len(names)} units"


def finds_mistakes(work):
    unit = work / "seltzer.service"
    unit.write_text(unit.read_text().replace("DynamicUser=yes", "DynamicUsr=yes"))
    ended = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True)
    return "DynamicUsr" in ended.stderr
