//! What an API server takes and what it refuses, once the definitions are installed.
//!
//! The tables beside this file are the specification: each bad object must be refused with a message that
//! names the field and says what is allowed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

mod case;
mod sent;

use std::sync::LazyLock;

use anyhow::{Result, ensure};
use case::{Case, Table, bad, good, updates};
use spillway_e2e::world::{Options, World};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// One runtime for the tests: a world's clients belong to the runtime that raised it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static WORLD: OnceCell<World> = OnceCell::const_new();

/// Runs `test` against the one API server of this file.
fn on_a_plane<F>(test: impl FnOnce(kube::Client) -> F)
where
    F: Future<Output = Result<()>>,
{
    RUNTIME.block_on(async {
        let world = WORLD.get_or_try_init(|| World::raise(Options::single_plane())).await;
        let world = world.unwrap_or_else(|error| panic!("no API server: {error:#}"));
        test(world.hub().clone()).await.unwrap_or_else(|error| panic!("{error:#}"));
    });
}

#[test]
fn good_objects_are_taken() {
    on_a_plane(|client| async move {
        let Table { objects, changes } = good()?;
        let plain = objects.keys().map(|kind| Case::plain(kind));
        let mut failures = Vec::new();
        for case in plain.chain(changes) {
            if let Err(refusal) = sent::create(&client, &case.object(&objects)?).await {
                failures.push(format!("{case}: refused: {refusal}"));
            }
        }
        none(&failures)
    });
}

#[test]
fn bad_objects_are_refused_by_the_name_of_the_field() {
    on_a_plane(|client| async move {
        let (objects, cases) = (good()?.objects, bad()?);
        ensure!(cases.len() >= 36, "the table has {} rows only", cases.len());
        let mut failures = Vec::new();
        for case in cases {
            ensure!(!case.says.is_empty(), "{case}: nothing is said about the message");
            let outcome = sent::create(&client, &case.object(&objects)?).await;
            failures.extend(case.complaint(outcome));
        }
        none(&failures)
    });
}

#[test]
fn updates_keep_what_cannot_change() {
    on_a_plane(|client| async move {
        let Table { objects, changes } = updates()?;
        let mut failures = Vec::new();
        for case in changes {
            let outcome = sent::update(&client, &objects[&case.kind], &case).await?;
            failures.extend(case.complaint(outcome));
        }
        none(&failures)
    });
}

fn none(failures: &[String]) -> Result<()> {
    ensure!(failures.is_empty(), "{} of the table:\n{}", failures.len(), failures.join("\n"));
    Ok(())
}
