//! The one room that writes to clusters.
//!
//! Every write is asked for leadership where it happens, has a deadline and carries the one field manager.
//! Force is used only with the UID of an object that is ours.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::{Value, json};
use spillway_crds::names::FIELD_MANAGER;

use crate::lead::{Lead, NotLeading};

/// Why a write did not happen, or may not have happened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// We do not lead.
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    /// The API server did not answer in time.
    #[error("the API server did not answer within {} s", .0.as_secs())]
    Deadline(Duration),
    /// The API server refused, or could not be reached.
    #[error(transparent)]
    Kube(#[from] kube::Error),
}

impl WriteError {
    /// The HTTP status of a refusal.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Kube(kube::Error::Api(status)) => Some(status.code),
            _ => None,
        }
    }

    /// Whether the object, or the namespace that it shall be in, is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Whether somebody else's fields, UID or version stand against the write.
    pub(crate) fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// Whether the object itself is refused, so that asking again changes nothing. Not so a conflict, which
    /// passes, and a server that has too much to do.
    pub(crate) fn is_refusal(&self) -> bool {
        self.code().is_some_and(|code| (400..500).contains(&code) && code != 409 && code != 429)
    }

    /// One word for status.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NotLeading(_) => "NotLeading",
            Self::Deadline(_) => "DeadlineExceeded",
            Self::Kube(_) => match self.code() {
                Some(401 | 403) => "Forbidden",
                Some(404) => "NotFound",
                Some(409) => "Conflict",
                Some(_) => "Refused",
                None => "Unreachable",
            },
        }
    }
}

/// Writes, while we lead.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    lead: Lead,
    deadline: Duration,
}

impl Writer {
    /// A writer whose every call ends by `deadline`.
    pub(crate) fn new(lead: Lead, deadline: Duration) -> Self {
        Self { lead, deadline }
    }

    /// Applies an object that is not there, or is not known to be ours: conflicts are errors.
    pub(crate) async fn apply(
        &self,
        api: &Api<DynamicObject>,
        object: &Value,
    ) -> Result<DynamicObject, WriteError> {
        let params = PatchParams::apply(FIELD_MANAGER);
        self.timed(api.patch(name(object), &params, &Patch::Apply(object))).await
    }

    /// Applies an object over one of ours. The object must carry that one's UID, or be known to be ours by
    /// other means.
    pub(crate) async fn apply_over(
        &self,
        api: &Api<DynamicObject>,
        object: &Value,
    ) -> Result<DynamicObject, WriteError> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        self.timed(api.patch(name(object), &params, &Patch::Apply(object))).await
    }

    /// Merges a few fields into an object that is ours.
    pub(crate) async fn merge(
        &self,
        api: &Api<DynamicObject>,
        name: &str,
        patch: &Value,
    ) -> Result<DynamicObject, WriteError> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        self.timed(api.patch(name, &params, &Patch::Merge(patch))).await
    }

    /// Creates an object; an error if one is there.
    pub(crate) async fn create(
        &self,
        api: &Api<DynamicObject>,
        object: Value,
    ) -> Result<DynamicObject, WriteError> {
        let object = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
        let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        self.timed(api.create(&params, &object)).await
    }

    /// Deletes this very object, and no other of its name. One that is gone is gone.
    pub(crate) async fn delete(
        &self,
        api: &Api<DynamicObject>,
        name: &str,
        uid: &str,
    ) -> Result<(), WriteError> {
        let preconditions = Preconditions { uid: Some(uid.into()), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match self.timed(api.delete(name, &params)).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes a status as a whole.
    pub(crate) async fn status(
        &self,
        client: &Client,
        resource: &ApiResource,
        namespace: Option<&str>,
        name: &str,
        status: &impl serde::Serialize,
    ) -> Result<(), WriteError> {
        let api = dynamic(client, resource, namespace);
        let object = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name},
            "status": status,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        self.timed(api.patch_status(name, &params, &Patch::Apply(&object))).await.map(drop)
    }

    /// Writes the status of one of ours, and of no other object of its name.
    pub(crate) async fn status_over(
        &self,
        api: &Api<DynamicObject>,
        name: &str,
        uid: &str,
        resource: &ApiResource,
        status: &Value,
    ) -> Result<(), WriteError> {
        let object = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "uid": uid},
            "status": status,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        self.timed(api.patch_status(name, &params, &Patch::Apply(&object))).await.map(drop)
    }

    /// Makes sure that a namespace is there. It is nobody's: it is never deleted.
    pub(crate) async fn namespace(&self, client: &Client, name: &str) -> Result<(), WriteError> {
        let resource = ApiResource::erase::<Namespace>(&());
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        match self.create(&dynamic(client, &resource, None), object).await {
            Err(error) if !error.is_conflict() => Err(error),
            _ => Ok(()),
        }
    }

    /// Runs a call under the same rules: while we lead, and no longer than we do.
    pub(crate) async fn timed<T>(
        &self,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, WriteError> {
        self.lead.check()?;
        if let Ok(result) = tokio::time::timeout(self.deadline.min(self.lead.left()), call).await {
            return Ok(result?);
        }
        self.lead.check()?;
        Err(WriteError::Deadline(self.deadline))
    }
}

/// A view of a kind, with a namespace or without.
pub(crate) fn dynamic(
    client: &Client,
    resource: &ApiResource,
    namespace: Option<&str>,
) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, timeout};

    use super::{WriteError, Writer};
    use crate::lead::Lead;

    #[tokio::test]
    async fn a_call_ends_with_the_lease() {
        let lead = Lead::default();
        lead.hold_until(Instant::now() + Duration::from_millis(50));
        let writer = Writer::new(lead, Duration::from_mins(1));
        let call = writer.timed(std::future::pending::<Result<(), _>>());
        let ended = timeout(Duration::from_secs(10), call).await.expect("ends with the lease");
        assert!(matches!(ended, Err(WriteError::NotLeading(_))), "{ended:?}");
    }
}
