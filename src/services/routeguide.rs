//! The service `RouteGuide` (no package).

use tonic::{Request, Response};

use crate::codec::Streaming;
use crate::services::geography::{self, Area, Journey, Place, PlacesInside, Position};
use crate::services::route_notes::{EarlierNotes, Note};
use crate::services::schemas::routeguide::route_guide_server::RouteGuide;
use crate::services::schemas::routeguide::{Feature, Point, Rectangle, RouteNote, RouteSummary};
use crate::status::Status;

/// Guides along the routes of New Jersey and New York.
#[derive(Debug, Clone, Default)]
pub struct RouteGuideHandler;

/// The features inside a rectangle, found one by one as they are asked for.
#[derive(Debug, Clone)]
pub struct FeaturesInside(PlacesInside);

/// This guide counts one feature before the first.
const FEATURE_COUNT_START: i32 = 1;

impl RouteGuide for RouteGuideHandler {
    async fn get_feature(&self, request: Request<Point>) -> Result<Response<Feature>, Status> {
        let point = request.into_inner();
        let name = geography::place_at(point.into()).map(|place| place.name.clone()).unwrap_or_default();
        Ok(Response::new(Feature { name, location: Some(point) }))
    }

    type ListFeatureStream = tokio_stream::Iter<FeaturesInside>;

    async fn list_feature(&self, request: Request<Rectangle>) -> Result<Response<Self::ListFeatureStream>, Status> {
        let Rectangle { lo, hi } = request.into_inner();
        let area = Area::between(lo.unwrap_or_default().into(), hi.unwrap_or_default().into());
        Ok(Response::new(tokio_stream::iter(FeaturesInside(PlacesInside::new(area)))))
    }

    async fn record_route(&self, request: Request<Streaming<Point>>) -> Result<Response<RouteSummary>, Status> {
        let mut points = request.into_inner();
        let mut journey = Journey::set_out(FEATURE_COUNT_START);
        while let Some(point) = points.message().await? {
            journey.go_to(point.into());
        }
        let summary = journey.arrive();
        Ok(Response::new(RouteSummary {
            point_count: summary.point_count,
            feature_count: summary.feature_count,
            distance: summary.metres,
            elapsed_time: summary.seconds,
        }))
    }

    type RouteChatStream = EarlierNotes<Streaming<RouteNote>, RouteNote>;

    async fn route_chat(
        &self,
        request: Request<Streaming<RouteNote>>,
    ) -> Result<Response<Self::RouteChatStream>, Status> {
        Ok(Response::new(EarlierNotes::new(request.into_inner())))
    }
}

impl Iterator for FeaturesInside {
    type Item = Result<Feature, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|place| Ok(place.into()))
    }
}

impl From<Point> for Position {
    fn from(point: Point) -> Self {
        Position { latitude: point.latitude, longitude: point.longitude }
    }
}

impl From<&Place> for Feature {
    fn from(place: &Place) -> Self {
        let Position { latitude, longitude } = place.position;
        Feature { name: place.name.clone(), location: Some(Point { latitude, longitude }) }
    }
}

impl Note for RouteNote {
    fn position(&self) -> Position {
        self.location.unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A failed call is a failed test.

    use tokio_stream::StreamExt;

    use super::*;

    const TRAIL: Point = Point { latitude: 409_146_138, longitude: -746_188_906 };

    #[tokio::test]
    async fn a_point_has_its_feature_or_an_empty_name() {
        let unknown = Point { latitude: 1, longitude: 2 };
        let table = [(TRAIL, "Berkshire Valley Management Area Trail, Jefferson, NJ, USA"), (unknown, "")];
        for (point, name) in table {
            let feature = RouteGuideHandler.get_feature(Request::new(point)).await.unwrap().into_inner();
            assert_eq!(feature, Feature { name: name.to_owned(), location: Some(point) });
        }
    }

    #[tokio::test]
    async fn a_rectangle_takes_its_corners_in_any_order() {
        let (lo, hi) = (Point { latitude: 400_000_000, ..TRAIL }, Point { longitude: -740_000_000, ..TRAIL });
        let mut lists = Vec::new();
        for (lo, hi) in [(lo, hi), (hi, lo)] {
            let request = Request::new(Rectangle { lo: Some(lo), hi: Some(hi) });
            let features = RouteGuideHandler.list_feature(request).await.unwrap().into_inner();
            let names: Vec<_> = features.map(|feature| feature.unwrap().name).collect().await;
            assert!(names.iter().any(|name| name.starts_with("Berkshire Valley")), "{names:?}");
            lists.push(names);
        }
        assert_eq!(lists[0], lists[1]);
        assert!(lists[0].len() < geography::places().len());
    }
}
