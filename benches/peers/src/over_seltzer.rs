//! The services as Seltzer generates them.

use seltzer::{Request, Response, Status, Streaming};

use crate::handlers::{Numbered, Probes};
use crate::schemas::bench::bench_server::Bench;
use crate::schemas::bench::{Msg, Req};
use crate::schemas::probe::probe_server::Probe;
use crate::schemas::probe::{Answer, BurnRequest, HandlersReply, HandlersRequest, HoldRequest};

/// Answers `bench.Bench`.
#[derive(Debug, Clone, Copy, Default)]
pub struct BenchHandler;

impl Bench for BenchHandler {
    async fn unary(&self, request: Request<Msg>) -> Result<Response<Msg>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    type DownStream = Numbered;

    async fn down(&self, request: Request<Req>) -> Result<Response<Numbered>, Status> {
        Ok(Response::new(Numbered::new(request.into_inner())))
    }

    async fn up(&self, request: Request<Streaming<Msg>>) -> Result<Response<Msg>, Status> {
        let mut messages = request.into_inner();
        let mut id = 0;
        while messages.message().await?.is_some() {
            id += 1;
        }
        Ok(Response::new(Msg { id, ..Msg::default() }))
    }

    type BidiStream = Streaming<Msg>;

    async fn bidi(&self, request: Request<Streaming<Msg>>) -> Result<Response<Streaming<Msg>>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

/// Answers `probe.Probe`.
#[derive(Debug, Clone)]
pub struct ProbeHandler(pub Probes);

impl Probe for ProbeHandler {
    async fn burn(&self, request: Request<BurnRequest>) -> Result<Response<Answer>, Status> {
        Ok(Response::new(self.0.burn(request.get_ref())))
    }

    async fn hold(&self, request: Request<HoldRequest>) -> Result<Response<Answer>, Status> {
        Ok(Response::new(self.0.hold(request.into_inner()).await))
    }

    async fn handlers(&self, request: Request<HandlersRequest>) -> Result<Response<HandlersReply>, Status> {
        Ok(Response::new(self.0.handlers(request.get_ref())))
    }
}
