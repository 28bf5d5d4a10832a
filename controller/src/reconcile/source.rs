//! A plain Ingress with the annotation: keeps what it generates as it should be, tells people what is wrong
//! with it, and never changes it.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::networking::v1::Ingress;
use kube::{ResourceExt, api::ApiResource};
use parking_lot::Mutex;
use serde_json::{Value, json};
use spillway_crds::{FederatedIngress, RegionPriority, names::FINALIZER};

use crate::{
    apply::{WriteError, dynamic},
    federation::Federation,
    hub::{Generated, Name, generate, is_generated, is_marked, serving_class},
    queue::Outcome,
};

/// What was told about a source, so that it is told once.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<BTreeMap<(Name, &'static str), String>>);

impl Told {
    fn is_news(&self, name: &Name, about: &'static str, text: &str) -> bool {
        self.0.lock().insert((name.clone(), about), text.to_owned()).as_deref() != Some(text)
    }

    fn forget(&self, name: &Name, about: &'static str) {
        self.0.lock().remove(&(name.clone(), about));
    }
}

/// One round for the source `name`.
pub(crate) async fn source(f: &Federation, told: &Told, name: &Name) -> Outcome {
    if !f.hub.synced() {
        return Outcome::Again(std::time::Duration::from_millis(100));
    }
    let source = f.hub.ingresses.get(name).filter(|source| source.metadata.deletion_timestamp.is_none());
    let generated = source.as_deref().and_then(|source| Some((source, generate(source)?)));
    let done = match generated {
        None => unfederate(f, told, name).await,
        Some((source, Ok(generated))) => {
            tell_serving_class(f, told, name, source).await;
            federate(f, told, name, source, &generated).await
        }
        Some((source, Err(error))) => {
            let text = error.to_string();
            if told.is_news(name, "refused", &text) {
                tracing::info!(source = %name, reason = text, "refused to federate");
                f.events.warn(source, "InvalidAnnotation", "Federate", &text).await;
            }
            Ok(())
        }
    };
    match done {
        Ok(()) => Outcome::Done,
        Err(error) => {
            tracing::warn!(source = %name, %error, "could not federate");
            Outcome::Failed
        }
    }
}

async fn federate(
    f: &Federation,
    told: &Told,
    name: &Name,
    source: &Ingress,
    generated: &Generated,
) -> Result<(), WriteError> {
    told.forget(name, "refused");
    let there = f.hub.federated.get(name);
    if let Some(there) = there.as_deref() {
        if !is_generated(&f.hub_uid, there) {
            let text = "a FederatedIngress of this name exists that was written by people; it goes on as it \
                        is, and the annotation does nothing";
            if told.is_news(name, "shadowed", text) {
                f.events.warn(source, "AlreadyFederated", "Federate", text).await;
            }
            return Ok(());
        }
        if there.metadata.deletion_timestamp.is_some() {
            return Ok(()); // its end brings us back here
        }
    }
    ensure_priority(f, generated).await?;
    if there.as_deref().is_some_and(|there| says(there, &generated.federated)) {
        return Ok(());
    }
    let resource = ApiResource::erase::<FederatedIngress>(&());
    let api = dynamic(&f.client, &resource, Some(&name.namespace));
    match there {
        Some(_) => f.writer.apply_over(&api, &generated.federated).await?,
        None => f.writer.apply(&api, &generated.federated).await?,
    };
    tracing::info!(source = %name, priority = generated.priority_name, new = there.is_none(), "federated");
    if there.is_none() {
        let note = format!("federated by RegionPriority {}", generated.priority_name);
        f.events.normal(source, "Federated", "Federate", &note).await;
    }
    Ok(())
}

/// A priority of this name that people wrote is used as it is; one of ours lists what it must.
async fn ensure_priority(f: &Federation, generated: &Generated) -> Result<(), WriteError> {
    let name = Name::cluster(&generated.priority_name);
    let there = f.hub.priorities.get(&name);
    let api = dynamic(&f.client, &ApiResource::erase::<RegionPriority>(&()), None);
    match there.as_deref() {
        None => f.writer.apply(&api, &generated.priority).await.map(drop),
        Some(there) if is_marked(&f.hub_uid, there) && !lists(there, &generated.priority) => {
            f.writer.apply_over(&api, &generated.priority).await.map(drop)
        }
        Some(_) => Ok(()),
    }
}

/// Deletes what was generated for a source that is gone, or no longer carries the annotation.
async fn unfederate(f: &Federation, told: &Told, name: &Name) -> Result<(), WriteError> {
    told.forget(name, "refused");
    told.forget(name, "shadowed");
    told.forget(name, "class");
    let Some(there) = f.hub.federated.get(name) else { return Ok(()) };
    if !is_generated(&f.hub_uid, &there) || there.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let api = dynamic(&f.client, &ApiResource::erase::<FederatedIngress>(&()), Some(&name.namespace));
    f.writer.delete(&api, &name.name, &there.uid().unwrap_or_default()).await?;
    tracing::info!(source = %name, "no longer federated: its source is gone or has lost the annotation");
    Ok(())
}

async fn tell_serving_class(f: &Federation, told: &Told, name: &Name, source: &Ingress) {
    let classes: Vec<Arc<_>> = f.hub.classes.values();
    let Some(class) = serving_class(source, classes.iter().map(|class| &**class)) else {
        told.forget(name, "class");
        return;
    };
    let text = format!(
        "the hub's IngressClass {class:?} may serve this Ingress on the hub as well, beside its copies on \
         members; give it a class that nobody serves if that is not wanted"
    );
    if told.is_news(name, "class", &text) {
        f.events.warn(source, "ServedOnHubToo", "Federate", &text).await;
    }
}

/// Whether the object says already what would be applied.
fn says(there: &FederatedIngress, wanted: &Value) -> bool {
    let Ok(wanted) = serde_json::from_value::<FederatedIngress>(wanted.clone()) else { return false };
    there.spec == wanted.spec
        && there.metadata.owner_references == wanted.metadata.owner_references
        && there.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

fn lists(there: &RegionPriority, wanted: &Value) -> bool {
    let there: Vec<_> = there.spec.regions.iter().map(|region| json!(region.name)).collect();
    let wanted = wanted["spec"]["regions"].as_array().cloned().unwrap_or_default();
    wanted.iter().map(|region| region["name"].clone()).collect::<Vec<_>>() == there
}
