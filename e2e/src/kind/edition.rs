//! An edition of the product: a chart, and the images that it asks for.
//!
//! The first is what a federation is raised with: what is under test, or an older version that [`Parts::from`] names. The second
//! is what the story of a new version upgrades to: what is under test, under a tag of its own, with a chart of a higher version
//! whose definitions have a field that no edition before had. So an upgrade is seen even where both were made of one commit.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::federation::Parts;
use super::images::{self, CONTROLLER, GATEWAY, Images};
use super::tool::run;
use crate::chart;

/// The second edition's tag, and its chart's appVersion.
pub(super) const SECOND: &str = "e2e-second";
/// The field of a RegionPriority's spec that only the second edition's definitions have.
pub(super) const FIELD: &str = "e2eEdition";

/// A chart and its images.
pub(super) struct Edition {
    chart: PathBuf,
    /// The chart's values for its images. Nothing is ever pulled.
    pub(super) values: String,
    pub(super) controller: PathBuf,
    pub(super) gateway: PathBuf,
}

impl Edition {
    /// What the federation is raised with.
    pub(super) async fn first(parts: &Parts) -> Result<Self> {
        let Some(from) = &parts.from else {
            let [controller, gateway] = parts.images.product(&parts.programs, &parts.dir).await?;
            return Ok(Self {
                chart: chart::directory(),
                values: parts.images.values(),
                controller,
                gateway,
            });
        };
        let chart = from.join("charts/spillway");
        let text = fs::read_to_string(chart.join("Chart.yaml"));
        let text = text.with_context(|| format!("FROM: no chart in {}", chart.display()))?;
        let version = text.lines().find_map(|line| line.strip_prefix("appVersion: "));
        let version = version.context("FROM: the chart has no appVersion")?;
        let archives = from.join("images");
        Ok(Self {
            chart,
            values: Images::Release(archives.clone()).values(),
            controller: images::released(CONTROLLER, version, &archives)?,
            gateway: images::released(GATEWAY, version, &archives)?,
        })
    }

    /// What the story of a new version upgrades to.
    pub(super) async fn second(parts: &Parts) -> Result<Self> {
        let [controller, gateway] = parts.images.tagged(SECOND, &parts.programs, &parts.dir).await?;
        Ok(Self {
            chart: second_chart(&parts.dir).await?,
            values: match parts.images {
                Images::Development => format!("image.tag={SECOND}"),
                Images::Release(_) => "image.tag=".to_owned(),
            },
            controller,
            gateway,
        })
    }

    /// Its chart.
    pub(super) fn chart(&self) -> Result<&str> {
        self.chart.to_str().context("the chart's path")
    }
}

/// The chart under test with a higher version, another appVersion and one more field.
async fn second_chart(dir: &Path) -> Result<PathBuf> {
    let chart = dir.join("second-chart");
    if chart.exists() {
        fs::remove_dir_all(&chart).with_context(|| format!("remove {}", chart.display()))?;
    }
    run("cp", &["-r".as_ref(), chart::directory().as_os_str(), chart.as_os_str()]).await?;
    let file = chart.join("Chart.yaml");
    let lines = fs::read_to_string(&file)?;
    let lines = lines.lines().map(|line| match line.split_once(": ") {
        Some(("version", _)) => "version: 1000.0.0\n".to_owned(),
        Some(("appVersion", _)) => format!("appVersion: {SECOND}\n"),
        _ => format!("{line}\n"),
    });
    fs::write(&file, lines.collect::<String>())?;
    let file = chart.join("files/crds/regionpriorities.yaml");
    let mut definition: Value = serde_saphyr::from_str(&fs::read_to_string(&file)?)?;
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let fields = definition.pointer_mut(spec).context("no fields in the definition of RegionPriority")?;
    fields[FIELD] = json!({"type": "string"});
    fs::write(&file, serde_json::to_vec_pretty(&definition)?)?;
    Ok(chart)
}
