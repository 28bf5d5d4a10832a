//! What operators say at the spill listener: `POST` and `GET /.well-known/spillway/commands`.
//!
//! Who calls is known by certificate. Only an operator commands; members and the hub may look.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use spillway_decide::commands::{Command, Order, Refusal};

use super::json;
use crate::body::Body;
use crate::mtls::CallerIdentity;
use crate::proxy::answer;
use crate::traffic::Traffic;

const MAX_ORDER_BYTES: usize = 16 << 10;

/// What a gateway knows of commands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    region: String,
    member: String,
    now: String,
    /// All that it knows; in answer to an order, what the order became.
    commands: Vec<Command>,
}

impl Known {
    fn of(traffic: &Traffic, commands: Vec<Command>) -> Response<Body> {
        let state = traffic.state();
        json(&Self { region: state.region, member: state.member, now: state.now, commands })
    }
}

pub(super) async fn serve(
    traffic: &Traffic,
    request: Request<Incoming>,
    caller: &CallerIdentity,
) -> Response<Body> {
    match (request.method(), &caller.operator) {
        (&Method::GET, _) => Known::of(traffic, traffic.commands()),
        (&Method::POST, Some(operator)) => match read(request).await {
            Ok(order) => take(traffic, operator, &order),
            Err(error) => answer::text(StatusCode::BAD_REQUEST, &format!("spillway: {error}")),
        },
        (&Method::POST, None) => {
            tracing::warn!(%caller, "command refused: no operator");
            let message = format!("spillway: {caller} is no operator; only operators command");
            answer::text(StatusCode::FORBIDDEN, &message)
        }
        _ => {
            answer::text(StatusCode::METHOD_NOT_ALLOWED, "spillway: commands are given by POST, seen by GET")
        }
    }
}

async fn read(request: Request<Incoming>) -> Result<Order, String> {
    let collected = Limited::new(request.into_body(), MAX_ORDER_BYTES).collect().await;
    let bytes: Bytes = collected.map_err(|error| format!("the command was not read: {error}"))?.to_bytes();
    serde_json::from_slice(&bytes).map_err(|error| format!("this is no command: {error}"))
}

fn take(traffic: &Traffic, operator: &str, order: &Order) -> Response<Body> {
    match traffic.order(operator, order) {
        Ok(made) => Known::of(traffic, made),
        Err(refusal) => {
            let status = match refusal {
                Refusal::NothingLeft(..)
                | Refusal::Full
                | Refusal::Gameday(_)
                | Refusal::GamedayOff(_)
                | Refusal::GamedayTaken(..) => StatusCode::CONFLICT,
                _ => StatusCode::BAD_REQUEST,
            };
            answer::text(status, &format!("spillway: {refusal}"))
        }
    }
}
