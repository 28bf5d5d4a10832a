//! One request on one connection: counts as load from the pick to the last byte of the response, tells how it
//! ended, and hands the connection back when it can carry another request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::client::conn::http2;
use spillway_decide::balance::{Fault, Outcome};
use tokio::time::{Instant, Sleep};

use super::wire::{Lost, Short, Wire, WireBody};
use super::{Chosen, Endpoint, clock};
use crate::body::{self, Body, BodyError};
use crate::config::Protocol;
use crate::proxy::upload::Upload;

/// How long an endpoint may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// To accept a connection.
    pub(crate) connect: Duration,
    /// Between two pieces of a body.
    pub(crate) idle: Option<Duration>,
}

/// A place on an endpoint.
pub(crate) struct Lease {
    chosen: Chosen,
    sender: Option<SendRequest<Body>>,
    /// The request's body, which may still be on its way when the answer begins.
    upload: Upload,
    /// What is told of it at the end, once an answer has begun.
    outcome: Option<Outcome>,
    /// When its connection went back, if that is known already.
    ended: Option<std::time::Instant>,
}

/// A request that an endpoint did not answer.
pub(crate) struct Failure {
    /// What happened, for the log.
    pub(crate) reason: String,
    /// Of what kind it is.
    pub(crate) fault: Fault,
    /// Whether it provably was not sent.
    pub(crate) is_unsent: bool,
    /// Then also the request, unless it stayed with the caller.
    pub(crate) unsent: Option<Request<Body>>,
}

impl Failure {
    const fn no_connection(reason: String, unsent: Option<Request<Body>>) -> Self {
        Self { reason, fault: Fault::Connect, is_unsent: true, unsent }
    }

    fn of(error: &hyper::Error, unsent: Option<Request<Body>>) -> Self {
        Self { reason: describe(error), fault: fault(error), is_unsent: unsent.is_some(), unsent }
    }
}

impl Lease {
    /// Sends a request the short way, and waits for the head of the response.
    pub(crate) async fn ask(
        chosen: Chosen,
        short: &Short,
        patience: Patience,
        upload: &Upload,
    ) -> Result<Response<Body>, Failure> {
        let lease = Self::new(chosen, upload.clone());
        loop {
            let (wire, idle) = match lease.endpoint().take_wire() {
                Some(wire) => (wire, true),
                None => (lease.connect_wire(patience).await?, false),
            };
            match wire.ask(short).await {
                Ok(response) => return Ok(lease.answered_short(response, patience)),
                // The endpoint closed the idle connection in this very moment: the next one, then.
                Err(lost) if lost.unsent && idle => {}
                Err(Lost { reason, fault, unsent }) => {
                    return Err(Failure { reason, fault, is_unsent: unsent, unsent: None });
                }
            }
        }
    }

    async fn connect_wire(&self, patience: Patience) -> Result<Wire, Failure> {
        // Boxed: rare and large.
        let connected = Box::pin(self.endpoint().connect_wire(patience.connect)).await;
        connected.map_err(|reason| Failure::no_connection(reason, None))
    }

    /// Sends the request and waits for the head of the response. The body that comes back carries the lease.
    pub(crate) async fn send(
        chosen: Chosen,
        mut request: Request<Body>,
        patience: Patience,
        upload: &Upload,
    ) -> Result<Response<Body>, Failure> {
        let lease = Self::new(chosen, upload.clone());
        if lease.endpoint().protocol() == Protocol::H2c {
            // Boxed, as what follows: rare and large, it would make every request's future large.
            return Box::pin(lease.send_shared(request, patience)).await;
        }
        while let Some(mut sender) = lease.endpoint().take_idle() {
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(lease.answered(Some(sender), response, patience)),
                // The endpoint closed the idle connection in this very moment: the next one, then.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Failure::of(&error.into_error(), None)),
                },
            }
        }
        let mut sender = match Box::pin(lease.endpoint().connect(patience.connect)).await {
            Ok(sender) => sender,
            Err(reason) => return Err(Failure::no_connection(reason, Some(request))),
        };
        match sender.try_send_request(request).await {
            Ok(response) => Ok(lease.answered(Some(sender), response, patience)),
            Err(mut error) => {
                let unsent = error.take_message();
                Err(Failure::of(&error.into_error(), unsent))
            }
        }
    }

    /// Over the shared HTTP/2 connection, and over a new one if that turns out to have ended before anything
    /// was sent.
    async fn send_shared(
        self,
        request: Request<Body>,
        patience: Patience,
    ) -> Result<Response<Body>, Failure> {
        let request = match self.endpoint().shared() {
            Some(sender) => match try_shared(sender, request).await {
                Err(Failure { unsent: Some(unsent), .. }) => unsent,
                Err(failure) => return Err(failure),
                Ok(response) => return Ok(self.answered(None, response, patience)),
            },
            None => request,
        };
        let sender = match self.endpoint().connect_shared(patience.connect).await {
            Ok(sender) => sender,
            Err(reason) => return Err(Failure::no_connection(reason, Some(request))),
        };
        try_shared(sender, request).await.map(|response| self.answered(None, response, patience))
    }

    fn new(chosen: Chosen, upload: Upload) -> Self {
        chosen.member.endpoint.began();
        Self { chosen, sender: None, upload, outcome: None, ended: None }
    }

    #[cfg(test)]
    pub(super) fn load_for_test(chosen: Chosen) -> Self {
        Self::new(chosen, Upload::for_test())
    }

    fn endpoint(&self) -> &Arc<Endpoint> {
        &self.chosen.member.endpoint
    }

    fn answered(
        mut self,
        sender: Option<SendRequest<Body>>,
        response: Response<Incoming>,
        patience: Patience,
    ) -> Response<Body> {
        self.sender = sender;
        self.outcome = Some(Outcome::of_status(response.status().as_u16()));
        response.map(|body| LeasedBody::begin(Source::Hyper(body), self, patience))
    }

    fn answered_short(mut self, response: Response<WireBody>, patience: Patience) -> Response<Body> {
        self.outcome = Some(Outcome::of_status(response.status().as_u16()));
        response.map(|mut body| match body.take_all() {
            Some(all) => {
                self.release_short(body);
                body::full(all)
            }
            None => LeasedBody::begin(Source::Wire(body), self, patience),
        })
    }

    fn release_short(mut self, body: WireBody) {
        if let Some(wire) = body.into_wire() {
            let now = std::time::Instant::now();
            self.endpoint().put_wire(wire, now);
            self.ended = Some(now);
        }
    }

    /// The response is complete: the connection may serve again, at once or as soon as it has noticed.
    fn release(mut self) {
        let Some(mut sender) = self.sender.take() else { return };
        if sender.is_ready() {
            self.endpoint().put_idle(sender);
        } else if !sender.is_closed() {
            let endpoint = Arc::clone(self.endpoint());
            tokio::spawn(async move {
                if sender.ready().await.is_ok() {
                    endpoint.put_idle(sender);
                }
            });
        }
    }

    /// The response ended in the middle. Where the client broke its request off before that, the endpoint could not
    /// do otherwise.
    fn broke(mut self, fault: Fault) {
        if self.upload.fault().is_some() {
            return;
        }
        self.outcome = Some(Outcome::Failed);
        self.chosen.pool.watch.fault(fault);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.endpoint().ended();
        if let Some(outcome) = self.outcome {
            self.chosen.note(self.ended.map_or_else(clock::now, clock::at), outcome);
        }
    }
}

async fn try_shared(
    mut sender: http2::SendRequest<Body>,
    request: Request<Body>,
) -> Result<Response<Incoming>, Failure> {
    sender.try_send_request(request).await.map_err(|mut error| {
        let unsent = error.take_message();
        Failure::of(&error.into_error(), unsent)
    })
}

fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn fault(error: &hyper::Error) -> Fault {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    match source {
        Some(h2) if h2.is_remote() && h2.reason() == Some(h2::Reason::REFUSED_STREAM) => Fault::Refused,
        // What our own side of HTTP/2 objects to.
        Some(h2) if h2.is_library() => Fault::Garbage,
        None if error.is_parse() => Fault::Garbage,
        _ => Fault::Reset,
    }
}

/// Where a response body comes from.
enum Source {
    Hyper(Incoming),
    Wire(WireBody),
    /// It has all come.
    Over,
}

impl Source {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Hyper(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Self::Wire(body) => body.poll_frame(context),
            Self::Over => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Hyper(body) => body.is_end_stream(),
            Self::Wire(body) => body.is_end_stream(),
            Self::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Hyper(body) => body.size_hint(),
            Self::Wire(body) => body.size_hint(),
            Self::Over => SizeHint::with_exact(0),
        }
    }
}

/// A response body that holds its place on the endpoint until it is read or dropped.
struct LeasedBody {
    body: Source,
    lease: Option<Lease>,
    pause: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl LeasedBody {
    fn begin(body: Source, lease: Lease, patience: Patience) -> Body {
        let mut leased = Self { body, lease: Some(lease), pause: patience.idle, timer: None };
        if leased.body.is_end_stream() {
            leased.finish();
        }
        leased.boxed_unsync()
    }

    fn finish(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        match std::mem::replace(&mut self.body, Source::Over) {
            Source::Wire(body) => lease.release_short(body),
            Source::Hyper(_) | Source::Over => lease.release(),
        }
    }

    fn broke(&mut self, fault: Fault) {
        if let Some(lease) = self.lease.take() {
            lease.broke(fault);
        }
    }

    /// Nothing has come: for too long?
    fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(pause) = self.pause else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        timer.as_mut().poll(context)
    }
}

impl HttpBody for LeasedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = self.body.poll_frame(context);
        match &polled {
            Poll::Ready(None) => self.finish(),
            Poll::Ready(Some(Ok(_))) if self.body.is_end_stream() => self.finish(),
            Poll::Ready(Some(Err(_))) => self.broke(Fault::Cut),
            Poll::Ready(Some(Ok(_))) => {
                if let (Some(pause), Some(timer)) = (self.pause, self.timer.as_mut()) {
                    timer.as_mut().reset(Instant::now() + pause);
                }
            }
            Poll::Pending => {
                if self.poll_stalled(context).is_ready() {
                    self.broke(Fault::Stalled);
                    return Poll::Ready(Some(Err("the backend paused for too long".into())));
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
