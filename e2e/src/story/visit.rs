//! One request by hand, through a region's front door.

use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(5);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The status.
    pub status: u16,
    /// The region that says that it served.
    pub served: Option<String>,
    /// Where it redirects.
    pub location: Option<String>,
    /// The body as text.
    pub body: String,
}

/// Asks `region`'s front door for `host` and `path`.
pub async fn visit(world: &World, region: &str, host: &str, path: &str) -> Result<Visit> {
    let door = SocketAddrV4::new(world.front_door(region)?, world.ports().http);
    visit_at(door, host, path).await.with_context(|| format!("{region}'s front door"))
}

/// Asks a front door for `host` and `path`.
pub async fn visit_at(door: SocketAddrV4, host: &str, path: &str) -> Result<Visit> {
    tokio::time::timeout(PATIENCE, ask(door, host, path))
        .await
        .with_context(|| format!("no answer from {door} within {PATIENCE:?}"))?
}

async fn ask(door: SocketAddrV4, host: &str, path: &str) -> Result<Visit> {
    let uri = format!("http://{door}{path}");
    let request = http::Request::get(uri).header(http::header::HOST, host).body(Empty::<Bytes>::new())?;
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    let response = client.request(request).await?;
    let header =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (status, served, location) = (response.status().as_u16(), header("x-served-by"), header("location"));
    let body = response.into_body().collect().await?.to_bytes();
    Ok(Visit { status, served, location, body: String::from_utf8_lossy(&body).into_owned() })
}
