//! One request at one endpoint after the other, until one answers or no more may be asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body as _;
use spillway_decide::Time;
use spillway_decide::balance::{Again, Ask, Fault, Loss, Outcome, again};
use spillway_decide::routes::Policy;
use tokio::time::{Instant, timeout_at};

use super::Proxy;
use super::duplicate::Duplicate;
use super::kept::Kept;
use super::local::{Unserved, is_idempotent};
use super::upload::Upload;
use super::upstream::{Chosen, Failure, Lease, Patience, Pool, Short, Wish, clock};
use crate::body::Body;
use crate::config::Protocol;
use crate::seen::Record;

/// What a request sets out with.
#[derive(Clone, Copy)]
pub(super) struct Journey<'a> {
    /// Its backend.
    pub(super) pool: &'a Arc<Pool>,
    /// How its route treats it.
    pub(super) policy: &'a Policy,
    /// What its affinity cookie says.
    pub(super) token: Option<&'a str>,
    /// Its body on the way in.
    pub(super) upload: &'a Upload,
    /// What there is of it for another attempt.
    pub(super) kept: &'a Kept,
}

/// What it has been through.
struct Attempts<'a> {
    proxy: &'a Proxy,
    journey: Journey<'a>,
    record: &'a mut Record,
    idempotent: bool,
    first_hop: bool,
    tried: Vec<SocketAddr>,
    /// Attempts that may have been processed and were repeated.
    repeats: u32,
    reasons: Vec<String>,
}

/// A request that is there to be sent once more.
enum Back {
    /// It never left.
    Whole(Request<Body>),
    /// A copy.
    Copied(Duplicate),
}

impl Back {
    fn into_request(self) -> Request<Body> {
        match self {
            Self::Whole(request) => request,
            Self::Copied(copy) => copy.restore(),
        }
    }
}

impl Proxy {
    /// Sends the request to an endpoint, and to another one where `decide` says that this harms nobody.
    pub(super) async fn ask_endpoints(
        &self,
        journey: Journey<'_>,
        request: Request<Body>,
        record: &mut Record,
    ) -> Result<(Response<Body>, Chosen), Unserved> {
        let attempts = Attempts {
            proxy: self,
            journey,
            idempotent: is_idempotent(request.method()),
            first_hop: record.is_first_hop(),
            record,
            tried: Vec::new(),
            repeats: 0,
            reasons: Vec::new(),
        };
        attempts.run(request).await
    }
}

impl Attempts<'_> {
    async fn run(mut self, mut request: Request<Body>) -> Result<(Response<Body>, Chosen), Unserved> {
        let Journey { upload, policy, kept, .. } = self.journey;
        let began = Instant::now();
        let mut chosen = self.pick(clock::at(began.into_std())).ok_or(Unserved::NoEndpoint)?;
        let patience = Patience { connect: policy.connect_timeout(), idle: policy.idle_timeout() };
        loop {
            self.tried.push(chosen.address());
            self.record.sent_here(chosen.address());
            let attempt = attempt(&chosen, request, patience, upload, kept);
            let Some((sent, back)) = in_time(attempt, upload, began, policy.response_timeout()).await else {
                if upload.fault().is_none() {
                    self.failed(&chosen, Fault::Timeout);
                }
                return Err(Unserved::TimedOut);
            };
            (request, chosen) = match sent {
                Ok(response) => {
                    let loss = Loss::Status(response.status().as_u16());
                    match self.next(loss, back, response.status().as_str()) {
                        // The answer that is let go of tells how the endpoint does.
                        Some(next) => next,
                        None => return Ok((response, chosen)),
                    }
                }
                Err(Failure { reason, .. }) if upload.fault().is_some() => {
                    return Err(Unserved::Failed(reason));
                }
                Err(Failure { reason, fault, is_unsent, unsent }) => {
                    self.failed(&chosen, fault);
                    self.reasons.push(format!("{}: {reason}", chosen.address()));
                    let loss = match (is_unsent, fault) {
                        (true, _) => Loss::Unsent,
                        (false, Fault::Refused) => Loss::Refused,
                        (false, _) => Loss::Unanswered,
                    };
                    let next = self.next(loss, unsent.map(Back::Whole).or(back), &reason);
                    next.ok_or_else(|| Unserved::Failed(self.reasons.join("; then ")))?
                }
            };
        }
    }

    fn pick(&self, now: Time) -> Option<Chosen> {
        let wish = Wish {
            not: &self.tried,
            token: self.journey.token,
            slow_start: self.journey.policy.slow_start(),
        };
        self.journey.pool.pick(now, wish)
    }

    fn failed(&self, chosen: &Chosen, fault: Fault) {
        self.proxy.inner.upstreams.watch.fault(fault);
        chosen.note(clock::now(), Outcome::Failed);
    }

    /// The request and who gets it next, if it may be sent once more and there is somebody else.
    fn next(&mut self, loss: Loss, back: Option<Back>, why: &str) -> Option<(Request<Body>, Chosen)> {
        let back = back?;
        let ask = Ask {
            idempotent: self.idempotent,
            kept: true,
            first_hop: self.first_hop,
            retries: self.journey.policy.retries,
            statuses: &self.journey.policy.retry_on_status,
        };
        let attempts = u32::try_from(self.tried.len()).unwrap_or(u32::MAX);
        let costs = match again(&ask, loss, attempts, self.repeats) {
            Again::No => return None,
            Again::Yes => false,
            Again::IfTheBudgetAllows => true,
        };
        let chosen = self.pick(clock::now())?;
        if costs {
            if !self.journey.pool.flow().may_repeat() {
                self.proxy.inner.upstreams.watch.no_budget();
                return None;
            }
            self.repeats += 1;
        }
        self.proxy.inner.metrics.retried();
        self.record.retried(why);
        Some((back.into_request(), chosen))
    }
}

/// Asks one endpoint; tells also what there is for another attempt. A request that takes the short way stays here.
async fn attempt(
    chosen: &Chosen,
    request: Request<Body>,
    patience: Patience,
    upload: &Upload,
    kept: &Kept,
) -> (Result<Response<Body>, Failure>, Option<Back>) {
    if let Some(short) = Short::of(&request, chosen.protocol()) {
        let sent = Lease::ask(chosen.clone(), &short, patience, upload).await;
        return (sent, Some(Back::Whole(request)));
    }
    let copy = kept.copy(&request).map(Back::Copied);
    // Boxed: the larger way of two, it would make every request's future large.
    (Box::pin(Lease::send(chosen.clone(), request, patience, upload)).await, copy)
}

/// A request that may be repeated, whatever has become of it, is kept; one over HTTP/2 may be refused, and is kept if
/// that costs nothing.
pub(super) async fn keep(
    request: Request<Body>,
    policy: &Policy,
    protocol: Protocol,
    first_hop: bool,
) -> Result<(Request<Body>, Kept), Unserved> {
    let wait = is_idempotent(request.method()) && first_hop && policy.retries > 0;
    if !wait && protocol != Protocol::H2c {
        return Ok((request, Kept::NOTHING));
    }
    if request.body().is_end_stream() {
        return Ok((request, Kept::NO_BODY));
    }
    // Boxed: rare and large, it would make every request's future large.
    Box::pin(Kept::of(request, wait)).await.map_err(|error| Unserved::Failed(error.to_string()))
}

/// The answer, unless it takes too long. A request that is still being sent is not answered yet.
async fn in_time<T>(
    answer: impl Future<Output = T>,
    upload: &Upload,
    began: Instant,
    patience: Duration,
) -> Option<T> {
    let mut answer = std::pin::pin!(answer);
    let mut deadline = began + patience;
    loop {
        if let Ok(answered) = timeout_at(deadline, &mut answer).await {
            return Some(answered);
        }
        let later = Instant::from_std(upload.last_progress()) + patience;
        if later <= Instant::now() {
            return None;
        }
        deadline = later;
    }
}
