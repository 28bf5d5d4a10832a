//! A generated priority that nobody uses any more is deleted.

use kube::{ResourceExt, api::ApiResource};
use spillway_crds::RegionPriority;

use crate::{
    apply::dynamic,
    federation::Federation,
    hub::{Name, generate, is_generated_priority},
    queue::Outcome,
};

/// One round for the priority `name`.
pub(crate) async fn priority(f: &Federation, name: &Name) -> Outcome {
    if !f.hub.synced() {
        return Outcome::Again(std::time::Duration::from_millis(100));
    }
    let there = f.hub.priorities.get(name);
    let Some(priority) = there.filter(|priority| is_generated_priority(&f.hub_uid, priority)) else {
        return Outcome::Done;
    };
    if priority.metadata.deletion_timestamp.is_some() || is_used(f, &name.name) {
        return Outcome::Done;
    }
    let api = dynamic(&f.client, &ApiResource::erase::<RegionPriority>(&()), None);
    match f.writer.delete(&api, &name.name, &priority.uid().unwrap_or_default()).await {
        Ok(()) => {
            tracing::info!(priority = %name, "deleted a generated priority that nobody uses");
            Outcome::Done
        }
        Err(error) => {
            tracing::warn!(priority = %name, %error, "could not delete an unused priority");
            Outcome::Failed
        }
    }
}

/// Whether a federated ingress names it, or a source is about to.
fn is_used(f: &Federation, priority: &str) -> bool {
    let about_to = || {
        let sources = f.hub.ingresses.values();
        sources.iter().any(|source| {
            generate(source).and_then(Result::ok).is_some_and(|generated| generated.priority_name == priority)
        })
    };
    !f.hub.users_of(priority).is_empty() || about_to()
}
