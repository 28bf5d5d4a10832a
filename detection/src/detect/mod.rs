//! Detectors: the product's decisions, and what others use for the same purpose.

use crate::stream::{Seen, Tick};

pub mod envoy;
pub mod phi;
pub mod route53;
pub mod spillway;
pub mod threshold;

/// What a detector holds of the first region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stand {
    /// It is bad.
    pub bad: bool,
    /// Traffic leaves it: it is bad, and another is not.
    pub moved: bool,
}

/// A detector, from the beginning of a trial to its end.
pub trait Detector {
    /// Takes one tick in.
    fn tick(&mut self, tick: &Tick) -> Stand;
}

/// A detector that looks at one region alone.
pub trait Lone {
    /// Takes one tick of its region in, and says whether the region is bad now.
    fn is_bad(&mut self, now: spillway_decide::Time, seen: &Seen) -> bool;
}

/// One such detector for each region that serves. Traffic leaves the first when it is bad and not all are: the
/// same rule for everybody, for a shift from bad to bad is none.
pub struct Each<D>(pub [D; 3]);

impl<D: Lone> Detector for Each<D> {
    fn tick(&mut self, tick: &Tick) -> Stand {
        let serving = if tick.all_serve { 3 } else { 1 };
        let mut bad = [false; 3];
        for ((bad, lone), seen) in bad.iter_mut().zip(&mut self.0).zip(&tick.regions).take(serving) {
            *bad = lone.is_bad(tick.now, seen);
        }
        Stand { bad: bad[0], moved: bad[0] && bad != [true; 3] }
    }
}

/// A kind of detector: what it is called in the figures, and how one is made.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Name.
    pub name: &'static str,
    /// A fresh one, for a federation whose regions all serve or not.
    pub make: fn(all_serve: bool) -> Box<dyn Detector>,
}

/// All of them, ours first.
pub const KINDS: &[Kind] = &[
    Kind { name: "spillway", make: |all_serve| Box::new(spillway::Federation::new(all_serve)) },
    Kind { name: "fixed-threshold", make: |_| Box::new(Each::<threshold::Alarm>(Default::default())) },
    Kind { name: "phi-accrual-8", make: |_| Box::new(Each::<phi::Accrual>(Default::default())) },
    Kind { name: "envoy-outlier", make: |_| Box::new(envoy::Outliers::default()) },
    Kind { name: "quorum-18-percent", make: |_| Box::new(Each::<route53::HealthCheck>(Default::default())) },
];
