"""The checks that both schemas of RouteGuide share."""

from cli import call
from harness import Suite, equal
from places import load_places
from processes import python_server

suite = Suite()

KNOWN = {"latitude": 409146138, "longitude": -746188906}
KNOWN_NAME = "Berkshire Valley Management Area Trail, Jefferson, NJ, USA"
NORTH = {"latitude": 410000000, "longitude": -740000000}
SOUTH = {"latitude": 400000000, "longitude": -740000000}


@suite.check
def a_feature(guide):
    outcome = call(guide.address, f"{guide.service}/GetFeature", KNOWN)
    outcome.succeeded({"name": KNOWN_NAME, "location": KNOWN})


@suite.check
def an_unknown_feature(guide):
    unknown = guide.messages.Point(latitude=1, longitude=2)
    outcome = call(guide.address, f"{guide.service}/GetFeature", {"latitude": 1, "longitude": 2})
    outcome.answered(guide.messages.Feature(location=unknown))


@suite.check
def features_of_a_rectangle(guide):
    everything = {
        "lo": {"latitude": -900000000, "longitude": 1800000000},
        "hi": {"latitude": 900000000, "longitude": -1800000000},
    }
    outcome = call(guide.address, f"{guide.service}/{guide.list_method}", everything)
    equal(outcome.status, 0, "the exit status")
    equal([reply["name"] for reply in outcome.replies], list(load_places().values()))


@suite.check
def a_recorded_route(guide):
    outcome = call(guide.address, f"{guide.service}/RecordRoute", SOUTH, NORTH, KNOWN)
    summary = outcome.messages(guide.messages.RouteSummary)[0]
    equal((summary.point_count, summary.feature_count), (3, guide.features_before + 1))
    # JSON says the names in lower camel case.
    equal(outcome.replies[0]["pointCount"], 3)


@suite.check
def a_chat_about_places(guide):
    notes = [
        {"location": place, "message": message}
        for place, message in ((NORTH, "first"), (SOUTH, "elsewhere"), (NORTH, "第二"), (NORTH, "third"))
    ]
    first, _, second, _ = notes
    call(guide.address, f"{guide.service}/RouteChat", *notes).succeeded(first, first, second)


class Guide:
    """Where the server is, and which of the two schemas it has."""

    def __init__(self, address, service, list_method, messages, features_before):
        self.address = address
        self.service = service
        self.list_method = list_method
        self.messages = messages
        self.features_before = features_before


def run(module, *schema):
    """Runs the checks against one of the two Python servers."""
    with python_server(module) as server:
        suite.run(Guide(server.address(), *schema))
