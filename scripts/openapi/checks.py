"""What is judged of documents and pages."""

import glob
import json
import os
import re

import openapi_spec_validator
import yaml
from playwright.sync_api import expect, sync_playwright

from document import Document
from serving import seltzer, serving

# Methods of the demo services with what they are called with, and a part of the answer.
CALLS = [
    ("hello_Greeter_SayHello", {"name": "world"}, {"message": "Hello, world"}),
    ("Greeter_SayHello", {"name": "world"}, {"message": "hello world"}),
    ("Calculator_Add", {"a": 1.5, "b": 2}, {"value": 3.5}),
    ("user_User_GetUser", {"id": 2}, {"id": 2, "value": "twtrubiks"}),
    ("RouteGuide_GetFeature", {"latitude": 409146138, "longitude": -746188906}, {}),
]


def documents():
    """Every document that there is a way to get, as (where it is from, what it says)."""
    protos = sorted(glob.glob("proto/*.proto"))
    protos = [proto for proto in protos if "addressbook" not in proto]
    for flags in [["--bearer", "--server", "https://api.example.com"], []]:
        yield "demo schemas as JSON", json.loads(seltzer("openapi", *protos, "-I", "proto", *flags))
        yield "demo schemas as YAML", yaml.safe_load(seltzer("openapi", *protos, "-I", "proto", "--format", "yaml"))
    library = ["tests/fixtures/proto/library.proto", "-I", "tests/fixtures/proto"]
    yield "library as JSON", json.loads(seltzer("openapi", *library))
    yield "library as YAML", yaml.safe_load(seltzer("openapi", *library, "--format", "yaml"))
    with serving() as server:
        yield "/openapi.json", json.loads(server.ask("GET", "/openapi.json")[2])
        yield "/openapi.yaml", yaml.safe_load(server.ask("GET", "/openapi.yaml")[2])


def documents_are_valid():
    count = 0
    for name, document in documents():
        assert document["openapi"].startswith("3.1"), name
        openapi_spec_validator.validate(document, cls=openapi_spec_validator.OpenAPIV31SpecValidator)
        assert document["paths"], name
        count += 1
    assert count == 8, count


def both_forms_say_the_same():
    library = ["tests/fixtures/proto/library.proto", "-I", "tests/fixtures/proto"]
    as_json, as_yaml = seltzer("openapi", *library), seltzer("openapi", *library, "--format", "yaml")
    assert json.loads(as_json) == yaml.safe_load(as_yaml)
    assert as_json == seltzer("openapi", *library), "a document is the same whenever it is made"


def answers_are_as_documented():
    with serving() as server:
        document = Document(json.loads(server.ask("GET", "/openapi.json")[2]))
        for operation_id, fields, expected in CALLS:
            path, kind, _ = document.operation(operation_id)
            request, where, body = document.request(operation_id, fields)
            status, headers, answer = server.ask(request, where, body)
            assert status == 200, (operation_id, status, answer)
            answer = json.loads(answer)
            assert answer | expected == answer, (operation_id, answer)
            place = ("paths", path, kind, "responses", "200", "content", "application/json", "schema")
            document.check(answer, *place)
        request, where, body = document.request("Calculator_Divide", {"a": 1, "b": 0})
        status, _, answer = server.ask(request, where, body)
        assert status == 400, status
        place = ("components", "responses", "Error", "content", "application/json", "schema")
        document.check(json.loads(answer), *place)


def the_tutorial_s_request():
    with serving() as server:
        status, _, answer = server.ask("POST", "/v1/hello", {"name": "world"})
        assert (status, json.loads(answer)) == (200, {"message": "hello world"}), (status, answer)


class Page:
    """Swagger UI in Chromium, and all that its console says."""

    def __init__(self, browser, root):
        self.context = browser.new_context(ignore_https_errors=True)
        self.page = self.context.new_page()
        self.wrong = []
        self.page.on("console", lambda line: self.said(line.type, line.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("requestfailed", lambda request: self.wrong.append(f"{request.url}: {request.failure}"))
        self.page.goto(root + "/swagger-ui")
        self.page.wait_for_selector(".opblock", timeout=60_000)

    def said(self, kind, text):
        if kind in ("error", "warning"):
            self.wrong.append(text)

    def call(self, operation_id, fields, accept=None):
        """Tries an operation out; gives the status and the text of its answer."""
        block = self.page.locator(f"[id$='-{operation_id}']")
        if not block.locator(".execute").count():
            block.locator(".opblock-summary-control").click()
        block.locator(".execute").wait_for()
        rest = dict(fields)
        for name in list(rest):
            field = block.locator(f"tr[data-param-name='{name}'] input")
            if field.count():
                field.first.fill(str(rest.pop(name)))
        if rest:
            block.locator("textarea.body-param__text").fill(json.dumps(rest))
        if accept:
            block.locator(".responses-table select.content-type").first.select_option(accept)
        clear = block.locator(".btn-clear")
        if clear.count():
            clear.click()
        block.locator(".execute").click()
        answer = block.locator(".live-responses-table .response")
        answer.wait_for(timeout=60_000)
        return answer.locator(".response-col_status").inner_text(), answer.locator(".highlight-code, pre").first.inner_text()


def swagger_ui_works():
    with serving() as server, sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=flags)
        page = Page(browser, server.root)
        assert page.page.url == server.root + "/swagger-ui/", page.page.url
        assert "Seltzer" in page.page.locator(".info .title").inner_text()
        status, text = page.call("hello_Greeter_SayHello", {"name": "Ann"})
        assert status.startswith("200") and "Hello, Ann" in text, (status, text)
        for accept in ["application/json", "application/x-ndjson", "text/event-stream"]:
            status, text = page.call("Calculator_GetSquares", {"value": 3}, accept)
            assert status.startswith("200"), (accept, status, text)
            values = re.findall(r'"value":\s*(\d+)', text)
            assert values == ["1", "4", "9"], (accept, text)
        schemas = page.page.locator("section.models")
        assert schemas.count() == 1, "all schemas are shown"
        assert not page.wrong, page.wrong
        browser.close()


def the_landing_page_is_alive():
    with serving() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=["--no-sandbox"])
        context = browser.new_context(ignore_https_errors=True)
        page, wrong = context.new_page(), []
        page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(server.root + "/")
        cell = page.locator("[data-calls='hello.Greeter/SayHello']")
        assert cell.inner_text() == "0", cell.inner_text()
        assert page.locator("[data-health='hello.Greeter']").inner_text() == "SERVING"
        status, _, answer = server.ask("POST", "/hello.Greeter/SayHello", {"name": "Ann"})
        assert status == 200, (status, answer)
        expect(cell).to_have_text("1")
        page.click("text=Swagger UI")
        page.wait_for_selector(".opblock")
        assert not wrong, wrong
        browser.close()


CHECKS = [
    documents_are_valid,
    both_forms_say_the_same,
    answers_are_as_documented,
    the_tutorial_s_request,
    swagger_ui_works,
    the_landing_page_is_alive,
]
