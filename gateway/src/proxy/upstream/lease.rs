//! One request on one connection: counts as load from the pick to the last byte of the response, and hands
//! the connection back when it can carry another request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::client::conn::http2;

use super::Endpoint;
use crate::body::{Body, BodyError};
use crate::config::Protocol;

/// A place on an endpoint.
pub(crate) struct Lease {
    endpoint: Arc<Endpoint>,
    sender: Option<SendRequest<Body>>,
}

/// A request that an endpoint did not answer.
pub(crate) struct Failure {
    /// What happened, for the log.
    pub(crate) reason: String,
    /// The request, if it provably was not sent.
    pub(crate) unsent: Option<Request<Body>>,
}

impl Lease {
    /// Sends the request and waits for the head of the response. The body that comes back carries the lease.
    pub(crate) async fn send(
        endpoint: Arc<Endpoint>,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, Failure> {
        let lease = Self::new(endpoint);
        if lease.endpoint.protocol() == Protocol::H2c {
            // Boxed, as what follows: rare and large, it would make every request's future large.
            return Box::pin(lease.send_shared(request)).await;
        }
        while let Some(mut sender) = lease.endpoint.take_idle() {
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(lease.answered(sender, response)),
                // The endpoint closed the idle connection in this very moment: the next one, then.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Failure { reason: describe(&error.into_error()), unsent: None }),
                },
            }
        }
        let mut sender = match Box::pin(lease.endpoint.connect()).await {
            Ok(sender) => sender,
            Err(reason) => return Err(Failure { reason, unsent: Some(request) }),
        };
        match sender.try_send_request(request).await {
            Ok(response) => Ok(lease.answered(sender, response)),
            Err(mut error) => {
                let unsent = error.take_message();
                Err(Failure { reason: describe(&error.into_error()), unsent })
            }
        }
    }

    /// Over the shared HTTP/2 connection, and over a new one if that turns out to have ended before anything
    /// was sent.
    async fn send_shared(self, request: Request<Body>) -> Result<Response<Body>, Failure> {
        let request = match self.endpoint.shared() {
            Some(sender) => match self.try_shared(sender, request).await {
                Err((_, Some(unsent))) => unsent,
                Err((reason, None)) => return Err(Failure { reason, unsent: None }),
                Ok(response) => return Ok(self.answered_shared(response)),
            },
            None => request,
        };
        let sender = match self.endpoint.connect_shared().await {
            Ok(sender) => sender,
            Err(reason) => return Err(Failure { reason, unsent: Some(request) }),
        };
        match self.try_shared(sender, request).await {
            Ok(response) => Ok(self.answered_shared(response)),
            Err((reason, unsent)) => Err(Failure { reason, unsent }),
        }
    }

    async fn try_shared(
        &self,
        mut sender: http2::SendRequest<Body>,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, (String, Option<Request<Body>>)> {
        sender.try_send_request(request).await.map_err(|mut error| {
            let unsent = error.take_message();
            (describe(&error.into_error()), unsent)
        })
    }

    fn answered_shared(self, response: Response<Incoming>) -> Response<Body> {
        response.map(|body| LeasedBody { body, lease: Some(self) }.boxed_unsync())
    }

    fn new(endpoint: Arc<Endpoint>) -> Self {
        endpoint.began();
        Self { endpoint, sender: None }
    }

    #[cfg(test)]
    pub(super) fn load_for_test(endpoint: Arc<Endpoint>) -> Self {
        Self::new(endpoint)
    }

    fn answered(mut self, sender: SendRequest<Body>, response: Response<Incoming>) -> Response<Body> {
        self.sender = Some(sender);
        response.map(|body| {
            let mut leased = LeasedBody { body, lease: Some(self) };
            if leased.body.is_end_stream() {
                leased.finish();
            }
            leased.boxed_unsync()
        })
    }

    /// The response is complete: the connection may serve again, at once or as soon as it has noticed.
    fn release(mut self) {
        let Some(mut sender) = self.sender.take() else { return };
        if sender.is_ready() {
            self.endpoint.put_idle(sender);
        } else if !sender.is_closed() {
            let endpoint = Arc::clone(&self.endpoint);
            tokio::spawn(async move {
                if sender.ready().await.is_ok() {
                    endpoint.put_idle(sender);
                }
            });
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.endpoint.ended();
    }
}

fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// A response body that holds its place on the endpoint until it is read or dropped.
struct LeasedBody {
    body: Incoming,
    lease: Option<Lease>,
}

impl LeasedBody {
    fn finish(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.release();
        }
    }
}

impl HttpBody for LeasedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(None) => self.finish(),
            Poll::Ready(Some(Ok(_))) if self.body.is_end_stream() => self.finish(),
            Poll::Ready(Some(Err(_))) => self.lease = None,
            _ => {}
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
