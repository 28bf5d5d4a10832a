//! A plain Ingress with the annotation: keeps what it generates as it should be, tells people what is wrong
//! with it, and never changes it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::api::networking::v1::Ingress;
use kube::{ResourceExt, api::ApiResource};
use parking_lot::Mutex;
use serde_json::{Value, json};
use spillway_crds::{FederatedIngress, RegionPriority, names::FINALIZER};
use spillway_decide::plan::{Guard, Sweep};

use crate::{
    apply::{WriteError, dynamic},
    federation::Federation,
    hub::{Generated, Name, federates, generate, is_generated, is_marked, serving_class},
    queue::Outcome,
};

/// How often a held delete is looked at again: its source may have come back.
const HELD_ROUND: Duration = Duration::from_secs(10);

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
        return Outcome::Again(Duration::from_millis(100));
    }
    let source = f.hub.ingresses.get(name).filter(|source| source.metadata.deletion_timestamp.is_none());
    let generated = source.as_deref().and_then(|source| Some((source, generate(source)?)));
    let done = match generated {
        None => {
            if let Some((there, why)) = held(f, name) {
                if told.is_news(name, "held", "") {
                    tracing::warn!(source = %name, reason = why, "its FederatedIngress is kept");
                    f.events.warn(&*there, "DeleteHeld", "Unfederate", &why).await;
                }
                return Outcome::Again(HELD_ROUND);
            }
            unfederate(f, told, name).await
        }
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
        Ok(()) => {
            told.forget(name, "rejected");
            Outcome::Done
        }
        Err(error) => {
            tracing::warn!(source = %name, %error, "could not federate");
            if let Some(source) = source.as_deref().filter(|_| error.is_refusal()) {
                let text = error.to_string();
                if told.is_news(name, "rejected", &text) {
                    f.events.warn(source, "Refused", "Federate", &text).await;
                }
            }
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
    told.forget(name, "held");
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

/// The federated ingress whose source is missing though nobody was seen to delete it or to take its annotation off,
/// and why it is kept, if it is: a few are believed, many at once look like a hub that has lost them.
fn held(f: &Federation, name: &Name) -> Option<(Arc<FederatedIngress>, String)> {
    let there = f.hub.federated.get(name)?;
    if f.hub.bereft.word_is_given(name) {
        return None;
    }
    let is_alive = |there: &Arc<FederatedIngress>| there.metadata.deletion_timestamp.is_none();
    let generated = |there: &Arc<FederatedIngress>| is_alive(there) && is_generated(&f.hub_uid, there);
    let has_source = |name: &Name| f.hub.ingresses.get(name).is_some_and(|source| federates(&source));
    let all: Vec<_> = f.hub.federated.values().into_iter().filter(generated).collect();
    let names = all.iter().map(|there| Name::of(&**there));
    let bereft = names.filter(|name| !has_source(name) && !f.hub.bereft.word_is_given(name)).collect();
    let recent = f.hub.bereft.recent.count();
    match (Guard { total: all.len() + recent, recent, allowed: 0 }).sweep(bereft) {
        Sweep::Hold { held, message } if held.contains(name) => Some((
            there,
            format!(
                "its source is missing or has lost the annotation, and many are: {message}. If that is right, \
                 delete this FederatedIngress; otherwise bring its source back"
            ),
        )),
        _ => None,
    }
}

/// Deletes what was generated for a source that is gone, or no longer carries the annotation.
async fn unfederate(f: &Federation, told: &Told, name: &Name) -> Result<(), WriteError> {
    told.forget(name, "refused");
    told.forget(name, "shadowed");
    told.forget(name, "class");
    told.forget(name, "held");
    let Some(there) = f.hub.federated.get(name) else {
        f.hub.bereft.forget(name);
        return Ok(());
    };
    if !is_generated(&f.hub_uid, &there) || there.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let api = dynamic(&f.client, &ApiResource::erase::<FederatedIngress>(&()), Some(&name.namespace));
    f.writer.delete(&api, &name.name, &there.uid().unwrap_or_default()).await?;
    f.hub.bereft.ended(name);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::{Told, source};
    use crate::{
        federation::Federation,
        fixture::{Asked, client, done, federation, listed},
        hub::{Name, generate},
        queue::Outcome,
    };

    fn ingress(name: &str) -> Value {
        json!({"metadata": {"name": name, "namespace": "ns", "uid": name,
                            "annotations": {"kube-federation.io/region-priority": "shenzhen,chengdu"}}})
    }

    fn name(name: &str) -> Name {
        Name { namespace: "ns".into(), name: name.into() }
    }

    /// So many generated federated ingresses without their sources.
    fn bereft(count: usize) -> (Arc<Federation>, Asked) {
        let (client, asked) = client(done);
        let f = federation(&client);
        let generated = (0..count).map(|number| {
            let source = serde_json::from_value(ingress(&format!("w{number}"))).unwrap();
            let mut object = generate(&source).unwrap().unwrap().federated;
            object["metadata"]["uid"] = format!("f{number}").into();
            object
        });
        listed(&f.hub.federated, generated);
        (f, asked)
    }

    fn deletes(asked: &Asked) -> usize {
        asked.lock().iter().filter(|(method, ..)| method == "DELETE").count()
    }

    fn events(asked: &Asked) -> Vec<String> {
        let asked = asked.lock();
        let events = asked.iter().filter(|(method, path, _)| method == "POST" && path.ends_with("/events"));
        events.map(|(.., event)| event["reason"].as_str().unwrap_or_default().to_owned()).collect()
    }

    #[tokio::test]
    async fn a_few_missing_sources_are_believed_and_many_are_not() {
        for (count, deleted, outcome) in [(10, 10, "Done"), (11, 0, "Again")] {
            let ((f, asked), told) = (bereft(count), Told::default());
            for number in 0..count {
                let became = source(&f, &told, &name(&format!("w{number}"))).await;
                assert!(format!("{became:?}").starts_with(outcome), "{number} of {count}: {became:?}");
            }
            assert_eq!(deletes(&asked), deleted, "{count}: {asked:?}");
            assert_eq!(events(&asked), vec!["DeleteHeld"; count - deleted]);
        }
    }

    #[tokio::test]
    async fn a_delete_that_was_watched_is_done() {
        let ((f, asked), told) = (bereft(30), Told::default());
        for number in 0..30 {
            let name = name(&format!("w{number}"));
            f.hub.bereft.see(&name, true, false);
            f.hub.bereft.see(&name, false, true);
            assert_eq!(source(&f, &told, &name).await, Outcome::Done);
        }
        assert_eq!(deletes(&asked), 30);
    }

    #[tokio::test]
    async fn people_hear_once_what_the_api_server_refuses() {
        let refusal = json!({"kind": "Status", "status": "Failure", "reason": "Invalid", "code": 422,
                             "message": "spec.template: not like this"});
        let (client, asked) = client(move |method, path| {
            if path.contains("federatedingresses") { (422, refusal.clone()) } else { done(method, path) }
        });
        let (f, told) = (federation(&client), Told::default());
        listed(&f.hub.ingresses, [ingress("web")]);
        for _ in 0..2 {
            assert_eq!(source(&f, &told, &name("web")).await, Outcome::Failed);
        }
        assert_eq!(events(&asked), ["Refused"], "{asked:?}");
    }
}
