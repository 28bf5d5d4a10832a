//! The Secret with a member's identity: what is there is kept while it will do, otherwise a new one is issued.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret, jiff::Timestamp};
use kube::api::DynamicObject;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use spillway_crds::names::{annotations::CONTENT, secrets};
use spillway_decide::plan::Owner;

use super::{Authority, Certificate, Facts, IssueError, Verdict, examine};
use crate::copy::Copy;

/// An identity that was issued, until the member's watch shows it.
pub(crate) type Issued = Certificate;

/// The Secret that the member with this identity shall have, after what was issued for it and what is seen there.
pub(crate) fn secret(
    authority: &Authority,
    uri: &str,
    issued: &Mutex<Option<Issued>>,
    owner: &Owner,
    seen: Option<&DynamicObject>,
) -> Result<Copy, IssueError> {
    let will_do = |identity: &Certificate| {
        let facts = Facts::of(identity.certificate.as_bytes());
        examine(facts.as_ref(), uri, &authority.key, Timestamp::now())
    };
    let why = match seen.and_then(untouched) {
        None => "there is none, or it was changed by hand",
        Some(there) => match will_do(&there) {
            Verdict::Renew(why) => why,
            Verdict::Keep => {
                *issued.lock() = None;
                return copy(authority, owner, &there);
            }
        },
    };
    let mut issued = issued.lock();
    if let Some(identity) = issued.as_ref().filter(|identity| will_do(identity) == Verdict::Keep) {
        return copy(authority, owner, identity);
    }
    let identity = authority.issue(uri)?;
    tracing::info!(uri, why, "issued an identity");
    let result = copy(authority, owner, &identity);
    *issued = Some(identity);
    result
}

/// The identity in a Secret that says what was last written there.
fn untouched(seen: &DynamicObject) -> Option<Certificate> {
    let secret: Secret = seen.clone().try_parse().ok()?;
    let field = |key: &str| {
        let ByteString(bytes) = secret.data.as_ref()?.get(key)?;
        String::from_utf8(bytes.clone()).ok()
    };
    let identity = Certificate { certificate: field(secrets::TLS_CRT)?, key: field(secrets::TLS_KEY)? };
    let bundle = field(secrets::CA_CRT)?;
    let mark = secret.metadata.annotations.as_ref()?.get(CONTENT)?;
    let owner = crate::copy::owner(secret.metadata.labels.as_ref()?)?;
    let written = Copy::new(&owner, BTreeMap::new(), BTreeMap::new(), payload(&identity, &bundle).ok()?);
    (written.annotations.get(CONTENT) == Some(mark)).then_some(identity)
}

fn copy(authority: &Authority, owner: &Owner, identity: &Certificate) -> Result<Copy, IssueError> {
    let payload = payload(identity, &authority.bundle)?;
    Ok(Copy::new(owner, BTreeMap::new(), BTreeMap::new(), payload))
}

fn payload(identity: &Certificate, bundle: &str) -> Result<Map<String, Value>, IssueError> {
    let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
    let data: BTreeMap<_, _> = [
        (secrets::TLS_CRT, bytes(&identity.certificate)),
        (secrets::TLS_KEY, bytes(&identity.key)),
        (secrets::CA_CRT, bytes(bundle)),
    ]
    .into();
    match json!({"type": "kubernetes.io/tls", "data": data}) {
        Value::Object(payload) => Ok(payload),
        other => Err(IssueError::Unreadable(format!("no Secret: {other}"))),
    }
}
