//! What a whole run found, as it stands in JSON.

use std::path::Path;
use std::{fs, io};

use anyhow::Context;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::case::Case;
use crate::machine;
use crate::proxies::Kind;

const FIGURES: &str = "gateway.json";
const SETTING: &str = "gateway-setting.json";

/// One proxy in one case, as a flat row: medians over the rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// Which proxy.
    pub(crate) proxy: Kind,
    /// In which case.
    pub(crate) case: Case,
    /// Processor time a request, user and system, in a closed loop. This and what follows are none where the case is
    /// about memory only.
    pub(crate) cpu_us_per_request: Option<f64>,
    /// What of it the kernel took.
    #[serde(default)]
    pub(crate) system_us_per_request: Option<f64>,
    /// Requests a second in a closed loop.
    pub(crate) rps: Option<f64>,
    /// Half of the requests took at most this, at the fixed rate.
    pub(crate) p50_us: Option<f64>,
    /// 99 %.
    pub(crate) p99_us: Option<f64>,
    /// 99.9 %.
    pub(crate) p999_us: Option<f64>,
    /// Resident memory in megabytes (10⁶ bytes), in the middle of the closed loop, or idle.
    pub(crate) rss_mb: f64,
}

/// What the figures are of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Setting {
    pub(crate) date: String,
    pub(crate) commit: String,
    pub(crate) machine: String,
    pub(crate) rounds: u32,
    pub(crate) seconds: u64,
    pub(crate) rate: u32,
    /// What each proxy says that it is.
    pub(crate) versions: Vec<(Kind, String)>,
    /// What was left out, and why.
    pub(crate) left_out: Vec<String>,
}

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct Findings {
    pub(crate) figures: Vec<Figure>,
    pub(crate) setting: Setting,
}

impl Findings {
    /// One row for each proxy and case, in the order of their first round.
    pub(crate) fn of(rounds: &[Figure], setting: Setting) -> Self {
        let mut figures: Vec<Figure> = vec![];
        for one in rounds {
            if figures.iter().any(|figure| figure.is_like(one)) {
                continue;
            }
            let like: Vec<&Figure> = rounds.iter().filter(|other| other.is_like(one)).collect();
            figures.push(Figure::median_of(&like, one));
        }
        figures.sort_by_key(|figure| (figure.case, figure.proxy));
        Self { figures, setting }
    }

    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        put(&folder.join(FIGURES), &self.figures)?;
        put(&folder.join(SETTING), &self.setting)
    }

    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self { figures: get(&folder.join(FIGURES))?, setting: get(&folder.join(SETTING))? })
    }
}

impl Setting {
    pub(crate) fn now(rounds: u32, seconds: u64, rate: u32) -> Self {
        Self {
            date: machine::date(),
            commit: machine::commit(),
            machine: machine::describe(),
            rounds,
            seconds,
            rate,
            versions: vec![],
            left_out: vec![],
        }
    }

    /// Notes what is missing, once, and says so at once.
    pub(crate) fn leave_out(&mut self, what: &str) {
        let first_line = what.lines().next().unwrap_or_default().to_owned();
        if !self.left_out.contains(&first_line) {
            eprintln!("left out: {what}");
            self.left_out.push(first_line);
        }
    }
}

impl Figure {
    fn is_like(&self, other: &Self) -> bool {
        (self.proxy, self.case) == (other.proxy, other.case)
    }

    fn median_of(figures: &[&Self], like: &Self) -> Self {
        let of = |field: fn(&Self) -> Option<f64>| median(figures.iter().filter_map(|figure| field(figure)));
        Self {
            proxy: like.proxy,
            case: like.case,
            cpu_us_per_request: of(|figure| figure.cpu_us_per_request),
            system_us_per_request: of(|figure| figure.system_us_per_request),
            rps: of(|figure| figure.rps),
            p50_us: of(|figure| figure.p50_us),
            p99_us: of(|figure| figure.p99_us),
            p999_us: of(|figure| figure.p999_us),
            rss_mb: of(|figure| Some(figure.rss_mb)).unwrap_or(like.rss_mb),
        }
    }
}

/// The middle one, or the mean of the two in the middle, to a hundredth.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    let lower = values.len().checked_sub(1)? / 2;
    Some((f64::midpoint(values[lower], values[upper]) * 100.0).round() / 100.0)
}

fn put<T: Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    fs::write(path, serde_json::to_string_pretty(value)? + "\n").with_context(|| path.display().to_string())
}

fn get<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!("{} is not there: run the bench first", path.display()),
        _ => error.into(),
    })?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([1.0, 2.0].into_iter()), Some(1.5));
        assert_eq!(median(std::iter::empty()), None);
    }

    #[test]
    fn rounds_become_one_flat_row() {
        let round = |cpu| Figure {
            proxy: Kind::Haproxy,
            case: Case::Large,
            cpu_us_per_request: Some(cpu),
            system_us_per_request: None,
            rps: None,
            p50_us: None,
            p99_us: None,
            p999_us: None,
            rss_mb: 10.0,
        };
        let findings = Findings::of(&[round(1.0), round(5.0), round(2.0)], Setting::now(3, 1, 100));
        let row = serde_json::to_value(&findings.figures[0]).unwrap();
        assert_eq!(findings.figures.len(), 1);
        assert_eq!((row["proxy"].as_str(), row["case"].as_str()), (Some("haproxy"), Some("64k")));
        assert_eq!(row["cpu_us_per_request"], 2.0);
    }
}
