"""The database of places, and how far apart two points are."""

import json
import math
import os

DATABASE = "src/services/route_guide_db.json"
EARTH_RADIUS_M = 6_371_000
UNITS_A_DEGREE = 1e7


def distance_m(one, other):
    """The great-circle distance of two points by the haversine formula."""
    latitude1 = math.radians(one.latitude / UNITS_A_DEGREE)
    latitude2 = math.radians(other.latitude / UNITS_A_DEGREE)
    longitude = math.radians((other.longitude - one.longitude) / UNITS_A_DEGREE)
    half = (
        math.sin((latitude2 - latitude1) / 2) ** 2
        + math.cos(latitude1) * math.cos(latitude2) * math.sin(longitude / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.atan2(math.sqrt(half), math.sqrt(1 - half))


def load_places():
    """The shared database: (latitude, longitude) to the name of the place."""
    with open(os.path.join(os.environ["TUTORIALS_REPOSITORY"], DATABASE), encoding="utf-8") as file:
        features = json.load(file)
    return {
        (feature["location"]["latitude"], feature["location"]["longitude"]): feature["name"]
        for feature in features
    }
