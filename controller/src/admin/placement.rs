//! `/debug/placement`: what the placement map knows of one object, or what it knows of itself.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use spillway_placement::{Counts, Growth, ObjectKey, Row};

use super::Admin;
use crate::{federation::Federation, ledger::Failure, object::Kind};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    object: Option<String>,
    kind: Option<String>,
}

/// One object, or counts by member and how the map grew.
pub(super) async fn placement(State(admin): State<Arc<Admin>>, Query(asked): Query<Asked>) -> Response {
    let Some(f) = admin.federation.load_full() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "this controller does not lead\n").into_response();
    };
    match key(&asked) {
        Ok(Some(key)) => object(&f, &key),
        Ok(None) => Json(overview(&f)).into_response(),
        Err(message) => (StatusCode::BAD_REQUEST, message).into_response(),
    }
}

/// The object that is asked for, if one is.
fn key(asked: &Asked) -> Result<Option<ObjectKey>, String> {
    let kind = asked.kind.as_deref().unwrap_or(Kind::Ingress.name());
    let Some(kind) = Kind::ALL.into_iter().find(|known| known.name() == kind) else {
        let known = Kind::ALL.map(Kind::name).join(", ");
        return Err(format!("kind: {kind:?} is not known to the placement map; allowed are {known}\n"));
    };
    let Some(object) = &asked.object else {
        return if asked.kind.is_none() { Ok(None) } else { Err("object: is missing beside kind\n".into()) };
    };
    let parts: Vec<_> = object.split('/').collect();
    let named = parts.iter().all(|part| !part.is_empty() && !part.contains('\0')); // a key keeps its parts apart by NUL
    match (kind.is_namespaced(), parts.as_slice()) {
        (true, [namespace, name]) if named => Ok(Some(kind.key(namespace, name))),
        (false, [name]) if named => Ok(Some(kind.key("", name))),
        (namespaced, _) => {
            let allowed = if namespaced { "NAMESPACE/NAME" } else { "NAME" };
            Err(format!("object: {object:?} must be {allowed} of a {} on the hub\n", kind.name()))
        }
    }
}

fn object(f: &Federation, key: &ObjectKey) -> Response {
    let Some(id) = f.placement.find(key) else {
        let text =
            format!("the placement map knows no {key}: nothing is wanted or seen of it on any member\n");
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let rows = f.placement.rows_of_object(key);
    let rows = rows.iter().map(|(member, row)| {
        let id = f.placement.member(member).ok().map(|id| format!("{id:?}"));
        shown(member, id.as_deref(), row, f.failures.get(key, member))
    });
    Json(json!({
        "kind": key.kind(), "namespace": key.namespace(), "name": key.name(), "id": format!("{id:?}"),
        "rows": rows.collect::<Vec<_>>(),
    }))
    .into_response()
}

fn shown(member: &str, id: Option<&str>, row: &Row, failure: Option<Failure>) -> Value {
    let since = i64::try_from(row.since).ok().and_then(|since| Timestamp::from_millisecond(since).ok());
    json!({
        "member": member, "memberId": id, "state": row.state(), "since": since.map(|since| since.to_string()),
        "tries": row.tries, "desired": row.desired, "applied": row.applied, "observed": row.observed,
        "failure": failure.map(|failure| json!({
            "reason": failure.reason, "message": failure.message, "since": failure.since.to_string(),
        })),
    })
}

fn overview(f: &Federation) -> Value {
    let members = f.placement.members().into_iter().filter_map(|member| {
        let counts = f.placement.counts(&member).ok()?;
        Some((member.to_string(), states(counts)))
    });
    let members = Value::Object(members.collect());
    json!({"members": members, "totals": states(f.placement.totals()), "growth": grown(f.placement.growth())})
}

fn states(counts: Counts) -> Value {
    let states = spillway_placement::State::ALL;
    states.map(|state| (format!("{state:?}"), json!(counts.of(state)))).into_iter().collect()
}

fn grown(growth: Growth) -> Value {
    json!({
        "objects": growth.objects, "rows": growth.rows, "rowCapacity": growth.row_capacity,
        "segments": growth.segments, "bytes": growth.bytes, "steps": growth.steps,
        "entriesMoved": growth.entries_moved,
        "largestOperation": {"entries": growth.largest_moved, "bytes": growth.largest_bytes},
    })
}
