//! What truly happens to a region: probabilities over time, which no detector sees.
//!
//! A course is a calm baseline with spells on it. The stream draws from it; the truth is read off it.

use crate::latency::Latency;

/// The grain of a course, in milliseconds.
pub const TICK_MILLIS: u64 = 100;
/// Clients give up after this; by then no answer is a failure.
pub const PATIENCE_MILLIS: f64 = 10_000.0;
/// Routes of a region; all carry the same traffic.
pub const ROUTES: usize = 8;

/// What goes wrong in a spell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// This part of requests fails at once.
    Errors(f64),
    /// This part of requests takes these latencies.
    Slow(f64, Latency),
    /// This part of requests is never answered.
    Hang(f64),
    /// Nothing is answered until the spell ends.
    Stall,
    /// The front door cannot be reached: by whom of the two other regions. When by both, by clients neither.
    Unreachable([bool; 2]),
    /// This part of probes is lost: of the region's own, and of each of the other two.
    LostProbes([f64; 3]),
}

/// How a spell's effect runs between its beginning and its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// At once, and at once over.
    Step,
    /// Grows in a straight line for this part of the spell.
    Ramp(f64),
    /// Comes for some milliseconds of every so many: (length, period).
    Bursts(u64, u64),
}

/// Which of the region's own probes meet a spell's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Every route is hit alike, and probes as requests are.
    All,
    /// Probes are well: a gray failure.
    Nothing,
    /// The effect is all of so many routes.
    Routes(usize),
}

/// One thing that goes wrong, from when to when (milliseconds of the trial).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spell {
    /// Beginning.
    pub from: u64,
    /// End.
    pub to: u64,
    /// How it runs.
    pub shape: Shape,
    /// What it does.
    pub effect: Effect,
    /// What probes see of it.
    pub sight: Sight,
}

impl Spell {
    /// A spell that is there at once, for all to see.
    #[must_use]
    pub const fn step(from: u64, to: u64, effect: Effect) -> Self {
        Self { from, to, shape: Shape::Step, effect, sight: Sight::All }
    }

    /// How much of the effect there is: 0 to 1.
    fn weight(&self, at: u64) -> f64 {
        if !(self.from..self.to).contains(&at) {
            return 0.0;
        }
        match self.shape {
            Shape::Step => 1.0,
            Shape::Bursts(length, period) => f64::from(u8::from((at - self.from) % period < length)),
            Shape::Ramp(part) => {
                let (done, whole) = (as_float(at - self.from), as_float(self.to - self.from));
                (done / (whole * part)).min(1.0)
            }
        }
    }
}

/// Requests a second over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// The mean.
    pub mean: f64,
    /// How far it swings about the mean: 0.8 is from 0.2 to 1.8 of it.
    pub swing: f64,
    /// How long one swing takes.
    pub period_millis: u64,
    /// Of the calm 95th percentile at the mean, what is added for each further mean of load.
    pub strain: f64,
}

impl Load {
    /// The same all the time.
    #[must_use]
    pub const fn steady(mean: f64) -> Self {
        Self { mean, swing: 0.0, period_millis: 1, strain: 0.0 }
    }

    /// Requests a second at one moment.
    #[must_use]
    pub fn rate(&self, at: u64) -> f64 {
        let turn = as_float(at % self.period_millis) / as_float(self.period_millis);
        self.mean * (1.0 + self.swing * (turn * std::f64::consts::TAU).sin())
    }
}

/// How a region is when nothing goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calm {
    /// The part of requests that fails all the same.
    pub errors: f64,
    /// Latencies.
    pub latency: Latency,
}

/// One failed request in 500, and a 95th percentile of a tenth of the default bound.
pub const CALM: Calm = Calm { errors: 0.002, latency: Latency { p95_millis: 150.0, spread: 0.6 } };

/// One region over a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Its traffic.
    pub load: Load,
    /// Its baseline.
    pub calm: Calm,
    /// What goes wrong.
    pub spells: Vec<Spell>,
}

/// A region at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Requests a second.
    pub rate: f64,
    /// The part of requests that fails at once.
    pub errors: f64,
    /// The part that is never answered.
    pub hang: f64,
    /// Latencies of the rest.
    pub calm: Latency,
    /// Which part of the rest takes other latencies.
    pub slow: Option<(f64, Latency)>,
    /// Nothing is answered for so many milliseconds.
    pub stall: f64,
    /// Which of the two others cannot reach the front door.
    pub unreachable: [bool; 2],
    /// The part of probes that is lost: own, and the others'.
    pub lost_probes: [f64; 3],
}

impl Course {
    /// A calm region.
    #[must_use]
    pub const fn calm(rate: f64) -> Self {
        Self { load: Load::steady(rate), calm: CALM, spells: Vec::new() }
    }

    /// How the region truly is.
    #[must_use]
    pub fn at(&self, at: u64) -> Moment {
        self.seen(at, |_| true)
    }

    /// How one of the region's routes looks to its own probes.
    #[must_use]
    pub fn route(&self, at: u64, route: usize) -> Moment {
        self.seen(at, |sight| match sight {
            Sight::All => true,
            Sight::Nothing => false,
            Sight::Routes(hit) => route < hit,
        })
    }

    fn seen(&self, at: u64, visible: impl Fn(Sight) -> bool) -> Moment {
        let rate = self.load.rate(at);
        let over = (rate / self.load.mean - 1.0).max(0.0);
        let p95_millis = self.calm.latency.p95_millis * (1.0 + self.load.strain * over);
        let mut moment = Moment {
            rate,
            errors: self.calm.errors,
            hang: 0.0,
            calm: Latency { p95_millis, ..self.calm.latency },
            slow: None,
            stall: 0.0,
            unreachable: [false; 2],
            lost_probes: [0.0; 3],
        };
        for spell in self.spells.iter().filter(|spell| visible(spell.sight)) {
            moment.take(spell, spell.weight(at), at);
        }
        moment
    }
}

impl Moment {
    fn take(&mut self, spell: &Spell, weight: f64, at: u64) {
        if weight <= 0.0 {
            return;
        }
        match spell.effect {
            Effect::Errors(part) => self.errors = both(self.errors, part * weight),
            Effect::Hang(part) => self.hang = both(self.hang, part * weight),
            Effect::Slow(part, latency) => self.slow = Some((part * weight, latency)),
            Effect::Stall => self.stall = self.stall.max(as_float(left(spell, at))),
            Effect::Unreachable(by) => {
                self.unreachable = [self.unreachable[0] || by[0], self.unreachable[1] || by[1]];
            }
            Effect::LostProbes(parts) => {
                for (lost, part) in self.lost_probes.iter_mut().zip(parts) {
                    *lost = both(*lost, part * weight);
                }
            }
        }
    }

    /// The part of requests that take longer than `millis`.
    #[must_use]
    pub fn above(&self, millis: f64) -> f64 {
        let (part, other) = self.slow.unwrap_or((0.0, self.calm));
        let rest = millis - self.stall;
        let answered = (1.0 - part) * self.calm.above(rest) + part * other.above(rest);
        (1.0 - self.errors) * (self.hang + (1.0 - self.hang) * answered)
    }

    /// The part of requests that fail, those that outlast the clients' patience included.
    #[must_use]
    pub fn failing(&self) -> f64 {
        self.errors + self.above(PATIENCE_MILLIS)
    }

    /// Neither of the others reaches it, and so no client does.
    #[must_use]
    pub fn cut_off(&self) -> bool {
        self.unreachable == [true; 2]
    }
}

/// Until the spell, or this burst of it, ends.
fn left(spell: &Spell, at: u64) -> u64 {
    match spell.shape {
        Shape::Bursts(length, period) => (length - (at - spell.from) % period).min(spell.to - at),
        Shape::Step | Shape::Ramp(_) => spell.to - at,
    }
}

/// Either of two independent things.
fn both(one: f64, other: f64) -> f64 {
    1.0 - (1.0 - one) * (1.0 - other)
}

/// Milliseconds as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "a trial's milliseconds are far below 2^53")]
pub(crate) const fn as_float(millis: u64) -> f64 {
    millis as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_grows_and_bursts_come_and_go() {
        let effect = Effect::Errors(0.5);
        let ramp = Spell { shape: Shape::Ramp(0.5), ..Spell::step(1_000, 3_000, effect) };
        let weights: Vec<f64> = [900, 1_000, 1_500, 2_000, 2_900, 3_000].map(|at| ramp.weight(at)).into();
        assert_eq!(weights, [0.0, 0.0, 0.5, 1.0, 1.0, 0.0]);
        let bursts = Spell { shape: Shape::Bursts(200, 1_000), ..Spell::step(0, 2_000, effect) };
        let weights: Vec<f64> = [0, 100, 200, 900, 1_100, 1_200].map(|at| bursts.weight(at)).into();
        assert_eq!(weights, [1.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn a_stall_is_slow_for_those_who_wait_past_the_bound() {
        let course = Course { spells: vec![Spell::step(0, 2_000, Effect::Stall)], ..Course::calm(100.0) };
        assert!(course.at(0).above(1_500.0) > 0.99);
        assert!(course.at(1_000).above(1_500.0) < 0.01);
    }

    #[test]
    fn probes_see_what_they_may() {
        let gray = Spell { sight: Sight::Nothing, ..Spell::step(0, 1_000, Effect::Errors(0.9)) };
        let part = Spell { sight: Sight::Routes(2), ..gray };
        let course = |spell| Course { spells: vec![spell], ..Course::calm(100.0) };
        assert!(course(gray).at(0).failing() > 0.9);
        assert!(course(gray).route(0, 0).failing() < 0.01);
        assert!(course(part).route(0, 1).failing() > 0.9 && course(part).route(0, 2).failing() < 0.01);
    }
}
