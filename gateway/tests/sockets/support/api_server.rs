//! As much of an API server as a watch needs: lists, and watches that tell events or end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use super::loopback;

type Objects = BTreeMap<String, Vec<Value>>;

/// What the server holds, by resource (`ingresses`), and since which restore: a watch from before is too old.
struct Held {
    objects: Objects,
    restored: u64,
}

impl Held {
    fn first(objects: Value) -> Self {
        Self { objects: serde_json::from_value(objects).unwrap(), restored: 1 }
    }
}

/// What the server holds, and the line to everybody who watches.
pub struct ApiServer {
    pub address: SocketAddr,
    held: Arc<Mutex<Held>>,
    told: broadcast::Sender<(String, Value)>,
}

impl ApiServer {
    pub async fn start(objects: Value) -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let held = Arc::new(Mutex::new(Held::first(objects)));
        let told = broadcast::Sender::new(64);
        let (shared, sender) = (Arc::clone(&held), told.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (held, told) = (Arc::clone(&shared), sender.clone());
                let service = service_fn(move |request| {
                    let response = answer(&request, &held, &told);
                    async move { Ok::<_, std::convert::Infallible>(response) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, held, told }
    }

    /// Comes back as a server that holds only this: who watches, or listed before, is told to list anew.
    pub fn restore(&self, objects: Value) {
        let mut held = self.held.lock();
        held.objects = serde_json::from_value(objects).unwrap();
        held.restored += 1;
        let _ = self.told.send((String::new(), too_old()));
    }

    /// Adds or changes an object, and tells so.
    pub fn apply(&self, resource: &str, mut object: Value) {
        let mut held = self.held.lock();
        object["metadata"]["resourceVersion"] = json!(held.restored.to_string());
        let list = held.objects.entry(resource.to_owned()).or_default();
        list.retain(|known| known["metadata"]["name"] != object["metadata"]["name"]);
        list.push(object.clone());
        let _ = self.told.send((resource.to_owned(), json!({"type": "MODIFIED", "object": object})));
    }

    /// How many watches are open. A delete is told to those only; who is not there finds it missing from a list.
    pub fn watches(&self) -> usize {
        self.told.receiver_count()
    }

    /// Deletes an object by name, and tells so.
    pub fn delete(&self, resource: &str, name: &str) {
        let mut held = self.held.lock();
        let list = held.objects.get_mut(resource).unwrap();
        let position = list.iter().position(|object| object["metadata"]["name"] == name).unwrap();
        let mut object = list.remove(position);
        object["metadata"]["resourceVersion"] = json!(held.restored.to_string());
        let _ = self.told.send((resource.to_owned(), json!({"type": "DELETED", "object": object})));
    }
}

/// A kubeconfig for a server without TLS.
pub fn kubeconfig(server: SocketAddr) -> String {
    format!(
        "{{apiVersion: v1, kind: Config, current-context: c, users: [{{name: u, user: {{token: t}}}}],\n\
         clusters: [{{name: k, cluster: {{server: 'http://{server}'}}}}],\n\
         contexts: [{{name: c, context: {{cluster: k, user: u}}}}]}}"
    )
}

fn too_old() -> Value {
    let gone = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410,
        "reason": "Expired", "message": "too old resource version"});
    json!({"type": "ERROR", "object": gone})
}

fn answer(
    request: &Request<Incoming>,
    held: &Mutex<Held>,
    told: &broadcast::Sender<(String, Value)>,
) -> Response<BoxBody<Bytes, std::convert::Infallible>> {
    let path = request.uri().path();
    let resource = path.rsplit('/').next().unwrap_or_default().to_owned();
    let query = request.uri().query().unwrap_or_default();
    let held = held.lock();
    if held.objects.get("noSecrets").is_some_and(|namespaces| is_withheld(path, namespaces)) {
        let forbidden = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403,
            "reason": "Forbidden", "message": "secrets is forbidden"});
        let body = Full::from(forbidden.to_string()).boxed();
        return Response::builder()
            .status(403)
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
    }
    let body = if query.contains("watch=true") {
        let since = parameter(query, "resourceVersion").and_then(|version| version.parse().ok());
        if since.is_some_and(|since: u64| since < held.restored) {
            Full::from(format!("{}\n", too_old())).boxed()
        } else {
            BodyExt::boxed(StreamBody::new(events(resource, told.subscribe())))
        }
    } else {
        let mut items = held.objects.get(&resource).cloned().unwrap_or_default();
        items.retain(|item| selected(item, query));
        let version = held.restored.to_string();
        let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": items});
        Full::from(list.to_string()).boxed()
    };
    Response::builder().header("content-type", "application/json").body(body).unwrap()
}

/// Secrets of the whole cluster, and of these namespaces.
fn is_withheld(path: &str, namespaces: &[Value]) -> bool {
    let of = |namespace: &Value| format!("/api/v1/namespaces/{}/secrets", namespace.as_str().unwrap());
    path == "/api/v1/secrets" || namespaces.iter().any(|namespace| path == of(namespace))
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

/// As much of field selectors as gateways use.
fn selected(item: &Value, query: &str) -> bool {
    let query = query.replace("%3D", "=").replace("%2F", "/");
    let field = |name: &str| {
        let (_, rest) = query.split_once(&format!("fieldSelector={name}="))?;
        rest.split('&').next()
    };
    field("metadata.name").is_none_or(|name| item["metadata"]["name"] == name)
        && field("type").is_none_or(|kind| item["type"] == kind)
}

type Line = Result<Frame<Bytes>, std::convert::Infallible>;

/// A watch: the lines of its resource; an error ends it.
fn events(
    resource: String,
    told: broadcast::Receiver<(String, Value)>,
) -> impl Stream<Item = Line> + Send + Sync {
    futures::stream::unfold(Some((resource, told)), |state| async {
        let (resource, mut told) = state?;
        loop {
            let (of, event) = told.recv().await.ok()?;
            let line = Frame::data(Bytes::from(format!("{event}\n")));
            if of.is_empty() {
                return Some((Ok(line), None));
            }
            if of == resource {
                return Some((Ok(line), Some((resource, told))));
            }
        }
    })
}
