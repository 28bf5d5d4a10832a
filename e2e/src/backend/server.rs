//! The process of all demo backends of a region, and its control port.
//!
//! `GET /backends`, `PUT /backends` (one [`Named`]), `PUT /backends/{name}/behaviour` (a [`Behaviour`]). What
//! there is is kept in a file, so that a restarted process has the same backends with the same switches.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::answer::Shared;
use super::behaviour::{Behaviour, Named};
use super::listener::{bind, serve as serve_backend};

type Refused = (StatusCode, String);

#[derive(Clone)]
struct Region {
    name: String,
    state: PathBuf,
    backends: Arc<Mutex<BTreeMap<String, Backend>>>,
}

struct Backend {
    listen: SocketAddrV4,
    shared: Arc<Shared>,
}

/// Serves the backends that the state file lists, and those that are added, until the process ends.
pub async fn serve(region: String, control: SocketAddrV4, state: PathBuf) -> Result<()> {
    let region = Region { name: region, state, backends: Arc::default() };
    for named in region.saved()? {
        region.put(named)?;
    }
    let router = Router::new()
        .route("/backends", get(list).put(add))
        .route("/backends/{name}/behaviour", put(behave))
        .with_state(region);
    let listener = bind(control).with_context(|| format!("the control port {control}"))?;
    Ok(axum::serve(listener, router).await?)
}

impl Region {
    fn saved(&self) -> Result<Vec<Named>> {
        match std::fs::read(&self.state) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).with_context(|| format!("read {}", self.state.display())),
        }
    }

    fn save(&self) -> Result<()> {
        std::fs::write(&self.state, serde_json::to_vec_pretty(&self.list())?)
            .with_context(|| format!("write {}", self.state.display()))
    }

    /// Adds a backend, or gives one that is there another behaviour.
    fn put(&self, named: Named) -> Result<()> {
        let mut backends = self.backends.lock();
        if let Some(there) = backends.get(&named.name) {
            if there.listen != named.listen {
                bail!("{} listens on {} already", named.name, there.listen);
            }
            there.shared.behaviour.send_replace(named.behaviour);
            return Ok(());
        }
        let listener = bind(named.listen).with_context(|| format!("{} on {}", named.name, named.listen))?;
        let shared = Arc::new(Shared {
            region: self.name.clone(),
            name: named.name.clone(),
            behaviour: watch::Sender::new(named.behaviour),
            requests: AtomicU64::new(0),
        });
        tokio::spawn(serve_backend(Arc::clone(&shared), named.listen, listener));
        backends.insert(named.name, Backend { listen: named.listen, shared });
        Ok(())
    }

    fn list(&self) -> Vec<Named> {
        let backends = self.backends.lock();
        backends
            .iter()
            .map(|(name, backend)| Named {
                name: name.clone(),
                listen: backend.listen,
                behaviour: backend.shared.behaviour.borrow().clone(),
                requests: backend.shared.requests.load(Ordering::Relaxed),
            })
            .collect()
    }
}

async fn list(State(region): State<Region>) -> Json<Vec<Named>> {
    Json(region.list())
}

async fn add(State(region): State<Region>, Json(named): Json<Named>) -> Result<StatusCode, Refused> {
    region.put(named).and_then(|()| region.save()).map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn behave(
    State(region): State<Region>,
    Path(name): Path<String>,
    Json(behaviour): Json<Behaviour>,
) -> Result<StatusCode, Refused> {
    let found =
        region.backends.lock().get(&name).map(|backend| backend.shared.behaviour.send_replace(behaviour));
    found.ok_or_else(|| (StatusCode::NOT_FOUND, format!("no backend is named {name:?}")))?;
    region.save().map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: anyhow::Error) -> Refused {
    (StatusCode::CONFLICT, format!("{error:#}"))
}
