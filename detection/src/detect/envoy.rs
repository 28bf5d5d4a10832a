//! Envoy's outlier detection with its documented defaults, its hosts being regions.
//!
//! Source: Envoy documentation, "Outlier detection" and `cluster.OutlierDetection`: `consecutive_5xx` 5 (enforced
//! 100 %), `interval` 10 s, `base_ejection_time` 30 s, `max_ejection_percent` 10 but at least one host,
//! `success_rate_minimum_hosts` 5, `success_rate_request_volume` 100, `success_rate_stdev_factor` 1900. A failure is
//! a 5xx, and a timeout, which is mapped to one.
//!
//! Three regions are fewer than `success_rate_minimum_hosts`, so it is given four well regions besides.

use spillway_decide::Time;

use super::{Detector, Stand};
use crate::stream::{PEERS, Sample, Tick};

const CONSECUTIVE_5XX: u32 = 5;
const BASE_EJECTION_MILLIS: u64 = 30_000;
const MAX_EJECTED: usize = 1;
const MINIMUM_HOSTS: usize = 5;
const REQUEST_VOLUME: u64 = 100;
const STDEV_FACTOR: f64 = 1.9;

/// One region as a host of the cluster.
#[derive(Default)]
struct Host {
    requests: u64,
    failed: u64,
    consecutive: u32,
    ejected: Option<Time>,
    times: u64,
}

/// The detector of one cluster: the watched region first.
#[derive(Default)]
pub struct Outliers {
    hosts: [Host; 3 + PEERS],
}

impl Detector for Outliers {
    fn tick(&mut self, tick: &Tick) -> Stand {
        for host in 0..3 {
            for sample in &tick.regions[host].samples {
                match sample {
                    Sample::Ended { failed, .. } => self.answer(host, *failed, tick.now),
                    Sample::Lost => self.answer(host, true, tick.now),
                    Sample::Overdue { .. } => {}
                }
            }
        }
        if let Some(peers) = tick.peers {
            for (host, (requests, failed)) in self.hosts[3..].iter_mut().zip(peers) {
                (host.requests, host.failed) = (requests, failed);
            }
            self.sweep(tick.now);
        }
        let bad = self.hosts[0].ejected.is_some();
        Stand { bad, moved: bad }
    }
}

impl Outliers {
    fn answer(&mut self, host: usize, failed: bool, now: Time) {
        let counts = &mut self.hosts[host];
        counts.requests += 1;
        counts.failed += u64::from(failed);
        counts.consecutive = if failed { counts.consecutive + 1 } else { 0 };
        if counts.consecutive == CONSECUTIVE_5XX {
            counts.consecutive = 0;
            self.eject(host, now);
        }
    }

    fn eject(&mut self, host: usize, now: Time) {
        let ejected = self.hosts.iter().filter(|host| host.ejected.is_some()).count();
        if ejected < MAX_EJECTED && self.hosts[host].ejected.is_none() {
            self.hosts[host].ejected = Some(now);
            self.hosts[host].times += 1;
        }
    }

    /// Each interval: hosts return whose time is over, and success rates are compared.
    fn sweep(&mut self, now: Time) {
        for host in &mut self.hosts {
            let millis = BASE_EJECTION_MILLIS * host.times;
            host.ejected =
                host.ejected.filter(|at| now.since(*at) < std::time::Duration::from_millis(millis));
        }
        if let Some(threshold) = self.success_rate_threshold() {
            for host in 0..self.hosts.len() {
                if self.hosts[host].success_rate().is_some_and(|rate| rate < threshold) {
                    self.eject(host, now);
                }
            }
        }
        for host in &mut self.hosts {
            (host.requests, host.failed) = (0, 0);
        }
    }

    /// The mean of the hosts' success rates, less so many standard deviations.
    fn success_rate_threshold(&self) -> Option<f64> {
        let rates: Vec<f64> = self.hosts.iter().filter_map(Host::success_rate).collect();
        if rates.len() < MINIMUM_HOSTS {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "seven hosts")]
        let count = rates.len() as f64;
        let mean = rates.iter().sum::<f64>() / count;
        let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
        Some(mean - STDEV_FACTOR * variance.sqrt())
    }
}

impl Host {
    /// In percent, of those with enough requests.
    fn success_rate(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "requests of ten seconds")]
        let rate = 100.0 * (self.requests - self.failed) as f64 / self.requests.max(1) as f64;
        (self.requests >= REQUEST_VOLUME).then_some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_eject() {
        let mut outliers = Outliers::default();
        for failed in [true, true, true, true, false, true, true, true, true] {
            outliers.answer(0, failed, Time(0));
        }
        assert!(outliers.hosts[0].ejected.is_none());
        outliers.answer(0, true, Time(0));
        assert!(outliers.hosts[0].ejected.is_some());
        outliers.sweep(Time(29_999));
        assert!(outliers.hosts[0].ejected.is_some());
        outliers.sweep(Time(30_000));
        assert!(outliers.hosts[0].ejected.is_none());
    }

    #[test]
    fn one_host_of_five_whose_success_rate_falls_behind() {
        let with = |hosts: usize, failed| {
            let mut outliers = Outliers::default();
            for host in &mut outliers.hosts[..hosts] {
                (host.requests, host.failed) = (1000, 2);
            }
            outliers.hosts[0].failed = failed;
            outliers.sweep(Time(0));
            outliers.hosts[0].ejected.is_some()
        };
        assert!(with(5, 100));
        assert!(!with(5, 2));
    }

    #[test]
    fn four_hosts_are_too_few_to_compare() {
        let mut outliers = Outliers::default();
        for (host, compared) in [(3, false), (4, true)] {
            for host in &mut outliers.hosts[..=host] {
                host.requests = REQUEST_VOLUME;
            }
            assert_eq!(outliers.success_rate_threshold().is_some(), compared);
        }
    }

    #[test]
    fn only_one_at_a_time() {
        let mut outliers = Outliers::default();
        for host in [1, 0] {
            for _ in 0..5 {
                outliers.answer(host, true, Time(0));
            }
        }
        assert!(outliers.hosts[1].ejected.is_some() && outliers.hosts[0].ejected.is_none());
    }
}
