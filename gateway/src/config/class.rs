//! Which Ingresses are this gateway's to serve.

use std::collections::HashSet;
use std::sync::Arc;

use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use spillway_crds::names::{INGRESS_CLASS, INGRESS_CONTROLLER};

/// How an Ingress named its class before there was a field for it.
const OLD_ANNOTATION: &str = "kubernetes.io/ingress.class";
const IS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// The classes that are served.
pub(super) struct Classes {
    names: HashSet<String>,
    /// Whether one of them is the cluster's default: then Ingresses that name none are served, too.
    default: bool,
}

impl Classes {
    /// Those that were `chosen`; or, if none were, `spillway` and each class of which we are the controller.
    pub(super) fn new(objects: &[Arc<IngressClass>], chosen: &[String]) -> Self {
        let mut names: HashSet<String> = chosen.iter().cloned().collect();
        if names.is_empty() {
            names.insert(INGRESS_CLASS.to_owned());
            names.extend(objects.iter().filter(|class| is_ours(class)).filter_map(|class| name(class)));
        }
        let default = objects
            .iter()
            .filter(|class| is_default(class))
            .any(|class| name(class).is_some_and(|name| names.contains(&name)));
        Self { names, default }
    }

    /// Whether an Ingress is of one of them. The field counts before the old annotation.
    pub(super) fn serve(&self, ingress: &Ingress) -> bool {
        let annotations = ingress.metadata.annotations.as_ref();
        let field = ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_ref());
        match field.or_else(|| annotations?.get(OLD_ANNOTATION)) {
            Some(class) => self.names.contains(class),
            None => self.default,
        }
    }
}

fn name(class: &IngressClass) -> Option<String> {
    class.metadata.name.clone()
}

fn is_ours(class: &IngressClass) -> bool {
    class.spec.as_ref().and_then(|spec| spec.controller.as_deref()) == Some(INGRESS_CONTROLLER)
}

fn is_default(class: &IngressClass) -> bool {
    let annotations = class.metadata.annotations.as_ref();
    annotations.and_then(|annotations| annotations.get(IS_DEFAULT)).is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn class(name: &str, controller: &str, default: bool) -> Arc<IngressClass> {
        let class = json!({
            "metadata": {"name": name, "annotations": {IS_DEFAULT: default.to_string()}},
            "spec": {"controller": controller},
        });
        Arc::new(serde_json::from_value(class).unwrap())
    }

    fn ingress(class: &Value, annotation: &Value) -> Ingress {
        let ingress = json!({
            "metadata": {"annotations": {OLD_ANNOTATION: annotation}},
            "spec": {"ingressClassName": class},
        });
        // What is null is not there.
        let mut ingress: Value = ingress;
        if ingress["metadata"]["annotations"][OLD_ANNOTATION].is_null() {
            ingress["metadata"] = json!({});
        }
        serde_json::from_value(ingress).unwrap()
    }

    #[test]
    fn what_is_served_follows_the_classes() {
        let ours = class("edge", INGRESS_CONTROLLER, false);
        let ours_by_default = class("edge", INGRESS_CONTROLLER, true);
        let others = class("nginx", "k8s.io/ingress-nginx", true);
        let chosen = ["nginx".to_owned()];
        for (objects, chosen, ingress, served) in [
            (&[][..], &[][..], ingress(&json!("spillway"), &json!(null)), true),
            (&[], &[], ingress(&json!("edge"), &json!(null)), false),
            (&[], &[], ingress(&json!(null), &json!("spillway")), true),
            (&[], &[], ingress(&json!("nginx"), &json!("spillway")), false),
            (&[], &[], ingress(&json!(null), &json!(null)), false),
            (std::slice::from_ref(&ours), &[], ingress(&json!("edge"), &json!(null)), true),
            (std::slice::from_ref(&ours), &[], ingress(&json!(null), &json!("edge")), true),
            (std::slice::from_ref(&ours), &[], ingress(&json!(null), &json!(null)), false),
            (std::slice::from_ref(&ours_by_default), &[], ingress(&json!(null), &json!(null)), true),
            (std::slice::from_ref(&others), &[], ingress(&json!(null), &json!(null)), false),
            (std::slice::from_ref(&others), &chosen, ingress(&json!("nginx"), &json!(null)), true),
            (std::slice::from_ref(&others), &chosen, ingress(&json!(null), &json!(null)), true),
            (std::slice::from_ref(&ours_by_default), &chosen, ingress(&json!("edge"), &json!(null)), false),
            (&[], &chosen, ingress(&json!("spillway"), &json!(null)), false),
        ] {
            assert_eq!(Classes::new(objects, chosen).serve(&ingress), served, "{objects:?} {ingress:?}");
        }
    }
}
