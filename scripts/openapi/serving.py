"""A `seltzer serve` of its own, and requests to it."""

import contextlib
import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request


def seltzer(*arguments):
    """What a `seltzer` prints that ends by itself."""
    command = [os.environ["SELTZER_BIN"], *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


class Server:
    def __init__(self, root):
        self.root = root
        # Its certificate is made up.
        self.context = ssl._create_unverified_context()

    def ask(self, method, path, body=None, **headers):
        """Status, headers and bytes of an answer."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers.setdefault("content-type", "application/json")
        request = urllib.request.Request(self.root + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()


@contextlib.contextmanager
def serving(*flags):
    """A server of the demo services, with a certificate that it made up."""
    command = [os.environ["SELTZER_BIN"], "serve", "--tls-self-signed", "--listen", "127.0.0.1:0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on "), line
            yield Server("https://" + line.removeprefix("listening on ").strip())
        finally:
            process.terminate()
            process.communicate(timeout=60)
