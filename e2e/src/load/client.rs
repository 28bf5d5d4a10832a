//! One client: a clock that says when the next request is due, and the requests.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    check::{Answered, Asked, judge},
    ledger::Ledger,
    options::LoadOptions,
    pool::{self, Connection, Pool},
    record::{LossReason, Outcome, Record},
    resolver::Resolver,
};

/// Says which region's backend answered.
const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

/// Carries the id that the backend must write into the body.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// No answer of a demo backend is anywhere near this; a larger one is a broken one.
const MAX_BODY: usize = 64 * 1024;

/// One client of a load; cheap to clone, one clone for each request under way.
#[derive(Debug, Clone)]
pub(super) struct Client {
    index: usize,
    source: Ipv4Addr,
    options: Arc<LoadOptions>,
    started: Instant,
    ledger: Arc<Mutex<Ledger>>,
    resolver: Arc<tokio::sync::Mutex<Resolver>>,
    pool: Arc<Mutex<Pool>>,
}

/// What is known of a request while it is under way; what is left when it fails or runs out of time.
#[derive(Debug, Default)]
struct Progress {
    front_door: Option<Arc<str>>,
    served: Option<Arc<str>>,
    status: Option<u16>,
}

impl Client {
    pub(super) fn new(
        index: usize,
        source: Ipv4Addr,
        options: Arc<LoadOptions>,
        ledger: Arc<Mutex<Ledger>>,
        started: Instant,
    ) -> Self {
        let resolver = Arc::new(tokio::sync::Mutex::new(Resolver::new(index, source, Arc::clone(&options))));
        Self { index, source, options, started, ledger, resolver, pool: Arc::default() }
    }

    /// Sends a request whenever one is due, without waiting for the answer of the one before.
    pub(super) async fn run(self, stop: CancellationToken, tasks: TaskTracker) {
        let first = self.started + self.options.first_due(self.index);
        let mut due = interval_at(first.into(), self.options.period());
        due.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut sequence = 0;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = due.tick() => {}
            }
            sequence += 1;
            tasks.spawn(self.clone().request(sequence));
        }
    }

    async fn request(self, sequence: u64) {
        let sent_at = self.started.elapsed();
        self.ledger.lock().sent();
        let redirect =
            self.options.redirect.as_ref().is_some_and(|redirect| sequence.is_multiple_of(redirect.every));
        let progress = Mutex::new(Progress::default());
        let outcome = timeout(self.options.deadline, self.attempt(sequence, redirect, &progress)).await;
        let outcome = match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(reason)) => Outcome::Lost(reason),
            Err(_) => Outcome::Lost(LossReason::Deadline),
        };
        let Progress { front_door, served, status } = progress.into_inner();
        let latency = self.started.elapsed().saturating_sub(sent_at);
        let client = self.index;
        self.ledger.lock().done(Record {
            client,
            sent_at,
            latency,
            status,
            served,
            front_door,
            redirect,
            outcome,
        });
    }

    async fn attempt(
        &self,
        sequence: u64,
        redirect: bool,
        progress: &Mutex<Progress>,
    ) -> Result<Outcome, LossReason> {
        let mut connection = self.connection().await?;
        let front_door = self.options.front_doors.get(&connection.address).cloned();
        self.ledger.lock().sends_to(self.index, front_door.as_ref(), self.started.elapsed());
        progress.lock().front_door = front_door;

        let id = format!("c{}-{sequence}", self.source);
        let request = self.build(&id, redirect)?;
        let answer = connection.sender.send_request(request).await.map_err(broken)?;
        let (head, body) = answer.into_parts();
        {
            let mut progress = progress.lock();
            progress.status = Some(head.status.as_u16());
            progress.served = text(&head.headers, &SERVED_BY).map(Arc::from);
        }
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(broken)?.to_bytes();
        if connection.sender.ready().await.is_ok() {
            self.pool.lock().put(connection);
        }

        let authority = self.options.authority();
        let asked = Asked { id: &id, authority: &authority, redirect };
        let answered = Answered {
            status: head.status.as_u16(),
            served_by: text(&head.headers, &SERVED_BY),
            location: text(&head.headers, &header::LOCATION),
            body: &body,
        };
        Ok(judge(asked, answered))
    }

    /// A kept connection to where the host lives now, or a new one.
    async fn connection(&self) -> Result<Connection, LossReason> {
        let addresses = self.resolver.lock().await.addresses().await.map_err(LossReason::NoAddress)?;
        let kept = self.pool.lock().take(&addresses);
        match kept {
            Some(connection) => Ok(connection),
            None => self.connect(addresses).await,
        }
    }

    /// Clients spread over the addresses of an answer; one that does not take the connection is passed over.
    async fn connect(&self, mut addresses: Vec<IpAddr>) -> Result<Connection, LossReason> {
        let turn = self.index.checked_rem(addresses.len()).unwrap_or(0);
        addresses.rotate_left(turn);
        pool::connect(self.source, &addresses, self.options.port).await.map_err(LossReason::Connect)
    }

    fn build(&self, id: &str, redirect: bool) -> Result<Request<Empty<Bytes>>, LossReason> {
        let options = &self.options;
        let asked_for = options.redirect.as_ref().filter(|_| redirect);
        let path = asked_for.map_or(options.path.as_str(), |redirect| redirect.path.as_str());
        let mut request = Request::get(path).header(header::HOST, options.authority()).header(REQUEST_ID, id);
        for (name, value) in asked_for.iter().flat_map(|redirect| &redirect.headers) {
            request = request.header(name, value);
        }
        request.body(Empty::new()).map_err(|error| LossReason::Broken(format!("request: {error}")))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LossReason {
    let error = error.into();
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    LossReason::Broken(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_says_why() {
        let LossReason::Broken(message) = broken(std::io::Error::other("connection reset")) else {
            panic!("not broken")
        };
        assert_eq!(message, "connection reset");
    }
}
