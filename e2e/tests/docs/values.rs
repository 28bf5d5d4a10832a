//! Values of the chart: Helm renders with them, and the schema knows them.

use anyhow::{Context, Result};
use serde_json::Value;
use spillway_e2e::chart::{directory, helm::Helm};

use super::commands::{filled, in_blocks};
use super::page::At;
use super::{Page, none, seen};

/// What a command that only changes something leaves out.
const BOTH: &str = "hub.enabled=true,member.enabled=true,member.name=sz-1,member.region=shenzhen";
/// The values at the top.
const ROOTS: [&str; 6] = ["image", "crds", "ingressClass", "hub", "member", "monitoring"];

fn schema() -> Value {
    let text = std::fs::read_to_string(directory().join("values.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Whether the schema knows a value, or a map of values, of this name.
fn knows(schema: &Value, path: &str) -> bool {
    let mut at = schema;
    for name in path.split('.') {
        at = match (&at["properties"][name], &at["additionalProperties"]) {
            (Value::Object(_), _) => &at["properties"][name],
            (_, Value::Bool(false)) => return false,
            // A map of the user's own, such as labels: any key goes.
            _ if at["type"] == "object" && at.get("properties").is_none() => return true,
            _ => return false,
        };
    }
    true
}

/// `--set a=b,c=d` of a command.
fn sets(words: &[String]) -> Vec<&str> {
    let after = words.windows(2).filter(|pair| pair[0] == "--set").map(|pair| pair[1].as_str());
    after.chain(words.iter().filter_map(|word| word.strip_prefix("--set="))).collect()
}

#[test]
fn every_value_that_is_named_is_in_the_schema() {
    let (schema, pages) = (schema(), Page::all());
    let (mut complaints, mut count) = (Vec::new(), 0);
    let mut look = |at: &dyn std::fmt::Display, text: &str| {
        let path = text.split(['=', '[', ' ']).next().unwrap_or_default();
        count += 1;
        if !knows(&schema, path) {
            complaints.push(format!("{at}: the chart has no value {path}"));
        }
    };
    for line in
        in_blocks(&pages).iter().filter(|line| line.it.words.first().is_some_and(|word| word == "helm"))
    {
        sets(&line.it.words).iter().flat_map(|set| assignments(set)).for_each(|set| look(line, set));
    }
    for span in pages.iter().flat_map(|page| &page.spans) {
        let words: Vec<String> = span.it.split_whitespace().map(str::to_owned).collect();
        sets(&words).iter().flat_map(|set| assignments(set)).for_each(|set| look(span, set));
        let root = span.it.split('.').next().unwrap_or_default();
        let is_value = span.it.contains('.') && words.len() == 1 && !span.it.contains(['/', ':', '(']);
        if ROOTS.contains(&root) && is_value && !span.it.contains(".rs") {
            look(span, &span.it);
        }
    }
    none(&complaints);
    seen("values of the chart", count, 100);
}

/// Apart at commas, but not within braces.
fn assignments(set: &str) -> Vec<&str> {
    let mut depth = 0;
    set.split(move |c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
    .collect()
}

#[test]
fn helm_renders_every_command() -> Result<()> {
    let Some(helm) = Helm::find_or_build(&mut |progress| eprintln!("docs: {progress}"))? else {
        eprintln!("docs: SKIPPED: there is neither Go nor a Helm that HELM names");
        return Ok(());
    };
    let pages = Page::all();
    let (mut complaints, mut count) = (Vec::new(), 0);
    for line in in_blocks(&pages).iter().filter(|line| installs(&line.it.words)) {
        count += 1;
        complaints.extend(
            render(&helm, &["--set", &whole(&filled(&sets(&line.it.words).join(",")))])
                .err()
                .map(|error| format!("{line}: {error:#}")),
        );
    }
    for block in pages
        .iter()
        .flat_map(|page| &page.blocks)
        .filter(|block| is_values(&block.it.language, &block.it.text))
    {
        count += 1;
        complaints.extend(with_file(&helm, block).err().map(|error| format!("{block}: {error:#}")));
    }
    none(&complaints);
    seen("commands of Helm", count, 6);
    Ok(())
}

fn installs(words: &[String]) -> bool {
    words.first().is_some_and(|word| word == "helm")
        && words.iter().any(|word| ["install", "upgrade", "template"].contains(&word.as_str()))
}

/// With a role, if it names none.
fn whole(set: &str) -> String {
    let named = ["hub.enabled=true", "member.enabled=true"].iter().any(|role| set.contains(role));
    if named { set.to_owned() } else { format!("{BOTH},{set}").trim_end_matches(',').to_owned() }
}

fn render(helm: &Helm, more: &[&str]) -> Result<()> {
    let chart = directory();
    let chart = chart.to_str().context("the chart's path")?;
    let arguments = [&["template", "spillway", chart, "-n", "spillway-system"][..], more].concat();
    helm.succeed(&arguments).map(drop)
}

fn with_file(helm: &Helm, block: &At<super::page::Block>) -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), &block.it.text)?;
    let path = file.path().to_str().context("a path")?;
    let roles = block.it.text.contains("enabled: true");
    render(helm, &if roles { vec!["-f", path] } else { vec!["--set", BOTH, "-f", path] })
}

/// A map with nothing at its top but what values have there.
fn is_values(language: &str, text: &str) -> bool {
    let Ok(Value::Object(map)) = serde_saphyr::from_str::<Value>(text) else { return false };
    language == "yaml" && !map.is_empty() && map.keys().all(|key| ROOTS.contains(&key.as_str()))
}

#[test]
fn what_the_chart_does_not_have_is_found() {
    let schema = schema();
    for (path, is_known) in [
        ("member.exposure", true),
        ("member.podLabels.team", true),
        ("member.exposition", false),
        ("hub", true),
        ("hub.enabled.x", false),
    ] {
        assert_eq!(knows(&schema, path), is_known, "{path}");
    }
    assert_eq!(assignments("a={b,c},d=e"), ["a={b,c}", "d=e"]);
}
