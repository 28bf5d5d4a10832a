//! Watching the member's own API server: one reflector a kind, each with its own backoff, so that a kind that
//! cannot be read keeps its last state and holds up no other.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::{FutureExt, StreamExt, pin_mut};
use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::reflector::{self, Store};
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use spillway_crds::names::secrets;
use spillway_crds::{GatewayPeer, RegionPriority};
use thiserror::Error;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::intake::{Intake, Outcome, Source};
use super::{Choices, Objects, build};

/// Changes that come together become one config.
const COALESCE: Duration = Duration::from_millis(20);
/// The server ends each watch by then, and a connection that is silent for longer is dead.
const WATCH_SECONDS: u32 = 60;
const SILENCE: Duration = Duration::from_secs(75);
/// Kinds that are always watched; TLS Secrets only where there is a listener for them.
const KINDS: usize = 7;
/// The API server's word for "not allowed".
const FORBIDDEN: u16 = 403;

/// Why watching cannot begin.
#[derive(Debug, Error)]
pub enum WatchError {
    /// The kubeconfig.
    #[error("kubeconfig: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// The environment.
    #[error("no --kubeconfig, and none can be inferred: {0}")]
    Infer(#[from] kube::config::InferConfigError),
    /// The client.
    #[error("client: {0}")]
    Client(#[from] kube::Error),
}

/// Where Secrets of certificates are read.
struct Place {
    /// None: everywhere.
    namespace: Option<String>,
    secrets: Store<Secret>,
}

impl Place {
    /// Where it may not be read, its store is never filled.
    fn is_read(&self) -> bool {
        self.secrets.wait_until_ready().now_or_never().is_some()
    }
}

/// The stores of all kinds, and what tells that one has changed.
pub struct Watch {
    choices: Choices,
    ingresses: Store<Ingress>,
    classes: Store<IngressClass>,
    services: Store<Service>,
    slices: Store<EndpointSlice>,
    priorities: Store<RegionPriority>,
    peers: Store<GatewayPeer>,
    identities: Store<Secret>,
    certificates: Vec<Place>,
    news: Arc<News>,
}

#[derive(Default)]
struct News {
    changed: Notify,
    synced: AtomicUsize,
    /// A list was read anew since the last config was taken: what is not in it, nobody said to delete.
    relisted: AtomicBool,
}

impl Watch {
    /// Connects by `kubeconfig`, or by what the environment says, and begins to watch until `stop`.
    pub async fn start(
        kubeconfig: Option<&Path>,
        namespace: &str,
        choices: Choices,
        stop: &CancellationToken,
    ) -> Result<Self, WatchError> {
        let mut config = match kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path)?;
                kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?
            }
            None => kube::Config::infer().await?,
        };
        config.connect_timeout = Some(Duration::from_secs(5));
        config.read_timeout = Some(SILENCE);
        let client = Client::try_from(config)?;
        Ok(Self::over(&client, namespace, choices, stop))
    }

    fn over(client: &Client, namespace: &str, choices: Choices, stop: &CancellationToken) -> Self {
        let news = Arc::new(News::default());
        let own = format!("metadata.name={}", secrets::GATEWAY_IDENTITY);
        let all = || watcher::Config::default().timeout(WATCH_SECONDS);
        let secret = Api::namespaced(client.clone(), namespace);
        let of_tls = || all().fields("type=kubernetes.io/tls");
        let place = |namespace: Option<&String>| {
            let api = match namespace {
                Some(namespace) => Api::namespaced(client.clone(), namespace),
                None => Api::all(client.clone()),
            };
            Place { namespace: namespace.cloned(), secrets: reflect(api, of_tls(), &news, stop) }
        };
        let certificates = match choices.secret_namespaces.as_slice() {
            _ if !choices.https => Vec::new(),
            [] => vec![place(None)],
            some => some.iter().map(Some).map(place).collect(),
        };
        Self {
            certificates,
            choices,
            ingresses: reflect(Api::all(client.clone()), all(), &news, stop),
            classes: reflect(Api::all(client.clone()), all(), &news, stop),
            services: reflect(Api::all(client.clone()), all(), &news, stop),
            slices: reflect(Api::all(client.clone()), all(), &news, stop),
            priorities: reflect(Api::all(client.clone()), all(), &news, stop),
            peers: reflect(Api::all(client.clone()), all(), &news, stop),
            identities: reflect(secret, all().fields(&own), &news, stop),
            news,
        }
    }

    /// Offers a config for every change, once every kind has been listed in full. Until then whatever was
    /// published before (a snapshot) stays: half a picture is worse than an old one.
    pub async fn publish(self, intake: Intake, stop: CancellationToken) {
        let kinds = KINDS + self.certificates.len();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.news.changed.notified() => {}
            }
            tokio::time::sleep(COALESCE).await;
            if self.news.synced.load(Ordering::Acquire) < kinds {
                continue;
            }
            let relisted = self.news.relisted.swap(false, Ordering::AcqRel);
            let (config, rejections) = build(&self.objects(), &intake.current());
            let outcome = intake.offer(config, &rejections, &Source::ApiServer { relisted });
            if outcome == Outcome::Held {
                self.news.relisted.store(true, Ordering::Release);
            }
        }
    }

    fn objects(&self) -> Objects {
        Objects {
            ingresses: self.ingresses.state(),
            services: self.services.state(),
            slices: self.slices.state(),
            priorities: self.priorities.state(),
            peers: self.peers.state(),
            identity: self.identities.state().into_iter().next(),
            classes: self.classes.state(),
            certificates: self.secrets(),
            unread_namespaces: self.unread(),
            choices: self.choices.clone(),
        }
    }

    /// The Secrets of certificates; none where not one place may be read.
    fn secrets(&self) -> Option<Vec<Arc<Secret>>> {
        let read: Vec<&Place> = self.certificates.iter().filter(|place| place.is_read()).collect();
        (!read.is_empty()).then(|| read.into_iter().flat_map(|place| place.secrets.state()).collect())
    }

    /// Of these namespaces it is not known whether a Secret is there.
    fn unread(&self) -> BTreeSet<String> {
        let unread = self.certificates.iter().filter(|place| !place.is_read());
        unread.filter_map(|place| place.namespace.clone()).collect()
    }
}

/// Keeps a store of one kind current.
fn reflect<K>(api: Api<K>, config: watcher::Config, news: &Arc<News>, stop: &CancellationToken) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone + Default,
{
    let (store, writer) = reflector::store();
    let (news, stop) = (Arc::clone(news), stop.clone());
    tokio::spawn(async move {
        let events = watcher(api, config).backoff(Patience::default()).reflect(writer);
        pin_mut!(events);
        let (mut synced, mut interrupted) = (false, false);
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = events.next() => event,
            };
            match event {
                Some(Ok(watcher::Event::Init | watcher::Event::InitApply(_))) => {}
                Some(Ok(event)) => {
                    if std::mem::take(&mut interrupted) {
                        tracing::info!(kind = %K::kind(&()), "watch restored");
                    }
                    if matches!(event, watcher::Event::InitDone) {
                        news.relisted.store(true, Ordering::Release);
                        if !std::mem::replace(&mut synced, true) {
                            news.synced.fetch_add(1, Ordering::Release);
                        }
                    }
                    news.changed.notify_one();
                }
                // Said once: an API server may be gone for days.
                Some(Err(error)) => {
                    // A kind that may be withheld is not waited for, once the server has said that it is.
                    if may_be_withheld::<K>() && is_forbidden(&error) && !std::mem::replace(&mut synced, true)
                    {
                        news.synced.fetch_add(1, Ordering::Release);
                        news.changed.notify_one();
                    }
                    if !std::mem::replace(&mut interrupted, true) {
                        tracing::warn!(kind = %K::kind(&()), %error, "watch interrupted; the last state stays");
                    }
                }
                None => return,
            }
        }
    });
    store
}

/// What routes can do without: classes (the default one is known by name) and certificates. The identity
/// Secret is of the same kind, and a gateway serves its own region without it.
fn may_be_withheld<K: Resource<DynamicType = ()>>() -> bool {
    [IngressClass::kind(&()), Secret::kind(&())].contains(&K::kind(&()))
}

fn is_forbidden(error: &watcher::Error) -> bool {
    use watcher::Error::{InitialListFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube::Error::Api(status)) | WatchStartFailed(kube::Error::Api(status)) => {
            status.code == FORBIDDEN
        }
        _ => false,
    }
}

/// Half a second, doubled up to five: an API server that returns is noticed soon.
#[derive(Default)]
struct Patience {
    failures: u32,
}

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let delay = Duration::from_millis(500) * 2_u32.pow(self.failures.min(3));
        self.failures += 1;
        // Gateways that lost the same server do not return in step.
        Some(delay.mul_f64(rand::random_range(0.75..1.25)))
    }
}

impl Backoff for Patience {
    fn reset(&mut self) {
        self.failures = 0;
    }
}
