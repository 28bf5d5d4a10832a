//! One trial: every detector on the same stream, and when each first gave the region up.

use std::time::Duration;

use crate::bank::Trial;
use crate::detect::{Detector, KINDS, Kind};
use crate::stream::{EPOCH, Stream};
use crate::truth::{Class, Promise, Truth, truth};

/// A fault is caught while it lasts, or so soon after its end: the evidence of its last second is still to come.
pub const GRACE: Duration = Duration::from_secs(2);

/// What one detector made of a trial; times are milliseconds from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// When it first held the region to be bad.
    pub bad: Option<u64>,
    /// When traffic first left.
    pub moved: Option<u64>,
}

/// A trial with its truth and what came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The trial.
    pub trial: Trial,
    /// What it truly is.
    pub truth: Truth,
    /// In the order of the detectors.
    pub reactions: Vec<Reaction>,
}

/// How a reaction is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// A fault was caught, so long after its onset.
    Caught(Duration),
    /// A fault was not caught while it lasted, or the alarm came before it began.
    Missed,
    /// Nothing moved, and nothing had to.
    Quiet,
    /// Traffic moved for no fault.
    False,
}

/// Classes a trial and puts it to the detectors.
#[must_use]
pub fn run(trial: Trial, kinds: &[Kind], promise: &Promise) -> Outcome {
    let truth = truth(&trial.scene, promise);
    let reactions = react(&trial, kinds);
    Outcome { trial, truth, reactions }
}

/// The same, with all detectors.
#[must_use]
pub fn run_all(trial: Trial, promise: &Promise) -> Outcome {
    run(trial, KINDS, promise)
}

fn react(trial: &Trial, kinds: &[Kind]) -> Vec<Reaction> {
    let mut detectors: Vec<(Box<dyn Detector>, Reaction)> =
        kinds.iter().map(|kind| ((kind.make)(trial.scene.all_serve), Reaction::default())).collect();
    let mut stream = Stream::new(&trial.scene, trial.seed);
    while let Some(tick) = stream.next_tick() {
        let at = tick.now.0 - EPOCH;
        let mut done = true;
        for (detector, reaction) in detectors.iter_mut().filter(|(_, reaction)| !reaction.is_over()) {
            let stand = detector.tick(tick);
            reaction.bad = reaction.bad.or(stand.bad.then_some(at));
            reaction.moved = reaction.moved.or(stand.moved.then_some(at));
            done &= reaction.is_over();
        }
        if done {
            break;
        }
    }
    detectors.into_iter().map(|(_, reaction)| reaction).collect()
}

impl Reaction {
    /// Nothing is left to learn.
    const fn is_over(&self) -> bool {
        self.bad.is_some() && self.moved.is_some()
    }

    /// What it is worth.
    #[must_use]
    pub fn judge(&self, class: Class) -> Judgement {
        match (class, self.bad, self.moved) {
            (Class::Noise, _, Some(_)) => Judgement::False,
            (Class::Noise, _, None) => Judgement::Quiet,
            (Class::Fault { onset, end, .. }, Some(bad), _)
                if bad >= onset && Duration::from_millis(bad.saturating_sub(end)) <= GRACE =>
            {
                Judgement::Caught(Duration::from_millis(bad - onset))
            }
            (Class::Fault { .. }, ..) => Judgement::Missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::bank;

    #[test]
    fn judges_by_the_truth() {
        let fault = Class::Fault { onset: 10_000, end: 45_000, hold: Duration::from_secs(30) };
        let table = [
            (fault, Some(41_000), Judgement::Caught(Duration::from_secs(31))),
            (fault, Some(47_000), Judgement::Caught(Duration::from_secs(37))),
            (fault, Some(47_100), Judgement::Missed),
            (fault, Some(9_900), Judgement::Missed),
            (fault, None, Judgement::Missed),
            (Class::Noise, None, Judgement::Quiet),
            (Class::Noise, Some(1), Judgement::False),
        ];
        for (class, at, expected) in table {
            assert_eq!(Reaction { bad: at, moved: at }.judge(class), expected, "{class:?} {at:?}");
        }
    }

    #[test]
    fn bad_without_a_shift_is_no_false_shift() {
        assert_eq!(Reaction { bad: Some(1), moved: None }.judge(Class::Noise), Judgement::Quiet);
    }

    /// A slice of the bank, the same every time: what is plain is judged rightly by the product.
    #[test]
    fn a_slice_of_the_bank() {
        let promise = Promise::default();
        let short = |trial: &Trial| trial.volume == 100 && trial.scene.millis < 120_000;
        let outcomes: Vec<Outcome> = bank(7)
            .into_iter()
            .filter(short)
            .step_by(9)
            .map(|trial| run_all(trial, &promise))
            .filter(|outcome| outcome.truth.plain)
            .collect();
        let faults = outcomes.iter().filter(|outcome| outcome.truth.class != Class::Noise).count();
        assert!(faults >= 6 && outcomes.len() >= 30, "{faults} of {}", outcomes.len());
        for Outcome { trial, truth, reactions } in &outcomes {
            let judgement = reactions[0].judge(truth.class);
            let story = format!("{}, {}: {truth:?}, {:?}", trial.family, trial.detail, reactions[0]);
            assert!(matches!(judgement, Judgement::Caught(_) | Judgement::Quiet), "{judgement:?}: {story}");
        }
    }

    #[test]
    fn a_trial_replays() {
        let trial = || bank(3).into_iter().nth(40).unwrap();
        let story = || run_all(trial(), &Promise::default()).reactions;
        assert_eq!(story(), story());
    }
}
