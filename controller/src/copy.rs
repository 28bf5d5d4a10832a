//! A copy: the object that a member gets, and the fingerprint of what it says.
//!
//! Only what we write is compared: our labels and annotations, and everything beside the metadata. Fields that
//! an API server fills in, and labels that people add, are none of our business; a changed, removed or added
//! field of the spec is. The fingerprint is also written on the copy itself, so that a label that we no longer
//! want is noticed although nobody can see who put it there.

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use spillway_crds::names::{annotations::CONTENT, labels};
use spillway_decide::plan::{Owner, Seen};
use spillway_placement::Fingerprint;

type Strings = BTreeMap<String, String>;

/// An object for a member, ready to be applied.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Copy {
    /// Its labels, the owner's included.
    pub(crate) labels: Strings,
    /// Its annotations, [`CONTENT`] included.
    pub(crate) annotations: Strings,
    /// Everything beside kind and metadata: `spec`, or `data` and `type`.
    pub(crate) payload: Map<String, Value>,
    /// What it says.
    pub(crate) fingerprint: Fingerprint,
}

impl Copy {
    /// A copy with the labels of its owner.
    pub(crate) fn new(
        owner: &Owner,
        mut labels: Strings,
        mut annotations: Strings,
        payload: Map<String, Value>,
    ) -> Self {
        labels.insert(labels::MANAGED_BY.into(), labels::MANAGED_BY_SPILLWAY.into());
        labels.insert(labels::HUB_UID.into(), owner.hub.clone());
        labels.insert(labels::SOURCE_UID.into(), owner.source.clone());
        let content = fingerprint(&labels, &annotations, &payload);
        annotations.insert(CONTENT.into(), content.to_string());
        let fingerprint = fingerprint(&labels, &annotations, &payload);
        Self { labels, annotations, payload, fingerprint }
    }

    /// The object to apply. With the UID of the object that it is meant for, it hits that one or fails.
    pub(crate) fn object(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
        uid: Option<&str>,
    ) -> Value {
        let mut metadata = json!({"name": name, "labels": self.labels, "annotations": self.annotations});
        if !namespace.is_empty() {
            metadata["namespace"] = namespace.into();
        }
        if let Some(uid) = uid {
            metadata["uid"] = uid.into();
        }
        let mut object = self.payload.clone();
        object.insert("apiVersion".into(), api_version.into());
        object.insert("kind".into(), kind.into());
        object.insert("metadata".into(), metadata);
        Value::Object(object)
    }
}

/// What is seen of an object that should be `copy`: its fingerprint covers what we would have written.
pub(crate) fn seen(object: &DynamicObject, copy: Option<&Copy>) -> Seen {
    let none = Strings::new();
    let labels = object.metadata.labels.as_ref().unwrap_or(&none);
    let annotations = object.metadata.annotations.as_ref().unwrap_or(&none);
    let (labels_seen, annotations_seen) = match copy {
        Some(copy) => (within(labels, &copy.labels), within(annotations, &copy.annotations)),
        None => (labels.clone(), annotations.clone()),
    };
    Seen {
        owner: owner(labels),
        uid: object.metadata.uid.clone().unwrap_or_default(),
        fingerprint: fingerprint(&labels_seen, &annotations_seen, &payload(object)).bits(),
    }
}

/// The owner that labels name. The managed-by label may have been lost: the hub's UID is what counts.
pub(crate) fn owner(labels: &Strings) -> Option<Owner> {
    let hub = labels.get(labels::HUB_UID)?.clone();
    Some(Owner { hub, source: labels.get(labels::SOURCE_UID).cloned().unwrap_or_default() })
}

/// A merge patch that removes what somebody added to the spec; None if there is nothing. Server-side apply
/// removes only what was once ours.
pub(crate) fn strays(object: &DynamicObject, copy: &Copy) -> Option<Value> {
    let patch = removals(&Value::Object(payload(object)), &Value::Object(copy.payload.clone()))?;
    Some(patch)
}

fn removals(seen: &Value, wanted: &Value) -> Option<Value> {
    let (Value::Object(seen), Value::Object(wanted)) = (seen, wanted) else { return None };
    let mut patch = Map::new();
    for (field, value) in seen {
        match wanted.get(field) {
            None if !is_nothing(value) => patch.insert(field.clone(), Value::Null),
            Some(wanted) => removals(value, wanted).and_then(|inner| patch.insert(field.clone(), inner)),
            None => None,
        };
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn payload(object: &DynamicObject) -> Map<String, Value> {
    let mut payload = object.data.as_object().cloned().unwrap_or_default();
    payload.remove("status");
    payload
}

fn within(seen: &Strings, wanted: &Strings) -> Strings {
    seen.iter().filter(|(key, _)| wanted.contains_key(*key)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn fingerprint(labels: &Strings, annotations: &Strings, payload: &Map<String, Value>) -> Fingerprint {
    let mut hash = Sha256::new();
    for strings in [labels, annotations] {
        for text in strings.iter().flat_map(|(key, value)| [key, value]) {
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        }
        hash.update([0xff]);
    }
    hash.update(normal(&Value::Object(payload.clone())).to_string());
    let digest: [u8; 32] = hash.finalize().into();
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest[..16]);
    Fingerprint::new(u128::from_be_bytes(bits))
}

/// The value without what means nothing, in the order of its keys.
fn normal(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key, normal(value)));
            let sorted: BTreeMap<_, _> = fields.filter(|(_, value)| !is_nothing(value)).collect();
            sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(normal).collect(),
        other => other.clone(),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use kube::api::DynamicObject;
    use serde_json::{Value, json};
    use spillway_decide::plan::Owner;

    use super::{Copy, seen, strays};

    fn copy() -> Copy {
        let owner = Owner { hub: "h".into(), source: "s".into() };
        let spec = json!({"spec": {"rules": [{"host": "a"}], "tls": []}});
        let payload = spec.as_object().expect("an object").clone();
        Copy::new(&owner, [("team".into(), "x".into())].into(), [("a".into(), "1".into())].into(), payload)
    }

    fn shown(change: impl Fn(&mut Value)) -> DynamicObject {
        let mut object = copy().object("v1", "Ingress", "ns", "web", Some("u"));
        object["status"] = json!({"loadBalancer": {}});
        object["metadata"]["resourceVersion"] = "7".into();
        object["spec"].as_object_mut().expect("an object").remove("tls");
        change(&mut object);
        serde_json::from_value(object).expect("an object")
    }

    #[test]
    fn notices_what_is_ours_and_nothing_else() {
        let copy = copy();
        let same = |object: &DynamicObject| seen(object, Some(&copy)).fingerprint == copy.fingerprint.bits();
        assert!(same(&shown(|_| {})));
        assert!(same(&shown(|o| o["metadata"]["labels"]["mine"] = "too".into())));
        assert!(same(&shown(|o| o["status"] = json!({"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}))));
        let edits: [fn(&mut Value); 5] = [
            |o| o["spec"]["rules"][0]["host"] = "b".into(),
            |o| o["spec"]["defaultBackend"] = json!({"resource": {"name": "x"}}),
            |o| o["metadata"]["labels"]["team"] = "y".into(),
            |o| o["metadata"]["annotations"]["a"] = Value::Null,
            |o| o["metadata"]["annotations"][super::CONTENT] = "older".into(),
        ];
        for (index, edit) in edits.into_iter().enumerate() {
            let object = shown(|o| {
                edit(o);
                o["metadata"]["annotations"].as_object_mut().expect("an object").retain(|_, v| !v.is_null());
            });
            assert!(!same(&object), "edit {index}");
        }
    }

    #[test]
    fn removes_what_was_added() {
        let added = shown(|o| o["spec"]["defaultBackend"] = json!({"service": {"name": "x"}}));
        assert_eq!(strays(&added, &copy()), Some(json!({"spec": {"defaultBackend": null}})));
        assert_eq!(strays(&shown(|_| {}), &copy()), None);
    }
}
