//! Events on the hub's objects, for people who ask `kubectl describe`.

use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use crate::apply::Writer;

/// Longest note that the API server takes.
const NOTE_BYTES: usize = 1024;

/// Publishes events. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Events {
    client: Client,
    reporter: Reporter,
    writer: Writer,
}

impl Events {
    /// Events of this controller, on the hub.
    pub(crate) fn new(client: Client, identity: &str, writer: Writer) -> Self {
        let reporter = Reporter { controller: "spillway-controller".into(), instance: Some(identity.into()) };
        Self { client, reporter, writer }
    }

    /// All is well: something was done.
    pub(crate) async fn normal<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        reason: &str,
        action: &str,
        note: &str,
    ) {
        self.publish(about, EventType::Normal, reason, action, note).await;
    }

    /// Somebody should look.
    pub(crate) async fn warn<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        reason: &str,
        action: &str,
        note: &str,
    ) {
        self.publish(about, EventType::Warning, reason, action, note).await;
    }

    /// An event that cannot be written is logged: it must not hold anything up.
    async fn publish<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        type_: EventType,
        reason: &str,
        action: &str,
        note: &str,
    ) {
        let mut note = note.to_owned();
        while note.len() > NOTE_BYTES {
            note.pop();
        }
        let event = Event {
            type_,
            reason: reason.into(),
            note: Some(note.clone()),
            action: action.into(),
            secondary: None,
        };
        let reference = about.object_ref(&());
        // A recorder that lives on folds events of one reason into a series and drops the later notes; ours tell
        // of changes, each with its own note.
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        if let Err(error) = self.writer.timed(recorder.publish(&event, &reference)).await {
            tracing::warn!(%error, reason, note, "could not write an event");
        }
    }
}
