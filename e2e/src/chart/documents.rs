//! Documents that are made of the chart: its README, the permissions in docs/security.md, its copies of the CRDs.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use spillway_crds::permissions::Part;

use super::{directory, root, tables, values};

/// What makes them new.
pub const COMMAND: &str = "make chart";

/// Writes what is not fresh; says what was written.
pub fn write() -> Result<Vec<PathBuf>> {
    let crds = spillway_crds::yaml::write(&directory().join("files/crds"))?;
    let mut written = Vec::new();
    for (path, text) in wanted()? {
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        written.push(path);
    }
    Ok([written, crds].concat())
}

/// What is not fresh.
pub fn stale() -> Result<Vec<PathBuf>> {
    let mut stale = spillway_crds::yaml::stale(&directory().join("files/crds"))?;
    for (path, text) in wanted()? {
        if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            stale.push(path);
        }
    }
    Ok(stale)
}

fn wanted() -> Result<Vec<(PathBuf, String)>> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        anyhow::Ok((path, text))
    };
    let (_, schema) = read(directory().join("values.schema.json"))?;
    let (_, defaults) = read(directory().join("values.yaml"))?;
    let (readme, text) = read(directory().join("README.md"))?;
    let readme = (readme, between(&text, "values", &values::table(&schema, &defaults)?)?);
    let (security, mut text) = read(root().join("docs/security.md"))?;
    for part in Part::ALL {
        text = between(&text, part.role(), &tables::of(part)?)?;
    }
    Ok(vec![readme, (security, text)])
}

/// The text with `table` between the comments `<!-- begin NAME -->` and `<!-- end NAME -->`.
fn between(text: &str, name: &str, table: &str) -> Result<String> {
    let (begin, end) =
        (format!("<!-- begin {name}: made by `{COMMAND}` -->\n"), format!("<!-- end {name} -->"));
    let from = text.find(&begin).with_context(|| format!("no {begin:?}"))? + begin.len();
    let to = text.find(&end).with_context(|| format!("no {end:?}"))?;
    ensure!(from <= to, "{end} stands before its begin");
    Ok(format!("{}{table}{}", &text[..from], &text[to..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_of_the_chart_is_fresh() {
        let stale = stale().unwrap();
        assert!(stale.is_empty(), "stale: {stale:?}; run `{COMMAND}`");
    }

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = "a\n<!-- begin x: made by `make chart` -->\nold\n<!-- end x -->\nb";
        let new = between(text, "x", "new\n").unwrap();
        assert_eq!(new, text.replace("old", "new"));
        assert!(between(text, "y", "").is_err());
    }
}
