"""Asks two gateways the same questions: ours, and Envoy's transcoder before the same server.

    differential.py SERVER ENVOY [REQUESTS] [SEED]

SERVER is the example `rest` of tests/fixtures, ENVOY Envoy's program. Questions are random, from a seed. What differs is
explained by one of the rules of `explain`, or is a failure. With SHOW in the environment examples of each are printed.
"""

import collections
import http.client
import json
import os
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

from google.api import annotations_pb2
from google.protobuf import descriptor_pb2

CONFIG = """
static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: rest
          codec_type: AUTO
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{ prefix: "/" }}
                route: {{ cluster: library }}
          http_filters:
          - name: envoy.filters.http.grpc_json_transcoder
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder
              proto_descriptor: {set}
              services: [rest.Library]
              auto_mapping: true
              convert_grpc_status: true
              query_param_unescape_plus: true
              request_validation_options:
                reject_unknown_method: true
                reject_unknown_query_parameters: true
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: library
    connect_timeout: 1s
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{ http2_protocol_options: {{}} }}
    load_assignment:
      cluster_name: library
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {server} }} }} }}
"""

PIECES = ["a", "1", "shelves", "books", "x y", "a/b", "é", "a:b", "a+b", "%", "~", "NOVEL", "2", "-5", "true", "你", "a&b=c"]
NUMBERS = ["0", "1", "-1", "5", "2147483647", "2147483648", "1.5", "1e3", "x", "", "007", "+1", "-0"]


class Questions:
    """Random requests. None has a field mask: Envoy 1.40 crashes over many of them, and over few others."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def piece(self):
        text = self.random.choice(PIECES)
        return urllib.parse.quote(text, safe=self.random.choice(["", ":", "+:", ":+~"]))

    def number(self):
        return urllib.parse.quote(self.random.choice(NUMBERS))

    def parameter(self):
        choose = self.random.choice
        name, value = choose([
            ("an_int32", self.number()), ("anInt64", self.number()), ("a_uint32", self.number()),
            ("aDouble", self.number()), ("a_bool", choose(["true", "false", "1", "TRUE", "x"])),
            ("numbers", self.number()), ("texts", self.piece()), ("genre", choose(["NOVEL", "POEM", "1", "PROSE", "novel"])),
            ("genres", choose(["NOVEL", "2"])), ("inner.text", self.piece()), ("inner.anInt32", self.number()),
            ("inner.inner.a_bool", "true"), ("time", "2024-01-01T00:00:00Z"), ("duration", choose(["1s", "1.5s", "x"])),
            ("int32_value", self.number()), ("string_value", self.piece()), ("bool_value", choose(["true", "x"])),
            ("maybe", self.piece()), ("data", choose(["aGk=", "_-8", "*"])),
            ("nothing", "1"), ("inner.nothing", "1"), ("chosen_text", "a"), ("chosen_number", "1"), ("text", "b"),
        ])
        return f"{name}={value}"

    def query(self):
        count = self.random.choice([0, 0, 1, 1, 2, 3])
        return "?" + "&".join(self.parameter() for _ in range(count)) if count else ""

    def value(self, depth):
        choose = self.random.choice
        if depth > 2 or self.random.random() < 0.6:
            return choose([1, 0, -1, 1.5, "a", "", "NOVEL", True, False, None, "1", "1e3", "é", "aGk=", 2**31, 2**53, "2024-01-01T00:00:00Z", "1s"])
        if self.random.random() < 0.5:
            return [self.value(depth + 1) for _ in range(self.random.randrange(3))]
        return self.object(depth + 1)

    def object(self, depth=0):
        fine = {
            "text": "a", "an_int32": 5, "anInt64": "7", "aBool": True, "aDouble": 1.5, "numbers": [1, 2], "texts": ["a"],
            "genre": "POEM", "labels": {"a": "b"}, "counts": {"1": "2"}, "time": "2024-01-01T00:00:00Z", "duration": "1s",
            "value": [1, {"a": None}], "struct": {"a": 1}, "int32Value": 5, "stringValue": "x", "data": "aGk=",
            "genres": ["NOVEL", 2], "maybe": "", "chosenText": "a", "authors": {"a": {"born": 1}}, "inners": [{"text": "x"}],
        }
        names = self.random.sample([*fine, "inner", "nothing"], self.random.randrange(4))
        made = {}
        for name in names:
            if name == "inner":
                made[name] = self.object(depth + 1) if depth < 3 else {}
            elif name == "nothing":
                if self.random.random() < 0.2:
                    made[name] = 1
            else:
                made[name] = fine[name] if self.random.random() < 0.75 else self.value(depth + 1)
        return made

    def body(self):
        text = json.dumps(self.object(), ensure_ascii=self.random.random() < 0.5)
        if self.random.random() < 0.08:
            at = self.random.randrange(len(text))
            text = text[:at] + self.random.choice(["", "x", '"', "}", ",", "{"]) + text[at + 1 :]
        return text

    def question(self):
        choose = self.random.choice
        piece = self.piece
        kind = self.random.randrange(14)
        if kind < 3:
            return "GET", f"/v1/echo/{piece()}{self.query()}", ""
        if kind < 6:
            return "POST", "/v1/echo" + (self.query() if self.random.random() < 0.1 else ""), self.body()
        if kind == 6:
            return "GET", f"/v1/shelves/{piece()}/books/{piece()}", ""
        if kind == 7:
            return "GET", f"/v1/numbers/{self.number()}/{choose(['NOVEL', '2', 'PROSE'])}/{choose(['true', 'false', 'x'])}", ""
        if kind == 8:
            return "POST", f"/v1/inner/{piece()}{self.query()}", self.body()
        if kind == 9:
            return choose(["GET", "PATCH", "DELETE"]), "/v1/whatever/" + "/".join(piece() for _ in range(self.random.randrange(1, 4))), ""
        if kind == 10:
            size = choose(["0", "1", "3"])
            return "GET", f"/v1/shelves/{piece()}/books{choose([':watch'])}?page_size={size}", ""
        if kind == 11:
            code = self.random.randrange(1, 17)
            return "POST", "/v1/fail", json.dumps({"code": code, "message": choose(["no", "", "é"])})
        if kind == 12:
            books = [{"title": choose(["a", "b", 1])} for _ in range(self.random.randrange(3))]
            return "POST", choose(["/v1/books:import"]), json.dumps(choose([books, ["a"], ["a", "b"]]))
        method = choose(["GET", "POST", "PUT", "DELETE"])
        return method, choose(["/v1/echo", "/v1/isbn/1", "/v1/nothing", "/rest.Library/Plain", "/v1/isbn/", "/", "/v1/echo/"]), choose(["", "{}"])


def ask(port, question):
    method, target, body = question
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"content-type": "application/json"} if body else {}
    try:
        connection.request(method, target, body.encode(), headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        return answer.status, text
    except (http.client.HTTPException, OSError) as error:
        return 0, repr(error)
    finally:
        connection.close()


def same(question, ours, theirs):
    """Whether two answers say the same: the status, and the message where it is good."""
    if ours[0] != theirs[0]:
        return False
    if ours[0] != 200:
        return True
    try:
        return json.loads(ours[1]) == json.loads(theirs[1])
    except ValueError:
        return ours[1] == theirs[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(300):
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nobody listens on {port}")


def main():
    server, envoy = sys.argv[1:3]
    count, seed = int((sys.argv[3:] or ["10000"])[0]), int((sys.argv[4:] or ["1"])[0])
    differences = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        ours, theirs = free_port(), free_port()
        processes = [subprocess.Popen([server, f"127.0.0.1:{ours}", str(folder / "set.bin")])]
        try:
            wait_for(ours, processes[0])
            strip(folder / "set.bin")
            config = folder / "envoy.yaml"
            config.write_text(CONFIG.format(port=theirs, server=ours, set=folder / "set.bin"))
            command = [envoy, "-c", str(config), "--concurrency", "1", "-l", "error", "--disable-hot-restart"]
            processes.append(start(command, theirs))
            questions = Questions(seed)
            alike = 0
            for _ in range(count):
                question = questions.question()
                one, other = ask(ours, question), ask(theirs, question)
                if other[0] == 0 and has_ended(processes[1]):
                    differences["Envoy crashed"].append((question, one, other))
                    processes[1] = start(command, theirs)
                    continue
                if same(question, one, other):
                    alike += 1
                    continue
                differences[explain(question, one, other)].append((question, one, other))
        finally:
            for process in processes:
                process.terminate()
                process.wait()
    print(f"{count} requests, {alike} answered alike")
    for reason, found in sorted(differences.items(), key=lambda item: str(item[0])):
        print(f"{len(found):6}  {reason}")
        for question, one, other in found[: 3 if reason != "UNEXPLAINED" else 25]:
            if os.environ.get("SHOW") or reason == "UNEXPLAINED":
                print("       ", question, "\n          ours", one[0], one[1][:200], "\n          envoy", other[0], other[1][:200])
    sys.exit(1 if "UNEXPLAINED" in differences else 0)


def start(command, port):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(port, process)
    return process


def has_ended(process):
    try:
        process.wait(10)
        return True
    except subprocess.TimeoutExpired:
        return False


def strip(path):
    """Takes `response_body` out of all rules: Envoy does not start with it. The methods that have it are not asked."""
    files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    for file in files.file:
        for service in file.service:
            for method in service.method:
                if method.options.HasExtension(annotations_pb2.http):
                    rule = method.options.Extensions[annotations_pb2.http]
                    rule.response_body = ""
                    for more in rule.additional_bindings:
                        more.response_body = ""
    path.write_bytes(files.SerializeToString())


def explain(question, ours, theirs):
    """Why two answers differ, if that is as it should be."""
    method, target, body = question
    path = target.partition("?")[0]
    said = ours[1]
    if (ours[0], theirs[0]) == (405, 404):
        return "a path that has other methods: 405 with Allow; Envoy says 404"
    if path == "/":
        return "the root: a server has a page there"
    if path.endswith("/") and ours[0] == 404:
        return "a slash at the end is a segment of its own; Envoy takes it off"
    if "//" in path and ours[0] == 404:
        return "an empty segment is none for `*`; for Envoy it is one"
    if ours[0] == 400 and theirs[0] == 500 and "not valid protobuf" in theirs[1]:
        return "JSON of which Envoy makes bytes that are no message: 400 here"
    if ours[0] == theirs[0] == 200 and urllib.parse.unquote(ours[1]) == urllib.parse.unquote(theirs[1]):
        return "variables over several segments: all but %2F is decoded, as the specification says; Envoy keeps what is reserved"
    if ours[0] == 400 and theirs[0] == 200:
        if "the body holds all fields" in said:
            return "with `body: *` there are no query parameters, as the specification says; Envoy takes them"
        if "is the body" in said:
            return "a field of the body comes in the query as well; Envoy puts them together"
        if "stands in the path already" in said:
            return "a field of the path comes in the query as well; in Envoy the query wins"
        if "in the path" in said or "query parameter" in said:
            if "true or false was expected" in said:
                return "booleans in URLs: true and false, as JSON; Envoy also takes 1, TRUE and the like"
            if re.search(r'\\"(\+1|007|0?1\.5|)\\"', said):
                return "numbers in URLs as JSON writes them: no +1, no 007, no empty one; Envoy takes some"
            if "twice" in said or "only one of" in said:
                return "a field or a oneof comes twice in the query; in Envoy the last one wins"
            if "no such value" in said:
                return "names of enum values as they are; Envoy takes them in any case"
        if "the body: " in said and "has no field" in said:
            return "names in the body that no field has are refused; Envoy passes over them here"
        if "the body: field" in said:
            return "JSON of the wrong kind (a text where a message is, one value where there are several); Envoy is laxer"
    if ours[0] == 200 and theirs[0] == 400 and re.search(r"[=/](1e3|-0)([&/?]|$)", target):
        return "whole numbers in URLs as JSON writes them: 1e3 and -0 are some; not in Envoy"
    if ours[0] == 200 and theirs[0] == 400 and '"1e3"' in body:
        return "whole numbers as texts in JSON: 1e3 is one, as without quotes; not in Envoy"
    return "UNEXPLAINED"


main()
