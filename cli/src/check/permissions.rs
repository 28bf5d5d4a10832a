//! Who may do what: questions made of the chart's own rules, and what the answers mean.

use spillway_crds::permissions::{Part, Rule};

use super::facts::{Answered, Question, Seen};
use super::finding::{Finding, Then};

/// What Helm does in Spillway's namespace, by group and kind, beside granting what the parts may do.
const IN_NAMESPACE: [(&str, &str); 11] = [
    ("", "serviceaccounts"),
    ("", "services"),
    ("", "configmaps"),
    ("", "secrets"),
    ("apps", "deployments"),
    ("apps", "daemonsets"),
    ("networking.k8s.io", "networkpolicies"),
    ("policy", "poddisruptionbudgets"),
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("coordination.k8s.io", "leases"),
];
/// And outside of any.
const IN_CLUSTER: [(&str, &str); 7] = [
    ("", "namespaces"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("networking.k8s.io", "ingressclasses"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
];

/// What a part needs, as the chart grants it.
pub(super) fn of_part(part: Part, namespace: &str) -> Result<Vec<Question>, String> {
    let permissions = part.permissions().map_err(|error| error.to_string())?;
    let cluster = permissions.cluster.iter().flat_map(|rule| expanded(rule, None));
    Ok(cluster.chain(permissions.namespace.iter().flat_map(|rule| expanded(rule, Some(namespace)))).collect())
}

/// What a person needs who installs the chart. Nobody may grant what he has not, unless he may `escalate`.
pub(super) fn of_installer(parts: &[Part], namespace: &str) -> Result<Vec<Question>, String> {
    let create = |(group, resource): &(&str, &str), namespace: Option<&str>| Question {
        namespace: namespace.map(str::to_owned),
        group: (*group).to_owned(),
        resource: (*resource).to_owned(),
        verb: "create".to_owned(),
        ..Question::default()
    };
    let mut questions: Vec<Question> = IN_NAMESPACE.iter().map(|it| create(it, Some(namespace))).collect();
    questions.extend(IN_CLUSTER.iter().map(|it| create(it, None)));
    for part in parts {
        questions.extend(of_part(*part, namespace)?);
    }
    Ok(questions)
}

/// What a person needs who looks, with `kubectl spillway status`, and who commands while the hub is up.
pub(super) fn of_operator(namespace: &str) -> Vec<Question> {
    let list = |resource: &str| Question {
        group: spillway_crds::names::GROUP.to_owned(),
        resource: resource.to_owned(),
        verb: "list".to_owned(),
        ..Question::default()
    };
    let ca = Question {
        namespace: Some(namespace.to_owned()),
        resource: "secrets".to_owned(),
        name: Some(spillway_crds::names::secrets::CA.to_owned()),
        verb: "get".to_owned(),
        ..Question::default()
    };
    let mut questions: Vec<Question> =
        ["regionpriorities", "memberclusters", "federatedingresses"].map(list).into();
    questions.push(ca);
    questions
}

fn expanded<'a>(rule: &'a Rule, namespace: Option<&'a str>) -> impl Iterator<Item = Question> + 'a {
    let names: Vec<Option<String>> = match rule.resource_names.as_slice() {
        [] => vec![None],
        names => names.iter().cloned().map(Some).collect(),
    };
    let mut questions = Vec::new();
    for (group, resource) in rule.api_groups.iter().flat_map(|g| rule.resources.iter().map(move |r| (g, r))) {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        for (name, verb) in names.iter().flat_map(|name| rule.verbs.iter().map(move |verb| (name, verb))) {
            questions.push(Question {
                namespace: namespace.map(str::to_owned),
                group: group.clone(),
                resource: resource.to_owned(),
                subresource: subresource.to_owned(),
                name: name.clone(),
                verb: verb.clone(),
            });
        }
    }
    questions.into_iter()
}

/// `who` may do all of it.
pub(super) fn judge(who: &str, answers: &Seen<Vec<Answered>>) -> Finding {
    let check = format!("{who} may do what is needed");
    let answers = match answers {
        Ok(answers) => answers,
        Err(error) => return Finding::skipped(check, error),
    };
    if let Some(error) = answers.iter().find_map(|answer| answer.allowed.as_ref().err()) {
        return Finding::skipped(check, error);
    }
    let denied: Vec<String> = answers
        .iter()
        .filter(|answer| answer.allowed == Ok(false))
        .map(|answer| words(&answer.question))
        .collect();
    match denied.len() {
        0 => Finding::ok(format!("{check} ({} permissions)", answers.len())),
        _ => Finding::failed(check, format!("denied: {}", denied.join(", ")), advice(who)),
    }
}

fn advice(who: &str) -> Then<'static> {
    if who.starts_with("system:serviceaccount:") {
        Then("`helm upgrade` the release: its roles are older, or somebody has changed them", "permissions")
    } else {
        Then("ask an administrator of the cluster for these rights, or to do it", "permissions")
    }
}

fn words(question: &Question) -> String {
    let Question { namespace, group, resource, subresource, name, verb } = question;
    let dot = if group.is_empty() { "" } else { "." };
    let slash = if subresource.is_empty() { "" } else { "/" };
    let named = name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let within = namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
    format!("{verb} {resource}{slash}{subresource}{dot}{group}{named}{within}")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    #[test]
    fn questions_are_the_charts_rules() {
        let questions = of_part(Part::Gateway, "ns").unwrap();
        let rules = Part::Gateway.permissions().unwrap();
        let rules: Vec<Rule> = [rules.cluster, rules.namespace].concat();
        let count = |rule: &Rule| rule.api_groups.len() * rule.resources.len() * rule.verbs.len();
        assert_eq!(questions.len(), rules.iter().map(count).sum::<usize>());
        let secret = questions.iter().find(|question| question.resource == "secrets").unwrap();
        assert_eq!(words(secret), "list secrets spillway-gateway-identity in ns");
        let status = of_part(Part::HubAccess, "ns").unwrap();
        assert!(
            status.iter().any(|it| words(it) == "patch ingresses/status.networking.k8s.io"),
            "{status:?}"
        );
    }

    /// A kind that the chart makes and nobody asks about would fail half way through an installation.
    #[test]
    fn every_kind_of_the_chart_is_asked_about() {
        let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/spillway/templates");
        let asked: Vec<&str> =
            IN_NAMESPACE.iter().chain(&IN_CLUSTER).map(|(_, resource)| *resource).collect();
        // Behind a switch each, and of an operator that a cluster may not have.
        let optional = ["ServiceMonitor", "PrometheusRule"];
        for folder in [templates.to_owned(), format!("{templates}/hub"), format!("{templates}/member")] {
            for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
                let text = if file.is_file() { std::fs::read_to_string(&file).unwrap() } else { continue };
                for kind in text.lines().filter_map(|line| line.strip_prefix("kind: ")) {
                    let known = asked.iter().any(|resource| plural(kind) == *resource);
                    let ok = known || kind.starts_with("{{") || optional.contains(&kind);
                    assert!(ok, "{kind} of {}", file.display());
                }
            }
        }
    }

    fn plural(kind: &str) -> String {
        let lower = kind.to_lowercase();
        match lower.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None if lower.ends_with('s') => format!("{lower}es"),
            None => format!("{lower}s"),
        }
    }

    #[test]
    fn what_is_denied_is_named() {
        let answered = |verb: &str, allowed| Answered {
            question: Question {
                resource: "secrets".into(),
                verb: verb.into(),
                namespace: Some("ns".into()),
                ..Question::default()
            },
            allowed,
        };
        let account = "system:serviceaccount:ns:spillway-controller";
        for (answers, outcome, found) in [
            (vec![answered("get", Ok(true))], Outcome::Ok, None),
            (
                vec![answered("get", Ok(true)), answered("list", Ok(false))],
                Outcome::Failed,
                Some("denied: list secrets in ns"),
            ),
            (vec![answered("get", Err("no".into()))], Outcome::Skipped, Some("no")),
        ] {
            let finding = judge(account, &Ok(answers));
            assert_eq!((finding.outcome, finding.found.as_deref()), (outcome, found), "{finding:?}");
        }
    }
}
