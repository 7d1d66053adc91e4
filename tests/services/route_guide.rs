//! `RouteGuide` and `routeguide.RouteGuide`, which differ in one name and in where a count begins.

use seltzer::services::schemas::route_guide::route_guide_client::RouteGuideClient as PackagedClient;
use seltzer::services::schemas::routeguide::route_guide_client::RouteGuideClient as PlainClient;
use seltzer::services::schemas::routeguide::{Feature, Point, Rectangle, RouteNote, RouteSummary};
use seltzer::{Channel, Response, Streaming};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::services::carriers::{all, next, over_both};
use crate::support::patiently;

/// Either guide.
enum Guide {
    Plain(PlainClient),
    Packaged(PackagedClient),
}

impl Guide {
    fn both(channel: &Channel) -> [Guide; 2] {
        [Guide::Plain(PlainClient::new(channel.clone())), Guide::Packaged(PackagedClient::new(channel.clone()))]
    }

    async fn feature(&self, point: Point) -> Feature {
        let response = match self {
            Guide::Plain(client) => client.get_feature(point).await,
            Guide::Packaged(client) => client.get_feature(point).await,
        };
        response.unwrap().into_inner()
    }

    async fn features(&self, lo: Point, hi: Point) -> Vec<Feature> {
        self.features_inside(Rectangle { lo: Some(lo), hi: Some(hi) }).await
    }

    async fn features_inside(&self, rectangle: Rectangle) -> Vec<Feature> {
        let response = match self {
            Guide::Plain(client) => client.list_feature(rectangle).await,
            Guide::Packaged(client) => client.list_features(rectangle).await,
        };
        all(response.unwrap()).await
    }

    async fn record(&self, points: &[Point]) -> RouteSummary {
        let points = tokio_stream::iter(points.to_vec());
        let response = match self {
            Guide::Plain(client) => client.record_route(points).await,
            Guide::Packaged(client) => client.record_route(points).await,
        };
        response.unwrap().into_inner()
    }

    async fn chat(&self, notes: mpsc::Receiver<RouteNote>) -> Streaming<RouteNote> {
        let notes = ReceiverStream::new(notes);
        let response = match self {
            Guide::Plain(client) => client.route_chat(notes).await,
            Guide::Packaged(client) => client.route_chat(notes).await,
        };
        response.map(Response::into_inner).unwrap()
    }

    /// Where this guide begins to count features.
    fn feature_count_start(&self) -> i32 {
        match self {
            Guide::Plain(_) => 1,
            Guide::Packaged(_) => 0,
        }
    }
}

const TRAIL: Point = at(409_146_138, -746_188_906);

const fn at(latitude: i32, longitude: i32) -> Point {
    Point { latitude, longitude }
}

/// The database, read by other means than the service's.
fn database() -> Vec<Feature> {
    let places: serde_json::Value =
        serde_json::from_str(include_str!("../../src/services/route_guide_db.json")).unwrap();
    let number =
        |place: &serde_json::Value, name: &str| i32::try_from(place["location"][name].as_i64().unwrap()).unwrap();
    let feature = |place: &serde_json::Value| Feature {
        name: place["name"].as_str().unwrap().to_owned(),
        location: Some(at(number(place, "latitude"), number(place, "longitude"))),
    };
    places.as_array().unwrap().iter().map(feature).collect()
}

#[tokio::test]
async fn points_have_their_features_or_an_empty_name() {
    let database = database();
    assert!(database.len() >= 100);
    over_both(async |demo| {
        for guide in Guide::both(&demo.channel) {
            assert_eq!(guide.feature(TRAIL).await.name, "Berkshire Valley Management Area Trail, Jefferson, NJ, USA");
            for feature in &database {
                assert_eq!(guide.feature(feature.location.unwrap()).await, *feature);
            }
            for unknown in [at(0, 0), at(1, -1), at(TRAIL.latitude, TRAIL.longitude + 1), at(i32::MIN, i32::MAX)] {
                let nothing = Feature { name: String::new(), location: Some(unknown) };
                assert_eq!(guide.feature(unknown).await, nothing);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn rectangles_have_corners_in_any_order_and_their_borders() {
    let database = database();
    let latitudes = || database.iter().map(|feature| feature.location.unwrap().latitude);
    let longitudes = || database.iter().map(|feature| feature.location.unwrap().longitude);
    let (south, north) = (latitudes().min().unwrap(), latitudes().max().unwrap());
    let (west, east) = (longitudes().min().unwrap(), longitudes().max().unwrap());
    let inside = |south, north, west, east| -> Vec<Feature> {
        let is_inside = |feature: &&Feature| {
            let Point { latitude, longitude } = feature.location.unwrap();
            south <= latitude && latitude <= north && west <= longitude && longitude <= east
        };
        database.iter().filter(is_inside).cloned().collect()
    };
    // The whole, each border a hair further in, a part, a single point, and nothing.
    let table = [
        (south, north, west, east),
        (south + 1, north, west, east),
        (south, north - 1, west, east),
        (south, north, west + 1, east),
        (south, north, west, east - 1),
        (400_000_000, 410_000_000, -747_000_000, -740_000_000),
        (TRAIL.latitude, TRAIL.latitude, TRAIL.longitude, TRAIL.longitude),
        (north + 1, i32::MAX, i32::MIN, i32::MAX),
    ];
    let sizes: Vec<_> =
        table.iter().map(|(south, north, west, east)| inside(*south, *north, *west, *east).len()).collect();
    assert_eq!(sizes[0], database.len());
    assert!(sizes[1..5].iter().all(|size| *size < database.len()), "the borders hold nothing: {sizes:?}");
    assert!((2..database.len()).contains(&sizes[5]) && sizes[6..] == [1, 0], "{sizes:?}");

    over_both(async |demo| {
        for guide in Guide::both(&demo.channel) {
            for (south, north, west, east) in table {
                let expected = inside(south, north, west, east);
                for (lo, hi) in [
                    (at(south, west), at(north, east)),
                    (at(north, east), at(south, west)),
                    (at(north, west), at(south, east)),
                    (at(south, east), at(north, west)),
                ] {
                    assert_eq!(guide.features(lo, hi).await, expected, "{lo:?} to {hi:?}");
                }
            }
            // A corner that is left out lies at zero degrees.
            assert!(guide.features_inside(Rectangle::default()).await.is_empty());
            let to_zero = guide.features_inside(Rectangle { lo: Some(TRAIL), hi: None }).await;
            assert_eq!(to_zero, inside(0, TRAIL.latitude, TRAIL.longitude, 0));
        }
    })
    .await;
}

#[tokio::test]
async fn routes_are_summed_up() {
    const DEGREE: i32 = 10_000_000;
    // A degree of the equator is 111,194.93 metres long: cut off, not rounded, and only at the end.
    let table: [(&[Point], i32, i32); 7] = [
        (&[], 0, 0),
        (&[TRAIL], 1, 0),
        (&[TRAIL, TRAIL, TRAIL], 3, 0),
        (&[at(0, 0), at(0, DEGREE)], 0, 111_194),
        (&[at(0, 0), at(0, DEGREE), at(0, 2 * DEGREE)], 0, 222_389),
        (&[at(0, 0), at(0, DEGREE), at(0, 0)], 0, 222_389),
        (&[at(0, -90 * DEGREE), TRAIL, at(0, 90 * DEGREE)], 1, 20_015_086),
    ];
    over_both(async |demo| {
        for guide in Guide::both(&demo.channel) {
            for (points, features, distance) in table {
                let summary = guide.record(points).await;
                assert!((0..20).contains(&summary.elapsed_time), "{summary:?}");
                let expected = RouteSummary {
                    point_count: i32::try_from(points.len()).unwrap(),
                    feature_count: features + guide.feature_count_start(),
                    distance,
                    ..summary
                };
                assert_eq!(summary, expected, "{points:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn notes_are_answered_with_the_earlier_ones_at_their_point() {
    let note = |point: Option<Point>, message: &str| RouteNote { location: point, message: message.to_owned() };
    let (here, there) = (Some(at(0, 1)), Some(at(1, 0)));
    let one = note(here, "one");
    // Each note, and which of those before it come back.
    let table: [(RouteNote, &[usize]); 7] = [
        (one.clone(), &[]),
        (note(there, "two"), &[]),
        (note(here, "three"), &[0]),
        (one, &[0, 2]),
        (note(None, "four"), &[]),
        (note(there, "five"), &[1]),
        (note(Some(at(0, 0)), "six"), &[4]),
    ];
    over_both(async |demo| {
        for guide in Guide::both(&demo.channel) {
            // Twice, because notes belong to their call.
            for _ in 0..2 {
                let (sender, notes) = mpsc::channel(1);
                let mut answers = guide.chat(notes).await;
                for (note, earlier) in &table {
                    patiently(sender.send(note.clone())).await.unwrap();
                    for index in *earlier {
                        assert_eq!(next(&mut answers).await, table[*index].0);
                    }
                }
                drop(sender);
                assert!(patiently(answers.message()).await.unwrap().is_none());
            }
        }
    })
    .await;
}
