//! The two worlds that the stories share. They live as long as the test process; its watchdog takes them away.

use std::sync::LazyLock;

use spillway_e2e::story::Stage;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;

/// One runtime for all stories: a world's clients belong to the runtime that raised it.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap());

static WITH_HUB: OnceCell<Stage> = OnceCell::const_new();

/// Tells a story in the world whose hub lives.
pub(crate) fn with_hub<F, Fut>(story: F)
where
    F: FnOnce(Stage) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    RUNTIME.block_on(async {
        let stage = WITH_HUB.get_or_try_init(|| Stage::raise("stories")).await;
        let stage = stage.unwrap_or_else(|error| panic!("the world could not be raised: {error:#}")).clone();
        tell(stage, story).await;
    });
}

/// Tells a story in a world of its own.
pub(crate) fn alone<F, Fut>(name: &str, story: F)
where
    F: FnOnce(Stage) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    RUNTIME.block_on(async {
        let stage = Stage::raise(name).await;
        let stage = stage.unwrap_or_else(|error| panic!("the world could not be raised: {error:#}"));
        tell(stage, story).await;
    });
}

/// A story that fails leaves the logs of its world behind and says where.
async fn tell<F, Fut>(stage: Stage, story: F)
where
    F: FnOnce(Stage) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    if let Err(error) = story(stage.clone()).await {
        let logs = stage.world.keep_logs();
        panic!("{error:#}\nlogs: {logs:?}");
    }
}
