//! The service `routeguide.RouteGuide`.

use tonic::{Request, Response};

use crate::codec::Streaming;
use crate::services::geography::{self, Area, FeaturesInside, Journey};
use crate::services::route_notes::EarlierNotes;
use crate::services::schemas::route_guide::route_guide_server::RouteGuide;
use crate::services::schemas::route_guide::{Feature, Point, Rectangle, RouteNote, RouteSummary};
use crate::status::Status;

/// Guides along the routes of New Jersey and New York.
#[derive(Debug, Clone, Default)]
pub struct RouteGuideHandler;

impl RouteGuide for RouteGuideHandler {
    async fn get_feature(&self, request: Request<Point>) -> Result<Response<Feature>, Status> {
        let point = request.into_inner();
        let nothing = || Feature { name: String::new(), location: Some(point) };
        Ok(Response::new(geography::feature_at(point).cloned().unwrap_or_else(nothing)))
    }

    type ListFeaturesStream = tokio_stream::Iter<FeaturesInside>;

    async fn list_features(&self, request: Request<Rectangle>) -> Result<Response<Self::ListFeaturesStream>, Status> {
        let Rectangle { lo, hi } = request.into_inner();
        let area = Area::between(lo.unwrap_or_default(), hi.unwrap_or_default());
        Ok(Response::new(tokio_stream::iter(FeaturesInside::new(area))))
    }

    async fn record_route(&self, request: Request<Streaming<Point>>) -> Result<Response<RouteSummary>, Status> {
        let mut points = request.into_inner();
        let mut journey = Journey::set_out();
        while let Some(point) = points.message().await? {
            journey.go_to(point);
        }
        Ok(Response::new(journey.arrive()))
    }

    type RouteChatStream = EarlierNotes<Streaming<RouteNote>>;

    async fn route_chat(
        &self,
        request: Request<Streaming<RouteNote>>,
    ) -> Result<Response<Self::RouteChatStream>, Status> {
        Ok(Response::new(EarlierNotes::new(request.into_inner())))
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
            let features = RouteGuideHandler.list_features(request).await.unwrap().into_inner();
            let names: Vec<_> = features.map(|feature| feature.unwrap().name).collect().await;
            assert!(names.iter().any(|name| name.starts_with("Berkshire Valley")), "{names:?}");
            lists.push(names);
        }
        assert_eq!(lists[0], lists[1]);
        assert!(lists[0].len() < geography::features().len());
    }
}
