//! The world that the disasters share, one at a time.

use std::sync::LazyLock;

use spillway_e2e::story::Stage;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap());

/// Whoever holds it has the world for himself.
static STAGE: Mutex<Option<Stage>> = Mutex::const_new(None);

/// Tells a story when the one before it has ended, in a healed world.
pub(crate) fn in_turn<F, Fut>(story: F)
where
    F: FnOnce(Stage) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    RUNTIME.block_on(async {
        let mut turn = STAGE.lock().await;
        let stage = match turn.as_ref() {
            Some(stage) => stage.clone(),
            None => Stage::raise("disasters").await.unwrap_or_else(|error| panic!("no world: {error:#}")),
        };
        *turn = Some(stage.clone());
        stage
            .world
            .heal_all()
            .await
            .unwrap_or_else(|error| panic!("the world could not be healed: {error:#}"));
        if let Err(error) = story(stage.clone()).await {
            let logs = stage.world.keep_logs();
            panic!("{error:#}\nlogs: {logs:?}");
        }
    });
}
