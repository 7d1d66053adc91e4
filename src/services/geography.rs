//! What the two route guides share: positions, areas, distances, and the places that they know.

use std::collections::HashMap;
use std::slice;
use std::sync::LazyLock;

use serde::Deserialize;
use tokio::time::Instant;

/// A position on the globe, in units of 1e-7 degree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
pub(crate) struct Position {
    pub(crate) latitude: i32,
    pub(crate) longitude: i32,
}

/// A rectangle between two of its opposite corners, borders included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Area {
    south_west: Position,
    north_east: Position,
}

/// Something that has a name and a position.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Place {
    pub(crate) name: String,
    #[serde(rename = "location")]
    pub(crate) position: Position,
}

/// All places that are known, in the order of the database.
pub(crate) fn places() -> &'static [Place] {
    &GAZETTEER.places
}

/// The place at exactly this position.
pub(crate) fn place_at(position: Position) -> Option<&'static Place> {
    GAZETTEER.by_position.get(&position).map(|index| &GAZETTEER.places[*index])
}

/// The places inside an area, found one by one as they are asked for.
#[derive(Debug, Clone)]
pub(crate) struct PlacesInside {
    places: slice::Iter<'static, Place>,
    area: Area,
}

impl PlacesInside {
    pub(crate) fn new(area: Area) -> Self {
        PlacesInside { places: places().iter(), area }
    }
}

impl Iterator for PlacesInside {
    type Item = &'static Place;

    fn next(&mut self) -> Option<&'static Place> {
        self.places.by_ref().find(|place| self.area.contains(place.position))
    }
}

impl Area {
    /// The area between two corners that lie diagonally across, whichever and in whichever order.
    pub(crate) fn between(one: Position, other: Position) -> Self {
        Area {
            south_west: Position {
                latitude: one.latitude.min(other.latitude),
                longitude: one.longitude.min(other.longitude),
            },
            north_east: Position {
                latitude: one.latitude.max(other.latitude),
                longitude: one.longitude.max(other.longitude),
            },
        }
    }

    pub(crate) fn contains(&self, position: Position) -> bool {
        (self.south_west.latitude..=self.north_east.latitude).contains(&position.latitude)
            && (self.south_west.longitude..=self.north_east.longitude).contains(&position.longitude)
    }
}

/// A route while it is being travelled.
#[derive(Debug)]
pub(crate) struct Journey {
    started: Instant,
    last: Option<Position>,
    point_count: i32,
    feature_count: i32,
    metres: f64,
}

/// What a journey came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) point_count: i32,
    pub(crate) feature_count: i32,
    pub(crate) metres: i32,
    pub(crate) seconds: i32,
}

impl Journey {
    /// Sets out, with a count of features to begin from.
    pub(crate) fn set_out(feature_count: i32) -> Self {
        Journey { started: Instant::now(), last: None, point_count: 0, feature_count, metres: 0.0 }
    }

    /// Goes on to a position. Counts stop at the greatest number that a reply can hold.
    pub(crate) fn go_to(&mut self, position: Position) {
        self.point_count = self.point_count.saturating_add(1);
        if place_at(position).is_some() {
            self.feature_count = self.feature_count.saturating_add(1);
        }
        if let Some(last) = self.last.replace(position) {
            self.metres += distance_metres(last, position);
        }
    }

    /// Arrives. Fractions of metres and seconds are cut off.
    pub(crate) fn arrive(self) -> Summary {
        Summary {
            point_count: self.point_count,
            feature_count: self.feature_count,
            metres: self.metres as i32,
            seconds: i32::try_from(self.started.elapsed().as_secs()).unwrap_or(i32::MAX),
        }
    }
}

/// The mean radius of the earth, as route guides agree on it: another figure gives other distances.
const EARTH_RADIUS_METRES: f64 = 6_371_000.0;

const UNITS_PER_DEGREE: f64 = 1e7;

/// The length of the great circle between two positions, by the haversine formula.
fn distance_metres(from: Position, to: Position) -> f64 {
    let radians = |units: f64| (units / UNITS_PER_DEGREE).to_radians();
    let from_latitude = radians(from.latitude.into());
    let to_latitude = radians(to.latitude.into());
    let latitudes = radians(f64::from(to.latitude) - f64::from(from.latitude));
    let longitudes = radians(f64::from(to.longitude) - f64::from(from.longitude));
    let haversine =
        (latitudes / 2.0).sin().powi(2) + from_latitude.cos() * to_latitude.cos() * (longitudes / 2.0).sin().powi(2);
    // Antipodes may come out a hair above 1, which has no arc.
    let haversine = haversine.clamp(0.0, 1.0);
    2.0 * haversine.sqrt().atan2((1.0 - haversine).sqrt()) * EARTH_RADIUS_METRES
}

struct Gazetteer {
    places: Vec<Place>,
    by_position: HashMap<Position, usize>,
}

static GAZETTEER: LazyLock<Gazetteer> = LazyLock::new(|| {
    let places: Vec<Place> = serde_json::from_str(include_str!("route_guide_db.json"))
        .expect("the database is part of the source, and a test reads it");
    let by_position = places.iter().enumerate().map(|(index, place)| (place.position, index)).collect();
    Gazetteer { places, by_position }
});

#[cfg(test)]
mod tests {
    use super::*;

    const TRAIL: Position = Position { latitude: 409_146_138, longitude: -746_188_906 };

    fn at(latitude: i32, longitude: i32) -> Position {
        Position { latitude, longitude }
    }

    #[test]
    fn the_database_holds_named_places_where_they_should_be() {
        assert!(places().len() >= 100);
        assert_eq!(GAZETTEER.by_position.len(), places().len(), "two places share a position");
        let region = Area::between(at(389_000_000, -798_000_000), at(451_000_000, -718_000_000));
        for place in places() {
            assert!(!place.name.is_empty() && region.contains(place.position), "{place:?}");
        }
        let trail = place_at(TRAIL).expect("the trail is known");
        assert_eq!(trail.name, "Berkshire Valley Management Area Trail, Jefferson, NJ, USA");
        assert_eq!(place_at(at(TRAIL.latitude, TRAIL.longitude + 1)), None);
    }

    #[test]
    fn an_area_has_four_corners_and_its_borders() {
        let (south, north, west, east) = (-10, 20, -30, 40);
        let corners = [
            (at(south, west), at(north, east)),
            (at(north, east), at(south, west)),
            (at(north, west), at(south, east)),
            (at(south, east), at(north, west)),
        ];
        for (one, other) in corners {
            let area = Area::between(one, other);
            for inside in [at(0, 0), at(south, west), at(north, east), at(south, 0), at(0, east)] {
                assert!(area.contains(inside), "{inside:?} in {area:?}");
            }
            for outside in [at(south - 1, 0), at(north + 1, 0), at(0, west - 1), at(0, east + 1)] {
                assert!(!area.contains(outside), "{outside:?} in {area:?}");
            }
        }
    }

    #[test]
    fn a_degenerate_area_is_a_point() {
        let found: Vec<_> = PlacesInside::new(Area::between(TRAIL, TRAIL)).collect();
        assert_eq!(found, [place_at(TRAIL).expect("the trail is known")]);
    }

    #[test]
    fn the_whole_globe_holds_every_place_in_order() {
        let globe = Area::between(at(i32::MIN, i32::MIN), at(i32::MAX, i32::MAX));
        assert!(PlacesInside::new(globe).eq(places()));
    }

    #[test]
    fn distances_are_great_circles() {
        let degree = 10_000_000;
        let quarter = EARTH_RADIUS_METRES * std::f64::consts::FRAC_PI_2;
        let table = [
            (at(0, 0), at(0, 0), 0.0),
            (at(0, 0), at(0, 90 * degree), quarter),
            (at(0, 0), at(90 * degree, 0), quarter),
            (at(0, -90 * degree), at(0, 90 * degree), 2.0 * quarter),
            (at(0, 0), at(0, degree), quarter / 90.0),
            (at(60 * degree, 0), at(60 * degree, degree), 55_597.4),
        ];
        for (from, to, metres) in table {
            let difference = (distance_metres(from, to) - metres).abs();
            assert!(difference < 1.0, "{from:?} to {to:?} is off by {difference} m");
            assert_eq!(distance_metres(from, to), distance_metres(to, from));
        }
    }

    #[test]
    fn no_position_breaks_the_formula() {
        let extremes = [at(i32::MIN, i32::MAX), at(i32::MAX, i32::MIN), at(0, i32::MIN), at(i32::MIN, 0)];
        for from in extremes {
            for to in extremes {
                assert!(distance_metres(from, to).is_finite(), "{from:?} to {to:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_journey_adds_up() {
        let mut journey = Journey::set_out(1);
        for position in [TRAIL, at(0, 0), TRAIL] {
            journey.go_to(position);
        }
        tokio::time::advance(std::time::Duration::from_millis(2_900)).await;
        let there_and_back = 2.0 * distance_metres(TRAIL, at(0, 0));
        assert_eq!(
            journey.arrive(),
            Summary { point_count: 3, feature_count: 3, metres: there_and_back as i32, seconds: 2 }
        );
    }
}
