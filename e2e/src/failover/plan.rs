//! What is to happen, drawn from a seed before anything runs.

use std::fmt;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use crate::backend::{Behaviour, Latency, Refusal};

/// How much to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Runs with the gateway alive.
    pub runs: usize,
    /// Runs with the gateway dead.
    pub dead_runs: usize,
    /// Dead runs more whose clients' resolvers stretch TTLs; each takes five and a half minutes.
    pub stretched_runs: usize,
    /// How many runs go on at one time.
    pub parallel: usize,
    /// All chance follows from it.
    pub seed: u64,
    /// Requests a second of each run.
    pub rate: f64,
}

/// The part of errors that leaves probes well and people not.
const GRAY: f64 = 0.9;

/// One run with the gateway alive.
#[derive(Clone, Debug, PartialEq)]
pub struct AliveRun {
    /// What its backends do.
    pub fault: Fault,
    /// How long clients are well before.
    pub calm: Duration,
}

/// One run with the gateway dead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeadRun {
    /// How it dies.
    pub death: Death,
    /// How long clients are well before.
    pub calm: Duration,
    /// Whether resolvers that stretch TTLs are watched too.
    pub stretched: bool,
}

/// How a gateway dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// SIGKILL: connections are reset, new ones refused.
    Killed,
    /// SIGSTOP: as a dead machine behind a link, it takes connections and never answers.
    Frozen,
}

/// What goes wrong with the backends of a region whose gateway lives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Every answer takes so many milliseconds.
    Slow(u64),
    /// Latencies whose tail is beyond the bound: P50 and P99 in milliseconds.
    Tail(f64, f64),
    /// Such a part of the answers are errors.
    Errors(f64),
    /// Nothing is answered.
    Hang,
    /// Connections are refused.
    Refuse,
}

impl Fault {
    /// Throws the switch.
    pub fn put(self, behaviour: &mut Behaviour) {
        match self {
            Self::Slow(milliseconds) => behaviour.latency = milliseconds.into(),
            Self::Tail(p50_milliseconds, p99_milliseconds) => {
                behaviour.latency = Latency::LogNormal { p50_milliseconds, p99_milliseconds };
            }
            Self::Errors(rate) => behaviour.error_rate = rate,
            Self::Hang => behaviour.refusal = Refusal::Hang,
            Self::Refuse => behaviour.refusal = Refusal::Refuse,
        }
    }

    /// Its kind, without figures.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Slow(_) => "every answer is slow",
            Self::Tail(..) => "the tail is slow",
            Self::Errors(rate) if rate < GRAY => "20 to 80 % errors",
            Self::Errors(_) => "90 % errors",
            Self::Hang => "nothing is answered",
            Self::Refuse => "connections are refused",
        }
    }

    fn draw(chance: &mut Pcg64) -> Self {
        match chance.random_range(0..6) {
            0 => Self::Slow(chance.random_range(1_800..=4_000)),
            1 => Self::Tail(chance.random_range(900.0..=1_400.0), chance.random_range(4_000.0..=8_000.0)),
            2 => Self::Errors(chance.random_range(0.2..=0.8)),
            3 => Self::Errors(GRAY),
            4 => Self::Hang,
            _ => Self::Refuse,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow(milliseconds) => write!(f, "every answer takes {milliseconds} ms"),
            Self::Tail(p50, p99) => write!(f, "answers take {p50:.0} ms, one in a hundred {p99:.0} ms"),
            Self::Errors(rate) => write!(f, "{:.0} % of answers are errors", rate * 100.0),
            Self::Hang => f.write_str("nothing is answered"),
            Self::Refuse => f.write_str("connections are refused"),
        }
    }
}

impl Death {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Killed => "gateway killed",
            Self::Frozen => "gateway frozen",
        }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// At least a full window of 10 s before anything happens, and never the same time.
fn calm(chance: &mut Pcg64) -> Duration {
    Duration::from_secs_f64(chance.random_range(13.0..20.0))
}

/// The runs with the gateway alive.
#[must_use]
pub fn alive(options: &Options) -> Vec<AliveRun> {
    let mut chance = Pcg64::seed_from_u64(options.seed);
    (0..options.runs).map(|_| AliveRun { fault: Fault::draw(&mut chance), calm: calm(&mut chance) }).collect()
}

/// The runs with the gateway dead; those that take longest come first.
#[must_use]
pub fn dead(options: &Options) -> Vec<DeadRun> {
    let mut chance = Pcg64::seed_from_u64(options.seed.wrapping_add(1));
    (0..options.stretched_runs + options.dead_runs)
        .map(|n| {
            let death = if chance.random_bool(0.5) { Death::Killed } else { Death::Frozen };
            DeadRun { death, calm: calm(&mut chance), stretched: n < options.stretched_runs }
        })
        .collect()
}

/// How long worker `n` waits before its first run, so that the faults do not come all at once.
#[must_use]
pub fn stagger(options: &Options, n: usize) -> Duration {
    let mut chance = Pcg64::seed_from_u64(options.seed ^ (n as u64) << 32);
    let most = if options.parallel > 1 { 25.0 } else { 0.1 };
    Duration::from_secs_f64(chance.random_range(0.0..most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(seed: u64) -> Options {
        Options { runs: 40, dead_runs: 20, stretched_runs: 2, parallel: 4, seed, rate: 100.0 }
    }

    #[test]
    fn a_seed_says_everything() {
        assert_eq!(alive(&options(7)), alive(&options(7)));
        assert_ne!(alive(&options(7)), alive(&options(8)));
        assert_eq!(dead(&options(7)), dead(&options(7)));
    }

    #[test]
    fn every_fault_and_death_comes() {
        let faults = alive(&options(1));
        let has = |is: fn(&Fault) -> bool| faults.iter().any(|run| is(&run.fault));
        assert!(
            has(|fault| matches!(fault, Fault::Slow(_))) && has(|fault| matches!(fault, Fault::Tail(..)))
        );
        assert!(has(|fault| matches!(fault, Fault::Errors(_))) && has(|fault| *fault == Fault::Hang));
        assert!(has(|fault| *fault == Fault::Refuse));
        let deaths = dead(&options(1));
        assert!(deaths.iter().any(|run| run.death == Death::Killed));
        assert!(deaths.iter().any(|run| run.death == Death::Frozen));
        assert_eq!(deaths.iter().filter(|run| run.stretched).count(), 2);
    }
}
