//! What the service config in force says about calls.

use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Extensions, HeaderMap};
use tokio::time::Instant;
use tonic::Request;
use tonic::body::Body;

use crate::client::Channel;
use crate::client::balance::{Pick, PickCall};
use crate::client::channel::{CREDENTIALS, Inner};
use crate::client::core::{Core, Waiting};
use crate::client::counted::Counted;
use crate::client::guard::{self, CallGuard, Timeouts};
use crate::client::options::CallOptions;
use crate::client::retry::{
    Attempts, Retries, RetryThrottle, TooLarge, Transparent, code_of_head, limit_answer, limit_request,
};
use crate::client::service_config::{MethodConfig, ServiceConfig};
use crate::client::stage::{Stage, StageCell};
use crate::codec::MessageLimits;
use crate::context::{self, Context};
use crate::deadline::{Deadline, format_timeout};
use crate::metadata::GRPC_TIMEOUT;
use crate::status::{Code, Status};
use crate::transport::h2::client::deadline_status;

/// Nothing was resolved yet: what holds for calls is not known.
const UNKNOWN: u8 = 0;
/// There is no config: calls are made as they come.
const NONE: u8 = 1;
/// There is one.
const SOME: u8 = 2;

/// The service config in force.
#[derive(Debug, Default)]
pub(super) struct Configured {
    state: AtomicU8,
    current: Mutex<Current>,
}

#[derive(Debug, Default)]
struct Current {
    config: Option<ServiceConfig>,
    throttle: Option<Arc<RetryThrottle>>,
}

/// What the config says about one call.
#[derive(Debug)]
pub(super) struct CallPlan {
    begin: Instant,
    method: Arc<MethodConfig>,
    throttle: Option<Arc<RetryThrottle>>,
    /// Whether its policies are followed.
    follows_policies: bool,
    /// Whether nothing was resolved yet when it began.
    #[cfg_attr(not(feature = "telemetry"), allow(dead_code, reason = "only traces show it"))]
    was_delayed: bool,
}

/// When a call began that has waited for its plan and is passed on.
#[derive(Debug, Clone, Copy)]
struct Began(Instant);

impl Configured {
    /// Whether no config says anything about any call.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.state.load(Ordering::Relaxed) == NONE
    }

    pub(super) fn is_known(&self) -> bool {
        self.state.load(Ordering::Acquire) != UNKNOWN
    }

    /// Puts another config in force.
    pub(super) fn set(&self, config: Option<ServiceConfig>) {
        let mut current = self.current();
        let throttling = config.as_ref().and_then(ServiceConfig::throttling);
        current.throttle = match (throttling, current.throttle.take()) {
            (None, _) => None,
            (Some(throttling), Some(throttle)) if throttle.config() == throttling => Some(throttle),
            (Some(throttling), before) => Some(Arc::new(RetryThrottle::new(throttling, before.as_deref()))),
        };
        let state = if config.is_some() { SOME } else { NONE };
        current.config = config;
        self.state.store(state, Ordering::Release);
    }

    pub(super) fn config(&self) -> Option<ServiceConfig> {
        self.current().config.clone()
    }

    fn plan(&self, path: &str, begin: Instant, follows_policies: bool) -> Option<CallPlan> {
        let current = self.current();
        let method = current.config.as_ref()?.of_method(path).cloned();
        if method.is_none() && current.throttle.is_none() {
            return None;
        }
        let (method, throttle) = (method.unwrap_or_default(), current.throttle.clone());
        Some(CallPlan { begin, method, throttle, follows_policies, was_delayed: false })
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // Only whole values are put in under this lock.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    fn known_plan(&self, path: &str, begin: Instant) -> Option<CallPlan> {
        self.configured.plan(path, begin, self.endpoint.retries.is_enabled)
    }

    /// What the service config says about a call, as soon as it is known.
    ///
    /// # Errors
    /// The target cannot be resolved, and the call does not wait for that.
    async fn plan_later(
        self: &Arc<Self>,
        call: PickCall<'_>,
        wait_for_ready: bool,
        begin: Instant,
    ) -> Result<CallPlan, Status> {
        let _waiting = Waiting::begin(self);
        loop {
            let mut anew = pin!(self.published_anew.notified());
            anew.as_mut().enable();
            if self.configured.is_known() {
                // Whatever it says, the call began before it was known.
                let plan = self.known_plan(call.path, begin);
                let plan = plan.unwrap_or_else(|| CallPlan::new(begin));
                return Ok(CallPlan { was_delayed: true, ..plan });
            }
            // Before anything is resolved, no balancer is asked.
            match self.pick(&call) {
                Pick::Fail(status) if !wait_for_ready => return Err(status),
                _ => anew.await,
            }
        }
    }
}

impl CallPlan {
    /// Nothing but when it began.
    fn new(begin: Instant) -> Self {
        CallPlan { begin, method: Arc::default(), throttle: None, follows_policies: false, was_delayed: false }
    }

    /// Lets the general way know when the call began that it goes on with.
    pub(super) fn pass_on(&self, extensions: &mut Extensions) {
        extensions.insert(Began(self.begin));
    }

    /// When the call began.
    pub(super) fn began(&self) -> Instant {
        self.begin
    }

    /// Tells whether the call had to wait for it.
    #[cfg(feature = "telemetry")]
    pub(super) fn tell(&self, trace: &crate::client::trace::CallTrace) {
        if self.was_delayed {
            trace.resolution_was_delayed();
        }
    }

    pub(super) fn waits_for_ready(&self, options: &CallOptions) -> bool {
        options.waits_for_ready_or(self.method.wait_for_ready)
    }

    /// When the call must be over.
    pub(super) fn deadline(
        &self,
        headers: &HeaderMap,
        options: &CallOptions,
        of_channel: Option<Duration>,
        current: &Context,
    ) -> Option<Deadline> {
        let timeouts = Timeouts { of_channel, of_method: self.method.timeout };
        guard::deadline_from(self.begin, headers, options, timeouts, current)
    }

    /// The smaller of the limits on both sides.
    pub(super) fn limits(&self, mut limits: MessageLimits) -> MessageLimits {
        let smaller = |own: &mut usize, configured: Option<usize>| *own = configured.map_or(*own, |max| max.min(*own));
        smaller(&mut limits.encoding_bytes_max, self.method.request_bytes_max);
        smaller(&mut limits.decoding_bytes_max, self.method.response_bytes_max);
        limits
    }

    pub(super) fn retries(&self) -> Option<Retries> {
        if !self.follows_policies {
            return None;
        }
        Retries::new(&self.method, self.throttle.as_ref())
    }

    /// Whether the call is made several times at once.
    pub(super) fn hedges(&self) -> bool {
        self.follows_policies && self.method.hedging.is_some()
    }

    /// The call was answered.
    pub(super) fn succeeded(&self) {
        if let Some(throttle) = &self.throttle {
            throttle.succeeded();
        }
    }

    /// Makes a call of the general way.
    async fn send(
        &self,
        inner: &Arc<Inner>,
        request: http::Request<Body>,
        deadline: Option<Deadline>,
        stages: &Arc<StageCell>,
        counted: &mut Counted,
    ) -> Result<http::Response<Body>, Status> {
        let wait_for_ready = self.waits_for_ready(CallOptions::of(request.extensions()));
        let too_large = TooLarge::default();
        let request = request.map(|body| limit_request(body, self.method.request_bytes_max, &too_large));
        let response = if let (true, Some(policy)) = (self.follows_policies, &self.method.hedging) {
            let attempts = Attempts::new(inner, request, deadline, wait_for_ready, stages);
            attempts.hedge(policy, self.throttle.as_ref(), counted).await
        } else if let Some(retries) = self.retries() {
            Attempts::new(inner, request, deadline, wait_for_ready, stages).retry(retries, counted).await
        } else {
            let request = counted.measure(request);
            let response = inner.send(request, Transparent::default(), wait_for_ready, stages, counted).await;
            if let Ok(response) = &response
                && code_of_head(response.status(), response.headers()) == Code::Ok
            {
                self.succeeded();
            }
            response
        };
        too_large.or(response).map(|response| limit_answer(response, self.method.response_bytes_max))
    }
}

impl Inner {
    /// Makes a call of the general way as the service config says.
    pub(super) fn send_as_planned(
        self: Arc<Self>,
        mut request: http::Request<Body>,
    ) -> impl Future<Output = Result<http::Response<Body>, Status>> + Send + 'static {
        let current = context::current();
        let begin = request.extensions_mut().remove::<Began>().map_or_else(Instant::now, |Began(begin)| begin);
        async move {
            let mut counted = Counted::begin(&self, &request, Some(begin));
            let result = self.run_as_planned(request, begin, &current, &mut counted).await;
            counted.finish(result)
        }
    }

    async fn run_as_planned(
        self: &Arc<Self>,
        mut request: http::Request<Body>,
        begin: Instant,
        current: &Context,
        counted: &mut Counted,
    ) -> Result<http::Response<Body>, Status> {
        let call = PickCall { path: request.uri().path(), metadata: request.headers() };
        let options = CallOptions::of(request.extensions());
        let plan = self.plan(call, options, begin, current).await?;
        let plan = plan.unwrap_or_else(|| CallPlan::new(begin));
        #[cfg(feature = "telemetry")]
        if let Some(trace) = crate::client::trace::of(request.extensions()) {
            plan.tell(trace);
        }
        let deadline = plan.deadline(request.headers(), options, self.endpoint.timeout, current);
        if let Some(deadline) = deadline {
            request.headers_mut().insert(GRPC_TIMEOUT, format_timeout(deadline.remaining()));
        }
        let mut guard = CallGuard::without_timer(current);
        guard.start_timer(deadline);
        if self.has_credentials(CallOptions::of(request.extensions())) {
            guard.within(|| deadline_status(CREDENTIALS), self.add_credentials(&mut request)).await?;
        }
        let stages = Arc::new(StageCell::new());
        let late = || self.core.late(stages.stage());
        guard.run(late, plan.send(self, request, deadline, &stages, counted)).await
    }

    /// What the service config says about a call, as soon as it is known; `None`: nothing.
    async fn plan(
        &self,
        call: PickCall<'_>,
        options: &CallOptions,
        begin: Instant,
        current: &Context,
    ) -> Result<Option<CallPlan>, Status> {
        if self.core.configured.is_known() {
            return Ok(self.core.known_plan(call.path, begin));
        }
        // Until the resolver has said anything, the channel's own config is the best that is known.
        let own = self.endpoint.retries.service_config.as_ref().and_then(|config| config.of_method(call.path));
        let wait_for_ready = options.waits_for_ready_or(own.and_then(|method| method.wait_for_ready));
        let timeouts = Timeouts { of_channel: self.endpoint.timeout, of_method: own.and_then(|method| method.timeout) };
        let mut guard = CallGuard::without_timer(current);
        guard.start_timer(guard::deadline_from(begin, call.metadata, options, timeouts, current));
        let late = || self.core.late(Stage::Connection);
        guard.within(late, self.core.plan_later(call, wait_for_ready, begin)).await.map(Some)
    }
}

impl Channel {
    /// Whether no service config says anything about any call.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.inner.core.configured.is_plain()
    }

    /// What the service config says about a call that is about to be made, as soon as it is known; `None`: nothing.
    ///
    /// # Errors
    /// The target cannot be resolved, or not in time.
    pub(super) async fn plan<T>(&self, path: &str, request: &Request<T>) -> Result<Option<CallPlan>, Status> {
        let (begin, current) = (Instant::now(), context::current());
        let options = CallOptions::of(request.extensions());
        let call = PickCall { path, metadata: request.metadata().as_ref() };
        if self.inner.core.configured.is_known() || !self.inner.meter.is_on() {
            return self.inner.plan(call, options, begin, &current).await;
        }
        // Whoever makes the call counts it from here on, unless there is nothing to be made.
        let waiting = self.inner.meter.method(path).begin(Some(begin));
        let plan = self.inner.plan(call, options, begin, &current).await;
        match &plan {
            Ok(_) => waiting.forget(),
            Err(status) => waiting.end(status.code()),
        }
        plan
    }
}
