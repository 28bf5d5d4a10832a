//! The one way by which a config takes the place of another: it says where each came from and when, keeps the
//! last good one when the next cannot be used, and holds one that would take away too much until a person
//! confirms it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use spillway_decide::routes::{Rejection, hold};

use super::{Config, ConfigSender};
use crate::metrics::Metrics;

/// Where a config came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Nowhere: nothing is loaded yet.
    #[default]
    Nothing,
    /// The snapshot on disk.
    Snapshot,
    /// The member's API server.
    ApiServer {
        /// Whether a list without names of what is gone was read since the last config, so that what is
        /// missing may be missing by mistake.
        relisted: bool,
    },
    /// A file.
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => formatter.write_str("nothing is loaded yet"),
            Self::Snapshot => formatter.write_str("snapshot"),
            Self::ApiServer { .. } => formatter.write_str("API server"),
            Self::File(path) => write!(formatter, "file {}", path.display()),
        }
    }
}

impl Source {
    /// Whether what is missing may be missing by mistake. A delete that the API server tells by name is
    /// somebody's will; a shorter list or file is only an absence.
    const fn may_lack(&self) -> bool {
        match self {
            Self::ApiServer { relisted } => *relisted,
            Self::File(_) => true,
            Self::Nothing | Self::Snapshot => false,
        }
    }
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is served.
    Taken,
    /// It says what is served already.
    Same,
    /// It waits for a person.
    Held,
}

/// What `/debug/config` says about the config.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loaded {
    /// Where the served config came from.
    pub source: String,
    /// When it was taken.
    pub at: Option<Timestamp>,
    /// What of the objects is not served.
    pub rejected: Vec<String>,
    /// Why the latest file is not served, and since when.
    pub refused: Option<Report>,
    /// The config that waits to be confirmed.
    pub held: Option<Report>,
}

/// Something that a person should look at.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// When it was seen first.
    pub since: Timestamp,
    /// What it is.
    pub message: String,
}

/// The intake's handle; clones share everything.
#[derive(Clone)]
pub struct Intake {
    inner: Arc<Inner>,
}

struct Inner {
    sender: ConfigSender,
    metrics: Metrics,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    loaded: Loaded,
    held: Option<(Config, Source)>,
}

impl Intake {
    /// An intake for `sender`, whose present config came from `source`.
    #[must_use]
    pub fn new(sender: ConfigSender, metrics: Metrics, source: &Source) -> Self {
        let at = sender.borrow().is_loaded().then(Timestamp::now);
        let loaded = Loaded { source: source.to_string(), at, ..Loaded::default() };
        let state = Mutex::new(State { loaded, held: None });
        Self { inner: Arc::new(Inner { sender, metrics, state }) }
    }

    /// The config that is served.
    #[must_use]
    pub fn current(&self) -> Arc<Config> {
        Arc::clone(&self.inner.sender.borrow())
    }

    /// Offers a config. Its generation is set here.
    #[allow(clippy::must_use_candidate, reason = "a file has nothing to do after an offer")]
    pub fn offer(&self, mut config: Config, rejections: &[Rejection], source: &Source) -> Outcome {
        config.rejected = rejections.to_vec();
        let mut state = self.inner.state.lock();
        let served = self.current();
        state.loaded.refused = None;
        self.inner.metrics.rejected(rejections.len());
        self.inner.metrics.config_refused(false);
        let told: Vec<String> = rejections
            .iter()
            .map(|rejection| format!("{}: {}", rejection.ingress, rejection.message))
            .collect();
        if told != state.loaded.rejected {
            for rejection in &told {
                tracing::warn!("not served: {rejection}");
            }
            state.loaded.rejected = told;
        }
        if served.is_loaded() && (Config { generation: served.generation, ..config.clone() }) == *served {
            self.let_go(&mut state);
            return Outcome::Same;
        }
        let loss = hold::loss(&served.holdings(), &config.holdings());
        if let Some(loss) = loss.filter(|_| served.is_loaded() && source.may_lack()) {
            self.hold(&mut state, config, source, &loss);
            return Outcome::Held;
        }
        self.take(&mut state, config, source);
        Outcome::Taken
    }

    /// Reports that the latest config cannot be used; what is served stays.
    pub fn refuse(&self, message: &str) {
        tracing::error!("config not taken; the one before stays: {message}");
        let mut state = self.inner.state.lock();
        state.loaded.refused = Some(Report { since: Timestamp::now(), message: message.to_owned() });
        self.inner.metrics.config_refused(true);
    }

    /// A person says that the config that is held is meant. Returns how many routes are served now.
    pub fn confirm(&self) -> Option<usize> {
        let mut state = self.inner.state.lock();
        let (config, source) = state.held.take()?;
        let routes = config.routes.routes().len();
        tracing::warn!(routes, "the held config was confirmed");
        self.take(&mut state, config, &source);
        Some(routes)
    }

    /// What `/debug/config` says.
    #[must_use]
    pub fn loaded(&self) -> Loaded {
        self.inner.state.lock().loaded.clone()
    }

    fn take(&self, state: &mut State, mut config: Config, source: &Source) {
        config.generation = self.current().generation + 1;
        tracing::info!(
            generation = config.generation,
            routes = config.routes.routes().len(),
            peers = config.peers.len(),
            priorities = config.priorities.len(),
            %source,
            "config loaded"
        );
        self.let_go(state);
        state.loaded.source = source.to_string();
        state.loaded.at = Some(Timestamp::now());
        self.inner.sender.send_replace(Arc::new(config));
    }

    fn hold(&self, state: &mut State, config: Config, source: &Source, loss: &hold::Loss) {
        let message = format!(
            "{source}: {loss}; the config before stays until POST /config/confirm on the admin listener, or until \
             they are back"
        );
        let since = state.loaded.held.as_ref().map_or_else(Timestamp::now, |held| held.since);
        if state.loaded.held.as_ref().is_none_or(|held| held.message != message) {
            tracing::error!("config held: {message}");
        }
        self.inner.metrics.config_held(true);
        state.loaded.held = Some(Report { since, message });
        state.held = Some((config, source.clone()));
    }

    fn let_go(&self, state: &mut State) {
        if state.loaded.held.take().is_some() {
            tracing::info!("no config is held any more");
        }
        state.held = None;
        self.inner.metrics.config_held(false);
    }
}
