//! Whether the API server knows our kinds, and by the schemas of this version.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use spillway_crds::definitions;

use super::facts::Server;
use super::finding::{Finding, Then};
use super::versions::OURS;

/// After the installation they must be there and be ours; before it, they may be missing or older.
pub(super) fn judge(server: &Server, installed: bool) -> Vec<Finding> {
    let there = match &server.definitions {
        Ok(there) => there,
        Err(_) if server.version.is_err() => return Vec::new(),
        Err(error) => return vec![Finding::skipped("the definitions are there", error)],
    };
    definitions().iter().filter_map(|ours| kind(ours, there, installed)).collect()
}

fn kind(
    ours: &CustomResourceDefinition,
    there: &[CustomResourceDefinition],
    installed: bool,
) -> Option<Finding> {
    let name = ours.metadata.name.clone().unwrap_or_default();
    let check = format!("the definition {name} is of version {OURS}");
    let upgrade = Then("`helm upgrade` the hub's release with the chart of this version", "definitions");
    let install = Then("install the chart on the hub", "definitions");
    let Some(found) = there.iter().find(|there| there.metadata.name == ours.metadata.name) else {
        return installed.then(|| Finding::failed(check, "it is missing", install));
    };
    if !installed {
        let check = format!("the definition {name}, if there is one, is ours to upgrade");
        let stranger = found.spec.group != ours.spec.group || found.spec.names.kind != ours.spec.names.kind;
        let then = Then("find out whose it is before you install", "definitions");
        return Some(if stranger {
            Finding::failed(check, "it is not ours", then)
        } else {
            Finding::ok(check)
        });
    }
    Some(if !is_established(found) {
        let waiting = Then("read the conditions: kubectl describe crd", "definitions");
        Finding::failed(check, "the API server has not established it", waiting)
    } else if schemas(found) != schemas(ours) {
        Finding::failed(check, "its schema is of another version", upgrade)
    } else {
        Finding::ok(check)
    })
}

fn is_established(definition: &CustomResourceDefinition) -> bool {
    let conditions = definition.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|it| it.type_ == "Established" && it.status == "True")
}

/// What of a definition says which objects are good; the rest the API server completes.
fn schemas(definition: &CustomResourceDefinition) -> Vec<(&str, serde_json::Value)> {
    let versions = definition.spec.versions.iter();
    let schema = |schema| serde_json::to_value(schema).unwrap_or_default();
    versions.map(|version| (version.name.as_str(), schema(&version.schema))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    fn established(change: impl Fn(&mut CustomResourceDefinition)) -> Server {
        let mut there = serde_json::to_value(definitions()).unwrap();
        for definition in there.as_array_mut().unwrap() {
            definition["status"] = serde_json::json!({"acceptedNames": {"kind": "", "plural": ""}, "storedVersions": [],
                "conditions": [{"type": "Established", "status": "True"}]});
        }
        let mut there: Vec<CustomResourceDefinition> = serde_json::from_value(there).unwrap();
        change(&mut there[0]);
        Server { version: Ok("v1.34.0".into()), definitions: Ok(there) }
    }

    #[test]
    fn definitions_are_there_and_ours() {
        let none = Server { version: Ok("v1.34.0".into()), definitions: Ok(Vec::new()) };
        assert!(judge(&none, false).is_empty(), "before the installation none is needed");
        let missing = judge(&none, true);
        assert!(missing.len() == 4 && missing.iter().all(|it| it.outcome == Outcome::Failed), "{missing:?}");
        let well = judge(&established(|_| ()), true);
        assert!(well.iter().all(|it| it.outcome == Outcome::Ok), "{well:?}");
        let older = judge(&established(|it| it.spec.versions[0].schema = None), true);
        assert_eq!(older[0].found.as_deref(), Some("its schema is of another version"));
        let waits = judge(&established(|it| it.status = None), true);
        assert_eq!(waits[0].outcome, Outcome::Failed);
        let stranger = judge(&established(|it| it.spec.names.kind = "Other".into()), false);
        assert_eq!(stranger[0].found.as_deref(), Some("it is not ours"));
    }
}
