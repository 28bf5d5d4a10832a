//! `/debug/pprof`: the paths are those of Go's `net/http/pprof`, so that its tools find them.

use std::time::Duration;

use axum::{
    extract::{Path, Query},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use crate::profile::{self, ProfileError};

/// As long as Go's.
const SECONDS: u64 = 30;
/// A profile costs CPU time as long as it lasts.
const MOST_SECONDS: u64 = 60;
/// What there is to ask for.
const INDEX: &str = "profiles of this controller, for `go tool pprof URL`:\n\
    /debug/pprof/profile?seconds=30  where CPU time goes, for 1 to 60 seconds from now\n\
    /debug/pprof/heap                who holds the memory that is in use\n";
const OFF: &str = "profiles are off: start the controller with --enable-profiling\n";

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    seconds: Option<String>,
}

/// One answer for every path when profiles are off.
pub(super) async fn off() -> Response {
    (StatusCode::NOT_FOUND, OFF).into_response()
}

/// What there is to ask for.
pub(super) async fn index() -> &'static str {
    INDEX
}

/// One profile, by its name.
pub(super) async fn take(Path(name): Path<String>, Query(asked): Query<Asked>) -> Response {
    let taken = match name.as_str() {
        "profile" => match seconds(asked.seconds.as_deref()) {
            Ok(seconds) => profile::cpu(Duration::from_secs(seconds)).await,
            Err(message) => return (StatusCode::BAD_REQUEST, message).into_response(),
        },
        "heap" if asked.seconds.is_some() => {
            return (StatusCode::BAD_REQUEST, "seconds: a heap profile is of now and takes none\n")
                .into_response();
        }
        "heap" => profile::heap().await,
        _ => return (StatusCode::NOT_FOUND, INDEX).into_response(),
    };
    match taken {
        Ok(profile) => download(&name, profile),
        Err(error) => {
            let status = match error {
                ProfileError::Busy => StatusCode::TOO_MANY_REQUESTS,
                ProfileError::NoHeapSamples => StatusCode::NOT_IMPLEMENTED,
                ProfileError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (status, format!("{error}\n")).into_response()
        }
    }
}

fn seconds(text: Option<&str>) -> Result<u64, String> {
    let Some(text) = text else { return Ok(SECONDS) };
    text.parse().ok().filter(|seconds| (1..=MOST_SECONDS).contains(seconds)).ok_or_else(|| {
        format!("seconds: {text:?} is not allowed; allowed is a whole number from 1 to {MOST_SECONDS}\n")
    })
}

fn download(name: &str, profile: Vec<u8>) -> Response {
    let file = format!("attachment; filename=\"{name}.pb.gz\"");
    let headers =
        [(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_DISPOSITION, file)];
    (headers, profile).into_response()
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn seconds_are_bounded() {
        assert_eq!(seconds(None), Ok(30));
        assert_eq!(seconds(Some("1")), Ok(1));
        assert_eq!(seconds(Some("60")), Ok(60));
        for bad in ["", "0", "61", "-1", "1.5", "soon", "99999999999999999999"] {
            let message = seconds(Some(bad)).expect_err("is refused");
            assert!(message.starts_with("seconds: ") && message.contains("1 to 60"), "{message}");
        }
    }
}
