"""RouteGuide's four methods, for whichever of its two schemas is given."""

import threading
import time

from places import distance_m, load_places


class Guide:
    """The four methods; `features_before` is what feature_count starts at."""

    def __init__(self, messages, features_before):
        self._messages = messages
        self._places = load_places()
        self._features_before = features_before
        self._lock = threading.Lock()
        self._notes = []

    def GetFeature(self, request, context):
        name = self._places.get((request.latitude, request.longitude), "")
        return self._messages.Feature(name=name, location=request)

    def features_within(self, request, context):
        latitudes = sorted((request.lo.latitude, request.hi.latitude))
        longitudes = sorted((request.lo.longitude, request.hi.longitude))
        for (latitude, longitude), name in self._places.items():
            inside = latitudes[0] <= latitude <= latitudes[1]
            if inside and longitudes[0] <= longitude <= longitudes[1]:
                point = self._messages.Point(latitude=latitude, longitude=longitude)
                yield self._messages.Feature(name=name, location=point)

    def RecordRoute(self, request_iterator, context):
        started = time.monotonic()
        points = list(request_iterator)
        known = sum((point.latitude, point.longitude) in self._places for point in points)
        return self._messages.RouteSummary(
            point_count=len(points),
            feature_count=self._features_before + known,
            distance=int(sum(distance_m(one, other) for one, other in zip(points, points[1:]))),
            elapsed_time=int(time.monotonic() - started),
        )

    def RouteChat(self, request_iterator, context):
        for note in request_iterator:
            with self._lock:
                earlier = [other for other in self._notes if other.location == note.location]
                self._notes.append(note)
            yield from earlier
