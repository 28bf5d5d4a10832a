//! What outcomes come to: for each detector and each scope one row.

use std::time::Duration;

use serde::Serialize;

use crate::bank::PROMISED_VOLUME;
use crate::ordinary::Ordinary;
use crate::stats::{float, part_at_least, part_at_most, percentile, rate_at_most};
use crate::trial::{Judgement, Outcome};
use crate::truth::Class;

/// Which trials a row is about.
#[derive(Clone, Copy)]
pub struct Scope {
    /// Its name.
    pub name: &'static str,
    /// In words.
    pub words: &'static str,
    /// Whether a trial is in it.
    pub holds: fn(&Outcome) -> bool,
}

/// The scopes, the widest first.
pub const SCOPES: &[Scope] = &[
    Scope { name: "all", words: "the whole bank", holds: |_| true },
    Scope {
        name: "promised-volume",
        words: "from 100 requests a second on",
        holds: |outcome| outcome.trial.volume >= PROMISED_VOLUME,
    },
    Scope {
        name: "plain",
        words: "from 100 requests a second on, where the counts can tell at all",
        holds: |outcome| outcome.trial.volume >= PROMISED_VOLUME && outcome.truth.plain,
    },
    Scope {
        name: "low-volume",
        words: "below 100 requests a second",
        holds: |outcome| outcome.trial.volume < PROMISED_VOLUME,
    },
    Scope {
        name: "plain-low-volume",
        words: "below 100 requests a second, where the counts can tell at all",
        holds: |outcome| outcome.trial.volume < PROMISED_VOLUME && outcome.truth.plain,
    },
];

/// One detector in one scope.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub detector: String,
    /// Which trials.
    pub scope: String,
    /// Trials that are faults.
    pub faults: u64,
    /// How many of them were caught.
    pub caught: u64,
    /// The part of them.
    pub recall: f64,
    /// Its lower bound.
    pub recall_lower95: f64,
    /// Trials that are none.
    pub negatives: u64,
    /// In how many of them traffic moved.
    #[serde(rename = "false")]
    pub wrong: u64,
    /// Upper bound of the part of them.
    pub false_upper95: f64,
    /// Region-years of ordinary noise that were looked at.
    pub region_years: f64,
    /// False shifts in a region-year of it.
    pub false_per_region_year: f64,
    /// Upper bound of that.
    pub false_per_region_year_upper95: f64,
    /// From onset to alarm, of the faults caught, in seconds.
    pub delay_p50_s: Option<f64>,
    /// The same, 99 in 100.
    pub delay_p99_s: Option<f64>,
    /// The same, the worst.
    pub delay_max_s: Option<f64>,
    /// From the end of the hold (30 s, or 5 s for a front door) to the alarm, 99 in 100.
    pub beyond_hold_p99_s: Option<f64>,
}

impl Row {
    /// Whether it is a row of this scope, and has any trial.
    pub(crate) fn is_about(&self, scope: &Scope) -> bool {
        self.scope == scope.name && self.faults + self.negatives > 0
    }
}

/// What one detector made of some outcomes.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Trials that are faults.
    pub faults: u64,
    /// Trials that are none.
    pub negatives: u64,
    /// Of these, where traffic moved.
    pub wrong: u64,
    /// Of the faults caught: from onset to alarm, and the hold, in seconds.
    pub delays: Vec<(f64, f64)>,
}

impl Score {
    /// Judges the detector at `place` by these outcomes.
    pub fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome>, place: usize) -> Self {
        let mut score = Self::default();
        for outcome in outcomes {
            let hold = match outcome.truth.class {
                Class::Fault { hold, .. } => Some(hold),
                Class::Noise => None,
            };
            if let Some(reaction) = outcome.reactions.get(place) {
                score.add(hold, reaction.judge(outcome.truth.class));
            }
        }
        score
    }

    /// Counts one judgement; `hold` is that of the fault, if it was one.
    pub fn add(&mut self, hold: Option<Duration>, judgement: Judgement) {
        match hold {
            Some(_) => self.faults += 1,
            None => self.negatives += 1,
        }
        match judgement {
            Judgement::Caught(delay) => {
                self.delays.push((delay.as_secs_f64(), hold.unwrap_or_default().as_secs_f64()));
            }
            Judgement::False => self.wrong += 1,
            Judgement::Missed | Judgement::Quiet => {}
        }
    }

    /// The row; `ordinary` are false shifts and region-years.
    #[must_use]
    pub fn row(&self, detector: &str, scope: &str, ordinary: (u64, f64)) -> Row {
        let mut delays: Vec<f64> = self.delays.iter().map(|(delay, _)| *delay).collect();
        let mut beyond: Vec<f64> = self.delays.iter().map(|(delay, hold)| delay - hold).collect();
        delays.sort_by(f64::total_cmp);
        beyond.sort_by(f64::total_cmp);
        let caught = delays.len() as u64;
        let (events, years) = ordinary;
        Row {
            detector: detector.to_owned(),
            scope: scope.to_owned(),
            faults: self.faults,
            caught,
            recall: float(caught) / float(self.faults.max(1)),
            recall_lower95: part_at_least(caught, self.faults),
            negatives: self.negatives,
            wrong: self.wrong,
            false_upper95: part_at_most(self.wrong, self.negatives),
            region_years: years,
            false_per_region_year: if years > 0.0 { float(events) / years } else { 0.0 },
            false_per_region_year_upper95: if years > 0.0 { rate_at_most(events, years) } else { 0.0 },
            delay_p50_s: percentile(&delays, 0.5),
            delay_p99_s: percentile(&delays, 0.99),
            delay_max_s: delays.last().copied(),
            beyond_hold_p99_s: percentile(&beyond, 0.99),
        }
    }
}

/// All rows: scope after scope, in each the detectors in their order.
#[must_use]
pub fn rows(names: &[&str], outcomes: &[Outcome], ordinary: &Ordinary) -> Vec<Row> {
    let of = |scope: &Scope, place: usize, name: &str| {
        let score = Score::of(outcomes.iter().filter(|outcome| (scope.holds)(outcome)), place);
        let events = ordinary.wrong.get(place).copied().unwrap_or_default();
        score.row(name, scope.name, (events, ordinary.region_years))
    };
    SCOPES
        .iter()
        .flat_map(|scope| names.iter().enumerate().map(move |(place, name)| of(scope, place, name)))
        .collect()
}
