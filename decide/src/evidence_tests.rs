//! Twenty-nine seconds of fault never hold for thirty, thirty-one always do.

use proptest::prelude::*;

use super::*;

/// What goes wrong with the part of requests that the fault takes.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Errors,
    Slow,
    Hang,
    Both,
}

/// A small generator of noise, so that a case replays from its seed.
struct Noise(u64);

impl Noise {
    fn below(&mut self, fraction: f64) -> bool {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let unit = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        unit < fraction
    }
}

struct Trial {
    kind: Kind,
    rate: u64,
    fraction: f64,
    noise: f64,
    start: u64,
    millis: u64,
    seed: u64,
}

/// A request that ends in the future.
struct Pending {
    at: u64,
    sample: Sample,
}

enum Sample {
    Request { latency: u64, failed: bool },
    Overdue,
}

impl Trial {
    /// The longest hold that the evidence ever claims.
    fn held(&self) -> Duration {
        let health = Health::default();
        let bound = u64::from(health.max_latency_p95_milliseconds);
        let mut evidence = Evidence::new(Time(0), &health);
        let mut noise = Noise(self.seed);
        let mut pending: Vec<Pending> = Vec::new();
        let mut longest = Duration::ZERO;
        let mut sent = 0_u64;
        for tick in 1..=(self.start + self.millis + 20_000) / 100 {
            let now = tick * 100;
            while sent * 1000 / self.rate < now {
                let at = sent * 1000 / self.rate;
                pending.extend(self.send(at, bound, &mut noise));
                sent += 1;
            }
            pending.retain(|pending| {
                if pending.at >= now {
                    return true;
                }
                match pending.sample {
                    Sample::Request { latency, failed } => {
                        evidence.request(Time(pending.at), Duration::from_millis(latency), failed);
                    }
                    Sample::Overdue => evidence.overdue(Time(pending.at)),
                }
                false
            });
            longest = longest.max(evidence.assess(Time(now)).held);
        }
        longest
    }

    fn send(&self, at: u64, bound: u64, noise: &mut Noise) -> Option<Pending> {
        let faulty = (self.start..self.start + self.millis).contains(&at) && noise.below(self.fraction);
        let stray = noise.below(self.noise);
        let failed = Sample::Request { latency: 20, failed: true };
        let overdue = Some(Pending { at: at + bound, sample: Sample::Overdue });
        match self.kind {
            Kind::Slow | Kind::Hang if faulty || stray => overdue,
            Kind::Both if faulty && noise.below(0.5) => overdue,
            Kind::Errors | Kind::Both if faulty || stray => Some(Pending { at: at + 20, sample: failed }),
            _ => Some(Pending { at: at + 20, sample: Sample::Request { latency: 20, failed: false } }),
        }
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Errors), Just(Kind::Slow), Just(Kind::Hang), Just(Kind::Both)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn twenty_nine_seconds_never_hold(
        kind in kind(), rate in 100_u64..=1000, fraction in 0.3_f64..=1.0, noise in 0.0_f64..=0.01,
        start in 10_000_u64..20_000, seed: u64,
    ) {
        let held = Trial { kind, rate, fraction, noise, start, millis: 29_000, seed }.held();
        prop_assert!(held < Duration::from_secs(30), "{held:?}");
    }

    #[test]
    fn thirty_one_seconds_always_hold(
        kind in kind(), rate in 100_u64..=1000, fraction in 0.3_f64..=1.0, noise in 0.0_f64..=0.01,
        start in 10_000_u64..20_000, seed: u64,
    ) {
        let held = Trial { kind, rate, fraction, noise, start, millis: 31_000, seed }.held();
        prop_assert!(held >= Duration::from_secs(30), "{held:?}");
    }

    /// At 20 to 50 requests a second, and a fault that takes at least half of them, the hold is right within
    /// two seconds.
    #[test]
    fn low_volumes_are_within_two_seconds(
        kind in kind(), rate in 20_u64..=50, fraction in 0.5_f64..=1.0, noise in 0.0_f64..=0.01,
        start in 10_000_u64..20_000, seed: u64,
    ) {
        let short = Trial { kind, rate, fraction, noise, start, millis: 28_000, seed }.held();
        prop_assert!(short < Duration::from_secs(30), "{short:?}");
        let long = Trial { kind, rate, fraction, noise, start, millis: 32_000, seed }.held();
        prop_assert!(long >= Duration::from_secs(30), "{long:?}");
    }
}

fn seconds(n: u64) -> Time {
    Time(n * 1000)
}

#[test]
fn says_which_bound_and_how_long() {
    let mut evidence = Evidence::new(seconds(0), &Health::default());
    for tick in 0..400_u64 {
        evidence.request(Time(2_140 + tick * 100), Duration::from_millis(2140), false);
        evidence.assess(Time(2_140 + tick * 100));
    }
    let assessment = evidence.assess(Time(42_100));
    let words = assessment.breach.unwrap().words(Some(assessment.held));
    assert!(words.starts_with("P95 21"), "{words}");
    assert!(words.ends_with(" ms > 1500 ms for 39 s (8 req/s)"), "{words}");
}

/// One request in eighteen hangs, and the others are answered long before that shows.
#[test]
fn hangs_just_above_the_bound_are_a_breach() {
    let mut evidence = Evidence::new(seconds(0), &Health::default());
    for tick in 0..300_u64 {
        let now = Time(tick * 100);
        for nth in 0..90 {
            if nth % 18 != 0 {
                evidence.request(now, Duration::from_millis(20), false);
            } else if tick >= 15 {
                evidence.overdue(now);
            }
        }
        evidence.assess(now);
    }
    let assessment = evidence.assess(seconds(30));
    assert!(matches!(assessment.breach, Some(Breach::Latency { .. })), "{assessment:?}");
    assert!(assessment.held > Duration::from_secs(25), "{assessment:?}");
}

#[test]
fn a_few_requests_say_nothing() {
    let mut evidence = Evidence::new(seconds(0), &Health::default());
    for second in 0..40 {
        evidence.request(seconds(second), Duration::from_millis(5), true);
        let assessment = evidence.assess(seconds(second));
        assert_eq!(assessment.breach, None, "at {second} s");
    }
}

#[test]
fn two_lost_probes_are_a_breach_and_one_is_not() {
    let mut evidence = Evidence::new(seconds(0), &Health::default());
    for second in 0..20 {
        evidence.probe(seconds(second), true);
    }
    evidence.probe(seconds(20), false);
    assert_eq!(evidence.assess(seconds(20)).breach, None);
    evidence.probe(seconds(21), false);
    let words = evidence.assess(seconds(21)).breach.unwrap().words(None);
    assert_eq!(words, "probe availability 80.0 % < 99 %");
}

/// A standby has nothing but probes. Each is known a moment after it was sent, when its second has been looked at.
#[test]
fn lost_probes_hold_however_short_the_window_is() {
    for window_seconds in [1, 2, 3, 10] {
        let health = Health { window_seconds, max_latency_p95_milliseconds: 400, ..Health::default() };
        let mut evidence = Evidence::new(Time(0), &health);
        let mut held = Duration::ZERO;
        for tenth in 0..400 {
            held = evidence.assess(Time(tenth * 100)).held;
            if tenth % 10 == 0 {
                evidence.probe(Time(tenth * 100), tenth < 200);
            }
        }
        assert!(held >= Duration::from_secs(18), "a window of {window_seconds} s: {held:?}");
    }
}

/// Each probe is known a moment after it was sent: between two of them nothing has been answered in the last second.
#[test]
fn good_probes_are_no_outage_however_short_the_window_is() {
    for window_seconds in [1, 2, 3] {
        let health = Health { window_seconds, max_latency_p95_milliseconds: 400, ..Health::default() };
        let mut evidence = Evidence::new(Time(0), &health);
        for tenth in 0..200_u64 {
            if tenth >= 2 && (tenth - 2) % 10 == 0 {
                evidence.probe(Time((tenth - 2) * 100), true);
            }
            assert!(!evidence.assess(Time(tenth * 100)).outage, "a window of {window_seconds} s, at {tenth}");
        }
    }
}

#[test]
fn slow_answers_are_no_outage_and_a_hang_is() {
    for (answers, outage) in [(true, false), (false, true)] {
        let mut evidence = Evidence::new(seconds(0), &Health::default());
        for tick in 0..200_u64 {
            evidence.overdue(Time(tick * 100));
            if answers {
                evidence.late(Time(tick * 100), Duration::from_secs(2), false);
            }
        }
        assert_eq!(evidence.assess(seconds(20)).outage, outage, "answers: {answers}");
    }
}

#[test]
fn has_no_opinion_before_a_window_is_full() {
    let mut evidence = Evidence::new(seconds(100), &Health::default());
    assert!(!evidence.assess(Time(109_900)).opinion);
    assert!(evidence.assess(seconds(110)).opinion);
}

/// Requests fail by half for 29 s; beside them a probe is lost now and then.
#[test]
fn stray_lost_probes_do_not_stretch_what_requests_date() {
    let strays = [[14, 52], [15, 53], [19, 50], [18, 18]];
    for (strays, rate) in strays.into_iter().flat_map(|strays| [(strays, 100), (strays, 10)]) {
        let mut evidence = Evidence::new(Time(0), &Health::default());
        let mut longest = Duration::ZERO;
        for tick in 0..700_u64 {
            let (now, faulty) = (Time(tick * 100), (200..490).contains(&tick));
            for nth in tick * rate / 10..(tick + 1) * rate / 10 {
                evidence.request(now, Duration::from_millis(20), faulty && nth % 2 == 0);
            }
            if tick % 10 == 0 {
                let lost = strays.contains(&(tick / 10)) || (faulty && tick % 20 == 0);
                evidence.probe(now, !lost);
            }
            longest = longest.max(evidence.assess(now).held);
        }
        assert!((28..30).contains(&longest.as_secs()), "{strays:?} at {rate} req/s: {longest:?}");
    }
}

#[test]
fn probes_that_all_fail_are_heard_beside_requests() {
    let mut evidence = Evidence::new(Time(0), &Health::default());
    for tick in 0..600_u64 {
        evidence.request(Time(tick * 100), Duration::from_millis(20), false);
        evidence.request(Time(tick * 100), Duration::from_millis(20), false);
        if tick % 10 == 0 {
            evidence.probe(Time(tick * 100), tick < 200);
        }
        evidence.assess(Time(tick * 100));
    }
    let assessment = evidence.assess(seconds(60));
    assert!(matches!(assessment.breach, Some(Breach::Availability { .. })), "{:?}", assessment.breach);
    assert!(assessment.held >= Duration::from_secs(30), "{:?}", assessment.held);
}

/// Others' uploads come over a bad link; then everybody's requests are slow, then a probe fails beside it.
#[test]
fn what_other_regions_forward_is_told_apart() {
    let mut evidence = Evidence::new(Time(0), &Health::default());
    let (quick, slow) = (Duration::from_millis(20), Duration::from_secs(2));
    let mut seen = Vec::new();
    for tick in 0..600_u64 {
        let now = Time(10_000 + tick * 100);
        for _ in 0..5 {
            evidence.request(now, if tick < 400 { quick } else { slow }, false);
            evidence.forwarded_request(now, if tick < 200 { quick } else { slow }, false);
        }
        let assessment = evidence.assess(now);
        seen.push((assessment.breach.is_some(), assessment.forwarded_only));
    }
    seen.dedup();
    assert_eq!(seen, [(false, false), (true, true), (true, false)]);
    let forwarded = evidence.assess(Time(70_000)).sli.forwarded.unwrap();
    assert!(
        (390..=410).contains(&forwarded.requests),
        "those of the last two seconds are not known: {forwarded:?}"
    );
    assert!(forwarded.slow_percent > 99.0, "{forwarded:?}");
}
