//! What the route guides know: features, areas, distances.

use std::collections::HashMap;
use std::slice;
use std::sync::LazyLock;

use tokio::time::Instant;

use crate::services::schemas::route_guide::{Feature, Point, RouteSummary};
use crate::status::Status;

/// A rectangle between two of its opposite corners, borders included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Area {
    south_west: Point,
    north_east: Point,
}

/// All features that are known, in the order of the database.
pub(crate) fn features() -> &'static [Feature] {
    &GAZETTEER.features
}

/// The feature at exactly this point.
pub(crate) fn feature_at(point: Point) -> Option<&'static Feature> {
    GAZETTEER.by_point.get(&point).map(|index| &GAZETTEER.features[*index])
}

/// The features inside an area, found one by one as they are asked for.
#[derive(Debug, Clone)]
pub struct FeaturesInside {
    features: slice::Iter<'static, Feature>,
    area: Area,
}

impl FeaturesInside {
    pub(crate) fn new(area: Area) -> Self {
        FeaturesInside { features: features().iter(), area }
    }
}

impl Iterator for FeaturesInside {
    type Item = Result<Feature, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        let area = self.area;
        self.features.find(|feature| area.contains(feature.location.unwrap_or_default())).cloned().map(Ok)
    }
}

impl Area {
    /// The area between two corners that lie diagonally across, whichever and in whichever order.
    pub(crate) fn between(one: Point, other: Point) -> Self {
        Area {
            south_west: Point {
                latitude: one.latitude.min(other.latitude),
                longitude: one.longitude.min(other.longitude),
            },
            north_east: Point {
                latitude: one.latitude.max(other.latitude),
                longitude: one.longitude.max(other.longitude),
            },
        }
    }

    pub(crate) fn contains(&self, point: Point) -> bool {
        (self.south_west.latitude..=self.north_east.latitude).contains(&point.latitude)
            && (self.south_west.longitude..=self.north_east.longitude).contains(&point.longitude)
    }
}

/// A route while it is being travelled.
#[derive(Debug)]
pub(crate) struct Journey {
    started: Instant,
    last: Option<Point>,
    point_count: i32,
    feature_count: i32,
    metres: f64,
}

impl Journey {
    pub(crate) fn set_out() -> Self {
        Journey { started: Instant::now(), last: None, point_count: 0, feature_count: 0, metres: 0.0 }
    }

    /// Goes on to a point. Counts stop at the greatest number that a reply can hold.
    pub(crate) fn go_to(&mut self, point: Point) {
        self.point_count = self.point_count.saturating_add(1);
        if feature_at(point).is_some() {
            self.feature_count = self.feature_count.saturating_add(1);
        }
        if let Some(last) = self.last.replace(point) {
            self.metres += distance_metres(last, point);
        }
    }

    /// Arrives. Fractions of metres and seconds are cut off.
    pub(crate) fn arrive(self) -> RouteSummary {
        RouteSummary {
            point_count: self.point_count,
            feature_count: self.feature_count,
            distance: self.metres as i32,
            elapsed_time: i32::try_from(self.started.elapsed().as_secs()).unwrap_or(i32::MAX),
        }
    }
}

/// The mean radius of the earth, as route guides agree on it: another figure gives other distances.
const EARTH_RADIUS_METRES: f64 = 6_371_000.0;

const UNITS_PER_DEGREE: f64 = 1e7;

/// The length of the great circle between two points, by the haversine formula.
fn distance_metres(from: Point, to: Point) -> f64 {
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
    features: Vec<Feature>,
    by_point: HashMap<Point, usize>,
}

static GAZETTEER: LazyLock<Gazetteer> = LazyLock::new(|| {
    let features: Vec<Feature> = serde_json::from_str(include_str!("route_guide_db.json"))
        .expect("the database is part of the source, and a test reads it");
    let points = features.iter().map(|feature| feature.location.unwrap_or_default());
    let by_point = points.enumerate().map(|(index, point)| (point, index)).collect();
    Gazetteer { features, by_point }
});

#[cfg(test)]
mod tests {
    use super::*;

    const TRAIL: Point = Point { latitude: 409_146_138, longitude: -746_188_906 };

    fn at(latitude: i32, longitude: i32) -> Point {
        Point { latitude, longitude }
    }

    #[test]
    fn the_database_holds_named_features_where_they_should_be() {
        assert!(features().len() >= 100);
        assert_eq!(GAZETTEER.by_point.len(), features().len(), "two features share a point");
        let region = Area::between(at(389_000_000, -798_000_000), at(451_000_000, -718_000_000));
        for feature in features() {
            let is_there = feature.location.is_some_and(|location| region.contains(location));
            assert!(!feature.name.is_empty() && is_there, "{feature:?}");
        }
        let trail = feature_at(TRAIL).expect("the trail is known");
        assert_eq!(trail.name, "Berkshire Valley Management Area Trail, Jefferson, NJ, USA");
        assert_eq!(feature_at(at(TRAIL.latitude, TRAIL.longitude + 1)), None);
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
        let found: Vec<_> = FeaturesInside::new(Area::between(TRAIL, TRAIL)).flatten().collect();
        assert_eq!(found, [feature_at(TRAIL).expect("the trail is known").clone()]);
    }

    #[test]
    fn the_whole_globe_holds_every_feature_in_order() {
        let globe = Area::between(at(i32::MIN, i32::MIN), at(i32::MAX, i32::MAX));
        assert!(FeaturesInside::new(globe).flatten().eq(features().iter().cloned()));
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
    fn no_point_breaks_the_formula() {
        let extremes = [at(i32::MIN, i32::MAX), at(i32::MAX, i32::MIN), at(0, i32::MIN), at(i32::MIN, 0)];
        for from in extremes {
            for to in extremes {
                assert!(distance_metres(from, to).is_finite(), "{from:?} to {to:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_journey_adds_up() {
        let mut journey = Journey::set_out();
        for point in [TRAIL, at(0, 0), TRAIL] {
            journey.go_to(point);
        }
        tokio::time::advance(std::time::Duration::from_millis(2_900)).await;
        let there_and_back = 2.0 * distance_metres(TRAIL, at(0, 0));
        assert_eq!(
            journey.arrive(),
            RouteSummary { point_count: 3, feature_count: 2, distance: there_and_back as i32, elapsed_time: 2 }
        );
    }
}
