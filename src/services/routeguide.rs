//! The service `RouteGuide` (no package): what `routeguide.RouteGuide` does, and one feature more in each summary.

use tonic::{Request, Response};

use crate::codec::Streaming;
use crate::services::route_guide::RouteGuideHandler as Guide;
use crate::services::schemas::route_guide::route_guide_server::RouteGuide as _;
use crate::services::schemas::route_guide::{Feature, Point, Rectangle, RouteNote, RouteSummary};
use crate::services::schemas::routeguide::route_guide_server::RouteGuide;
use crate::services::{geography, route_notes};
use crate::status::Status;

/// Guides along the routes of New Jersey and New York.
#[derive(Debug, Clone, Default)]
pub struct RouteGuideHandler;

/// How many features this guide counts before the first.
const FEATURE_COUNT_START: i32 = 1;

impl RouteGuide for RouteGuideHandler {
    async fn get_feature(&self, request: Request<Point>) -> Result<Response<Feature>, Status> {
        Guide.get_feature(request).await
    }

    type ListFeatureStream = tokio_stream::Iter<geography::FeaturesInside>;

    async fn list_feature(&self, request: Request<Rectangle>) -> Result<Response<Self::ListFeatureStream>, Status> {
        Guide.list_features(request).await
    }

    async fn record_route(&self, request: Request<Streaming<Point>>) -> Result<Response<RouteSummary>, Status> {
        let summary = Guide.record_route(request).await?;
        Ok(summary.map(|summary| RouteSummary {
            feature_count: summary.feature_count.saturating_add(FEATURE_COUNT_START),
            ..summary
        }))
    }

    type RouteChatStream = route_notes::EarlierNotes<Streaming<RouteNote>>;

    async fn route_chat(
        &self,
        request: Request<Streaming<RouteNote>>,
    ) -> Result<Response<Self::RouteChatStream>, Status> {
        Guide.route_chat(request).await
    }
}
