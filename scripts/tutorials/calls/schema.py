"""`seltzer call --proto FILE -I DIR` with a schema that it does not have built in."""

import os

from cli import call
from google.protobuf import json_format
from harness import Suite, equal
from inventory_pb2 import Item
from processes import python_server

suite = Suite()

FLAGS = ("--proto", "inventory.proto", "-I", os.environ["TUTORIALS_SCHEMAS"])
SERVICE = "inventory.v1.Inventory"
ITEM = {
    "itemName": "锯子",
    "kind": "KIND_TOOL",
    "stock": {"north": 3, "": -1},
    "partsByNumber": {"9007199254740993": {"name": "blade"}, "-1": {"name": "handle"}},
    "parts": [{"name": "frame", "length": {"value": 0.5, "unit": "METRE"}, "parts": [{"name": "screw"}]}],
    "cents": "9007199254740993",
    "rank": 0,
    "added": "2026-01-02T03:04:05.678Z",
    "leadTime": "3600.000000001s",
    "picture": "AP+A",
    "offsets": [-1, 0, 2147483647],
    "serial": "18446744073709551615",
    "sold": True,
    "weight": 1.5,
    "limit": "-9007199254740993",
}
WORDS = "; ".join(
    (
        "锯子 is KIND_TOOL",
        "stock [('', -1), ('north', 3)]",
        "number [(-1, 'handle'), (9007199254740993, 'blade')]",
        "frame of 0.5 1 with screw",
        "cents 9007199254740993",
        "rank 0",
        "added 1767323045.678000000",
        "in 3600.000000001",
        "picture 00ff80",
        "offsets [-1, 0, 2147483647]",
        "serial 18446744073709551615",
        "sold True",
        "weight 1.5",
        "limit -9007199254740993",
    )
)


@suite.check
def every_kind_of_field_is_understood(address):
    call(address, f"{SERVICE}/Describe", ITEM, flags=FLAGS).succeeded(WORDS)


@suite.check
def every_kind_of_field_comes_back(address):
    call(address, f"{SERVICE}/Echo", ITEM, flags=FLAGS).succeeded(ITEM)


@suite.check
def names_as_in_the_schema_are_taken_too(address):
    request = {"item_name": "saw", "kind": 2, "on_request": "ask", "lead_time": "1s"}
    expected = json_format.ParseDict(request, Item())
    call(address, f"{SERVICE}/Echo", request, flags=FLAGS).answered(expected)


@suite.check
def a_stream_of_them(address):
    names = [{"itemName": name} for name in ("one", "two", "three")]
    call(address, f"{SERVICE}/EchoEach", *names, flags=FLAGS).answered(
        *(Item(item_name=name["itemName"]) for name in names)
    )


@suite.check
def a_struct(address):
    about = {"name": "inventory", "shelves": [1, 2.5], "open": True, "owner": None}
    call(address, f"{SERVICE}/About", "{}", flags=FLAGS).succeeded(about)


@suite.check
def the_file_by_its_path(address):
    schemas = os.environ["TUTORIALS_SCHEMAS"]
    flags = ("--proto", os.path.join(schemas, "inventory.proto"), "-I", schemas)
    call(address, f"{SERVICE}/Describe", ITEM, flags=flags).succeeded(WORDS)


@suite.check
def without_the_file_the_service_is_unknown(address):
    outcome = call(address, f"{SERVICE}/Echo", ITEM)
    outcome.refused()
    equal(any(SERVICE in line for line in outcome.errors), True, "whether the service is named")


if __name__ == "__main__":
    with python_server("inventory") as server:
        suite.run(server.address())
