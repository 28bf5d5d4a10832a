//! The rooms of the controller know only those before them, as `src/lib.rs` says. Data may know data; what is after
//! it knows no neighbour of its own rank, so that no circle can come back.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails loudly, in its helpers too")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Every room, those of one rank together.
const RANKS: &[&[&str]] = &[
    &[
        "apply",
        "board",
        "cache",
        "conditions",
        "copy",
        "events",
        "hub",
        "identity",
        "lead",
        "ledger",
        "member",
        "metrics",
        "object",
        "options",
        "profile",
        "queue",
        "recent",
        "timed",
        "timeline",
    ],
    &["federation"],
    &["reconcile", "watch", "traffic_status", "admin"],
    &["propagate"],
    &["term"],
    &["run"],
    &["lib", "main"],
];

fn rank(room: &str) -> usize {
    let rank = RANKS.iter().position(|rooms| rooms.contains(&room));
    rank.unwrap_or_else(|| panic!("the room {room:?} has no place in RANKS and in src/lib.rs"))
}

fn files(under: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(under).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The rooms that a file names after `crate::`, alone or in braces. Tests may know everything.
fn named(text: &str) -> BTreeSet<String> {
    let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code = product.lines().filter(|line| !line.trim_start().starts_with("//"));
    let product = code.collect::<Vec<_>>().join("\n");
    let mut rooms = BTreeSet::new();
    for after in product.split("crate::").skip(1) {
        let list = after.strip_prefix('{').unwrap_or(after);
        let mut depth = usize::from(list.len() == after.len()) * 1000;
        for item in list.split_inclusive([',', '{', '}', ';', '(', ')', '\n', ' ']) {
            let word: String = item.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if depth % 1000 == 0 && word.starts_with(|c: char| c.is_ascii_lowercase()) {
                rooms.insert(word);
            }
            match item.chars().last() {
                _ if depth >= 1000 => break,
                Some('{') => depth += 1,
                Some('}') if depth == 0 => break,
                Some('}') => depth -= 1,
                _ => {}
            }
        }
    }
    rooms
}

#[test]
fn rooms_know_only_those_before_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&source, &mut all);
    let mut seen = 0;
    for file in all.iter().filter(|file| !file.ends_with("fixture.rs")) {
        let inside = file.strip_prefix(&source).expect("inside of src");
        let room = inside.iter().next().expect("a room").to_string_lossy().replace(".rs", "");
        for known in named(&fs::read_to_string(file).expect("text")) {
            let allowed = known == room || rank(&known) < rank(&room) || rank(&known) + rank(&room) == 0;
            assert!(allowed, "{} knows {known}, which is not before {room}", inside.display());
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} uses were found: is the search broken?");
}
