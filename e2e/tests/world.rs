//! A world without the product's programs: does it stand, does it break as told, does it leave nothing behind.

use anyhow::Result;
use spillway_e2e::world::{Options, World};

#[tokio::test]
async fn a_single_plane_stands_and_is_gone_afterwards() -> Result<()> {
    let started = std::time::Instant::now();
    let world = World::raise(Options::single_plane()).await?;
    eprintln!("raised in {:?}", started.elapsed());
    let version = world.hub().apiserver_version().await?;
    assert_eq!(version.major, "1");
    let dir = world.dir().to_owned();
    drop(world);
    assert!(!dir.exists(), "{} is still there", dir.display());
    Ok(())
}
