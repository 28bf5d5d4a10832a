//! Step two: which members shall get it, or why that cannot be told.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;

use super::dereference::Dereferenced;

/// Why nothing is propagated for now. What is out there stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// A reference does not resolve (yet).
    Unresolved {
        /// One word.
        reason: &'static str,
        /// The story.
        message: String,
    },
    /// The object contradicts itself or what it refers to.
    Refused {
        /// One word.
        reason: &'static str,
        /// The story.
        message: String,
    },
}

/// Names of the members that shall get it.
pub(crate) fn targets(refs: &Dereferenced) -> Result<BTreeSet<String>, Invalid> {
    let spec = &refs.federated.spec;
    let Some(priority) = &refs.priority else {
        let message = format!("spec.regionPriority: there is no RegionPriority {:?}", spec.region_priority);
        return Err(Invalid::Unresolved { reason: "RegionPriorityNotFound", message });
    };
    let regions: BTreeSet<_> = priority.spec.regions.iter().map(|region| region.name.as_str()).collect();
    let region_of: BTreeMap<_, _> =
        refs.clusters.iter().map(|cluster| (cluster.name_any(), cluster.spec.region.as_str())).collect();
    let Some(members) = &spec.members else {
        let in_regions = region_of.into_iter().filter(|(_, region)| regions.contains(region));
        let targets: BTreeSet<_> = in_regions.map(|(name, _)| name).collect();
        if targets.is_empty() {
            let message =
                format!("no MemberCluster is in a region of RegionPriority {:?}", priority.name_any());
            return Err(Invalid::Unresolved { reason: "NoMembers", message });
        }
        return Ok(targets);
    };
    for member in members {
        match region_of.get(member) {
            None => {
                let message = format!("spec.members: there is no MemberCluster {member:?}");
                return Err(Invalid::Unresolved { reason: "MemberNotFound", message });
            }
            Some(region) if !regions.contains(region) => {
                let message = format!(
                    "spec.members: {member:?} is in region {region:?}, which RegionPriority {:?} does not list; \
                     allowed are members of its regions",
                    priority.name_any()
                );
                return Err(Invalid::Refused { reason: "MemberOutsidePriority", message });
            }
            Some(_) => {}
        }
    }
    Ok(members.iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::{Dereferenced, Invalid, targets};

    fn refs(members: Value, priority: bool) -> Dereferenced {
        let mut spec = json!({"template": {"spec": {}}, "regionPriority": "p"});
        if !members.is_null() {
            spec["members"] = members;
        }
        let cluster = |name: &str, region: &str| {
            Arc::new(
                serde_json::from_value(json!({"metadata": {"name": name}, "spec": {
                    "region": region, "connection": {"inPlace": {}}, "frontDoor": {"addresses": ["127.0.0.1"]}}}))
                .unwrap(),
            )
        };
        let priority = priority.then(|| {
            let regions =
                json!({"metadata": {"name": "p"}, "spec": {"regions": [{"name": "r1"}, {"name": "r2"}]}});
            Arc::new(serde_json::from_value(regions).unwrap())
        });
        Dereferenced {
            federated: Arc::new(
                serde_json::from_value(json!({"metadata": {"name": "x"}, "spec": spec})).unwrap(),
            ),
            priority,
            clusters: vec![cluster("m1", "r1"), cluster("m2", "r2"), cluster("m3", "r3")],
        }
    }

    #[test]
    fn table() {
        let names = |result: Result<_, Invalid>| match result {
            Ok(targets) => std::collections::BTreeSet::into_iter(targets).collect::<Vec<String>>().join(","),
            Err(Invalid::Unresolved { reason, .. } | Invalid::Refused { reason, .. }) => reason.to_owned(),
        };
        for (members, priority, expected) in [
            (Value::Null, true, "m1,m2"),
            (json!(["m2"]), true, "m2"),
            (json!(["m3"]), true, "MemberOutsidePriority"),
            (json!(["m4"]), true, "MemberNotFound"),
            (Value::Null, false, "RegionPriorityNotFound"),
        ] {
            assert_eq!(names(targets(&refs(members.clone(), priority))), expected, "{members}");
        }
    }
}
