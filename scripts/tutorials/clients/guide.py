"""The checks that both schemas of RouteGuide share."""

import queue
import random

import grpc

from harness import CALL_TIMEOUT_S, Suite, equal, target, true
from places import distance_m, load_places

suite = Suite()

KNOWN = (409146138, -746188906)
KNOWN_NAME = "Berkshire Valley Management Area Trail, Jefferson, NJ, USA"


class Tour:
    """A stub of either schema, with its messages and its habits."""

    def __init__(self, stub, messages, list_features, features_before):
        self.stub = stub
        self.list_features = list_features
        self.features_before = features_before
        self.messages = messages
        self.places = load_places()

    def point(self, latitude, longitude):
        return self.messages.Point(latitude=latitude, longitude=longitude)

    def within(self, one, other):
        """What the server lists for the rectangle of two corners, sorted."""
        rectangle = self.messages.Rectangle(lo=self.point(*one), hi=self.point(*other))
        return sorted(
            (feature.location.latitude, feature.location.longitude, feature.name)
            for feature in self.list_features(rectangle)
        )

    def expected_within(self, one, other):
        """What the database has in that rectangle, borders included, sorted."""
        low = [min(pair) for pair in zip(one, other)]
        high = [max(pair) for pair in zip(one, other)]
        return sorted(
            (*place, name)
            for place, name in self.places.items()
            if all(low[axis] <= place[axis] <= high[axis] for axis in (0, 1))
        )


@suite.check
def the_known_point_has_its_name(tour):
    feature = tour.stub.GetFeature(tour.point(*KNOWN))
    equal(feature, tour.messages.Feature(name=KNOWN_NAME, location=tour.point(*KNOWN)))


@suite.check
def an_unknown_point_has_no_name(tour):
    unknown = tour.point(0, -1)
    equal(tour.stub.GetFeature(unknown), tour.messages.Feature(name="", location=unknown))


@suite.check
def every_place_is_known(tour):
    true(len(tour.places) >= 100, "the database holds fewer than a hundred places")
    for place, name in tour.places.items():
        equal(tour.stub.GetFeature(tour.point(*place)).name, name)


@suite.check
def features_of_a_rectangle(tour):
    one, other = (400000000, -750000000), (420000000, -730000000)
    expected = tour.expected_within(one, other)
    true(len(expected) > 10, "the rectangle is too empty to tell")
    equal(tour.within(one, other), expected)


@suite.check
def corners_in_any_order(tour):
    expected = tour.expected_within((403000000, -746600000), (409146138, -740000000))
    equal(tour.within((409146138, -740000000), (403000000, -746600000)), expected)
    equal(tour.within((403000000, -740000000), (409146138, -746600000)), expected)


@suite.check
def borders_are_inside(tour):
    equal(tour.within(KNOWN, KNOWN), [(*KNOWN, KNOWN_NAME)])


@suite.check
def an_empty_rectangle(tour):
    equal(tour.within((1, 1), (2, 2)), [])


@suite.check
def a_recorded_route(tour):
    route = [tour.point(*place) for place in (KNOWN, (407838351, -746143763), (403487000, -746593000))]
    legs = [distance_m(one, other) for one, other in zip(route, route[1:])]
    summary = tour.stub.RecordRoute(iter(route), timeout=CALL_TIMEOUT_S)
    known = sum((point.latitude, point.longitude) in tour.places for point in route)
    equal(summary.point_count, 3, "point_count")
    equal(summary.feature_count, tour.features_before + known, "feature_count")
    equal(summary.distance, int(sum(legs)), "distance")
    true(0 <= summary.elapsed_time <= 5, f"elapsed_time is {summary.elapsed_time}")


@suite.check
def a_route_of_one_degree(tour):
    # Along a meridian a degree is R * pi / 180 = 111194.93 metres.
    route = [tour.point(400000000, -740000000), tour.point(410000000, -740000000)]
    summary = tour.stub.RecordRoute(iter(route), timeout=CALL_TIMEOUT_S)
    equal((summary.point_count, summary.distance), (2, 111194))


@suite.check
def a_route_without_points(tour):
    summary = tour.stub.RecordRoute(iter(()), timeout=CALL_TIMEOUT_S)
    equal((summary.point_count, summary.feature_count, summary.distance), (0, tour.features_before, 0))


@suite.check
def notes_at_the_same_point_come_back(tour):
    # The server may remember notes of earlier calls, so the points are new ones.
    here, there = (random.randrange(1, 2**31) for _ in range(2))
    outbox = queue.SimpleQueue()
    call = tour.stub.RouteChat(iter(outbox.get, None), timeout=CALL_TIMEOUT_S)

    def note(place, message):
        location = tour.point(place, 1)
        return tour.messages.RouteNote(location=location, message=message)

    first, elsewhere, second, third = (
        note(here, "first"),
        note(there, "elsewhere"),
        note(here, "第二"),
        note(here, "third"),
    )
    for sent in (first, elsewhere, second):
        outbox.put(sent)
    equal(next(call), first)
    outbox.put(third)
    equal([next(call), next(call)], [first, second])
    outbox.put(None)
    equal([extra for extra in call], [], "what comes after the last note")
    equal(call.code(), grpc.StatusCode.OK)


def run(stubs, messages, method, features_before):
    """Runs the checks for one of the two schemas."""
    with grpc.insecure_channel(target()) as channel:
        stub = stubs.RouteGuideStub(channel)
        suite.run(Tour(stub, messages, getattr(stub, method), features_before))
