//! Links lead somewhere, and every page can be found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use spillway_e2e::chart::root;

use super::{Page, none, seen};

/// Pages that are found otherwise: GitHub shows them where they lie.
const ALONE: [&str; 3] = ["README.md", "charts/spillway/files/rbac/README.md", "decide/tests/wpt/README.md"];

#[test]
fn every_link_leads_somewhere() {
    let pages = Page::all();
    let anchors: BTreeMap<&str, &BTreeSet<String>> =
        pages.iter().map(|page| (page.path.as_str(), &page.anchors)).collect();
    let (mut complaints, mut count) = (Vec::new(), 0);
    for link in pages.iter().flat_map(|page| &page.links).filter(|link| is_ours(&link.it)) {
        count += 1;
        let (file, anchor) = link.it.split_once('#').map_or((link.it.as_str(), None), |(f, a)| (f, Some(a)));
        let target = target(&link.page, file);
        if !root().join(&target).exists() {
            complaints.push(format!("{link}: {} leads to no file", link.it));
        } else if let Some(anchor) = anchor
            && !anchors.get(target.as_str()).is_some_and(|known| known.contains(anchor))
        {
            complaints
                .push(format!("{link}: {} leads to no heading; {target} has none of that name", link.it));
        }
    }
    none(&complaints);
    seen("links within the repository", count, 100);
}

#[test]
fn every_page_can_be_found_from_the_readme() {
    let pages = Page::all();
    let (mut found, mut next) = (BTreeSet::new(), vec!["README.md".to_owned()]);
    while let Some(path) = next.pop() {
        let Some(page) = pages.iter().find(|page| page.path == path) else { continue };
        if found.insert(path) {
            let links = page.links.iter().filter(|link| is_ours(&link.it));
            next.extend(links.map(|link| target(&link.page, link.it.split('#').next().unwrap_or_default())));
        }
    }
    // The decisions are a folder that is linked as one.
    let lost = pages.iter().map(|page| page.path.as_str());
    let lost =
        lost.filter(|path| !found.contains(*path) && !ALONE.contains(path) && !path.starts_with("docs/adr/"));
    none(&lost.map(|path| format!("{path}: no page leads here")).collect::<Vec<_>>());
}

fn is_ours(link: &str) -> bool {
    !link.contains("://") && !link.starts_with("mailto:")
}

/// What a link on a page means, from the root.
fn target(page: &str, link: &str) -> String {
    if link.is_empty() {
        return page.to_owned();
    }
    let mut path = PathBuf::new();
    for part in Path::new(page).parent().unwrap().join(link).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            Component::ParentDir => path.push("outside-of-the-repository"),
            other => path.push(other),
        }
    }
    path.to_str().unwrap().to_owned()
}
