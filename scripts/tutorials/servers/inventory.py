"""inventory.v1.Inventory, for the schema that Seltzer does not have built in."""

import inventory_pb2
import inventory_pb2_grpc
from google.protobuf import struct_pb2, wrappers_pb2

from servers.serving import serve


def words(item):
    """What a person would check: each field as this side understood it."""
    part = item.parts[0]
    return "; ".join(
        (
            f"{item.item_name} is {inventory_pb2.Kind.Name(item.kind)}",
            f"stock {sorted(item.stock.items())}",
            f"number {sorted((number, named.name) for number, named in item.parts_by_number.items())}",
            f"{part.name} of {part.length.value:g} {part.length.unit} with {part.parts[0].name}",
            f"{item.WhichOneof('price')} {item.cents}",
            f"rank {item.rank if item.HasField('rank') else 'none'}",
            f"added {item.added.seconds}.{item.added.nanos:09}",
            f"in {item.lead_time.seconds}.{item.lead_time.nanos:09}",
            f"picture {item.picture.hex()}",
            f"offsets {list(item.offsets)}",
            f"serial {item.serial}",
            f"sold {item.sold}",
            f"weight {item.weight:g}",
            f"limit {item.limit.value if item.HasField('limit') else 'none'}",
        )
    )


class Inventory(inventory_pb2_grpc.InventoryServicer):
    def Echo(self, request, context):
        return request

    def Describe(self, request, context):
        return wrappers_pb2.StringValue(value=words(request))

    def EchoEach(self, request_iterator, context):
        yield from request_iterator

    def About(self, request, context):
        about = struct_pb2.Struct()
        about.update({"name": "inventory", "shelves": [1, 2.5], "open": True, "owner": None})
        return about


if __name__ == "__main__":
    serve(lambda server: inventory_pb2_grpc.add_InventoryServicer_to_server(Inventory(), server))
