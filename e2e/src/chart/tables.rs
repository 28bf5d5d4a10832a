//! The tables of permissions, for docs/security.md.

use std::fmt::Write as _;

use anyhow::Result;
use spillway_crds::permissions::{Part, Rule};

/// What the part may do, in Markdown.
pub(super) fn of(part: Part) -> Result<String> {
    let all = part.permissions()?;
    let mut text = String::from("| where | what | verbs | why |\n|---|---|---|---|\n");
    for (scope, rules) in [
        ("cluster", all.cluster),
        ("own namespace", all.namespace),
        ("cluster, `hub.inPlace`", all.when_in_place_cluster),
        ("own namespace, `hub.inPlace`", all.when_in_place_namespace),
    ] {
        for rule in rules {
            let _ =
                writeln!(text, "| {scope} | {} | {} | {} |", what(&rule), rule.verbs.join(", "), rule.why);
        }
    }
    Ok(text)
}

fn what(rule: &Rule) -> String {
    let group = rule.api_groups.join(", ");
    let kinds: Vec<String> = rule.resources.iter().map(|kind| format!("`{kind}`")).collect();
    let mut text = kinds.join(", ");
    if !group.is_empty() {
        let _ = write!(text, " ({group})");
    }
    if !rule.resource_names.is_empty() {
        let _ = write!(text, " named `{}`", rule.resource_names.join("`, `"));
    }
    text
}
