"""Calls from a page's JavaScript, one line each."""

import base64
import os
import pathlib
import subprocess
import sys
import tempfile

from playwright.sync_api import sync_playwright

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "openapi"))

from serving import serving  # noqa: E402

# The clients, as calls.js names them.
CLIENTS = [
    "grpc-web-text",
    "grpc-web-binary",
    "connect-web-grpc-web",
    "connect-json",
    "connect-proto",
]

SQUARES = [{"value": number * number, "message": f"{number} * {number} = {number * number}"} for number in (1, 2, 3)]

# (service, method, request, what comes of it)
CALLS = [
    ("hello.Greeter", "sayHello", {"name": "page"}, {"answers": [{"message": "Hello, page"}]}),
    ("Calculator", "getSquares", {"value": 3}, {"answers": SQUARES}),
    ("Calculator", "divide", {"a": 1, "b": 0}, {"code": "InvalidArgument"}),
]

# The page has the server's own origin, so that it may call it.
PAGE = "/page-with-calls"


def schemas():
    """The schemas of the demo services."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "schemas.bin")
        protos = ["proto/hello.proto", "proto/calculator.proto", "-I", "proto", "--include-imports"]
        subprocess.run(
            [os.environ["SELTZER_BIN"], "compile", *protos, "--descriptor-set-out", str(path)], check=True, timeout=60
        )
        return base64.b64encode(path.read_bytes()).decode()


class Page:
    """A page that holds the clients, and all that its console says."""

    def __init__(self, browser, root):
        self.page = browser.new_context(ignore_https_errors=True).new_page()
        self.wrong = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("requestfailed", lambda request: self.wrong.append(f"{request.url}: {request.failure}"))
        empty = "<!doctype html><title>calls</title>"
        self.page.route("**" + PAGE, lambda route: route.fulfill(body=empty, content_type="text/html"))
        self.page.goto(root + PAGE)
        self.page.add_script_tag(path=os.environ["BUNDLE"])
        self.page.evaluate("schemas => calls.learn(schemas)", schemas())

    def call(self, *call):
        return self.page.evaluate("call => calls.call(...call)", list(call))


def agrees(came, expected):
    """Whether what is expected is among what came."""
    return came | expected == came


def main():
    passed = failed = 0
    with serving() as server, sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=flags)
        page = Page(browser, server.root)
        for client in CLIENTS:
            for service, method, request, expected in CALLS:
                came = page.call(client, service, method, request)
                is_right = agrees(came, expected) and not page.wrong
                passed, failed = (passed + 1, failed) if is_right else (passed, failed + 1)
                print(f"{'ok' if is_right else 'FAIL'} {client}: {service}/{method} {'' if is_right else came}".rstrip())
        if page.wrong:
            print(f"the page says: {page.wrong}")
        browser.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
