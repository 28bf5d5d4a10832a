//! How times are spread: order statistics, and the intrinsic times of operations.

/// Times in nanoseconds, sorted.
pub(crate) struct Spread(Vec<u32>);

impl Spread {
    /// The spread of these times.
    pub(crate) fn of(mut times: Vec<u32>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The time that `share` (of 1) of the operations did not exceed, by the nearest rank, in microseconds.
    pub(crate) fn quantile_us(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a rank within the length"
        )]
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.clamp(1, self.0.len().max(1)) - 1).map_or(0.0, |ns| microseconds(*ns))
    }

    /// The longest time, in microseconds.
    pub(crate) fn max_us(&self) -> f64 {
        self.quantile_us(1.0)
    }
}

/// Several runs that did the same, operation by operation. What an operation takes in the fastest of them is its
/// intrinsic time: what is left when the machine's own pauses, which hit another operation each time, are taken out.
///
/// It flatters a map whose growth depends on hashes that differ from run to run: its stalls, too, hit another
/// operation each time. So hashers have fixed seeds here, but Go's cannot have one; [`Self::run_max_us`] is beside
/// it for that reason.
#[derive(Default)]
pub(crate) struct Runs {
    fastest: Vec<u32>,
    maxima: Vec<u32>,
}

impl Runs {
    /// Takes in the times of a run.
    pub(crate) fn add(&mut self, times: Vec<u32>) {
        self.maxima.extend(times.iter().max());
        if self.fastest.is_empty() {
            self.fastest = times;
            return;
        }
        for (fastest, time) in self.fastest.iter_mut().zip(times) {
            *fastest = time.min(*fastest);
        }
    }

    /// The median over runs of the longest operation, machine's pauses included, in microseconds.
    pub(crate) fn run_max_us(&self) -> f64 {
        let mut maxima = self.maxima.clone();
        maxima.sort_unstable();
        maxima.get(maxima.len() / 2).map_or(0.0, |ns| microseconds(*ns))
    }

    /// The spread of the intrinsic times.
    pub(crate) fn intrinsic(self) -> Spread {
        Spread::of(self.fastest)
    }
}

fn microseconds(ns: u32) -> f64 {
    f64::from(ns) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn quantiles_are_by_the_nearest_rank() {
        let spread = Spread::of((1..=1000).rev().map(|us| us * 1000).collect());
        for (share, us) in [(0.5, 500.0), (0.99, 990.0), (0.9999, 1000.0), (0.0, 1.0)] {
            assert!(close(spread.quantile_us(share), us), "{share}: {}", spread.quantile_us(share));
        }
        assert!(close(Spread::of(vec![]).max_us(), 0.0));
    }

    #[test]
    fn a_pause_that_hits_one_run_is_not_intrinsic() {
        let mut runs = Runs::default();
        for times in [vec![1000, 9_000_000, 7000], vec![8_000_000, 2000, 7000], vec![1000, 2000, 7000]] {
            runs.add(times);
        }
        assert!(close(runs.run_max_us(), 8000.0), "{}", runs.run_max_us());
        assert!(close(runs.intrinsic().max_us(), 7.0));
    }
}
