//! What the gateway has to reach, beside what it reached.

use crate::case::Case;
use crate::figures::Figure;
use crate::proxies::Kind;

use super::words;

/// A figure of ours, at most so many times another figure.
struct Target {
    what: &'static str,
    ours: Case,
    /// Whose figure it is measured against, in which case.
    of: (Kind, Case),
    most: f64,
    figure: fn(&Figure) -> Option<f64>,
}

const CPU: fn(&Figure) -> Option<f64> = |figure| figure.cpu_us_per_request;
const MEMORY: fn(&Figure) -> Option<f64> = |figure| Some(figure.rss_mb);

const TARGETS: [Target; 5] = [
    Target {
        what: "processor time, plain",
        ours: Case::Plain,
        of: (Kind::Haproxy, Case::Plain),
        most: 1.0,
        figure: CPU,
    },
    Target {
        what: "processor time, everything on, to HAProxy's plain",
        ours: Case::All,
        of: (Kind::Haproxy, Case::Plain),
        most: 1.25,
        figure: CPU,
    },
    Target {
        what: "processor time, plain",
        ours: Case::Plain,
        of: (Kind::Envoy, Case::Plain),
        most: 0.5,
        figure: CPU,
    },
    Target {
        what: "memory, 10,000 idle connections",
        ours: Case::IdleConnections,
        of: (Kind::Haproxy, Case::IdleConnections),
        most: 1.5,
        figure: MEMORY,
    },
    Target {
        what: "processor time, 10,000 routes to 10",
        ours: Case::ManyRoutes,
        of: (Kind::Spillway, Case::FewRoutes),
        most: 1.05,
        figure: CPU,
    },
];

/// The table of targets: a line for each that the figures have something to say about.
pub(super) fn table(figures: &[Figure]) -> String {
    let body: Vec<_> = TARGETS.iter().filter_map(|target| target.line(figures)).collect();
    let head = ["figure", "target", "ours", "the other", "ratio", ""].map(str::to_owned);
    if body.is_empty() { String::new() } else { words::table(&head, &body) }
}

impl Target {
    fn line(&self, figures: &[Figure]) -> Option<Vec<String>> {
        let find = |proxy, case| {
            let found = figures.iter().find(|figure| figure.proxy == proxy && figure.case == case)?;
            (self.figure)(found)
        };
        let (ours, other) = (find(Kind::Spillway, self.ours)?, find(self.of.0, self.of.1)?);
        let ratio = ours / other;
        let whose = format!("{} ({})", words::figure(other), self.of.0.name());
        let met = if ratio <= self.most { "met" } else { "missed" };
        Some(vec![
            self.what.to_owned(),
            format!("at most {:.2}x", self.most),
            words::figure(ours),
            whose,
            format!("{ratio:.2}x"),
            met.to_owned(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::super::invented::figure;
    use super::*;

    #[test]
    fn a_target_is_met_or_missed_or_not_told() {
        let figures = [
            figure(Kind::Spillway, Case::Plain, 20.0),
            figure(Kind::Haproxy, Case::Plain, 20.0),
            figure(Kind::Envoy, Case::Plain, 30.0),
        ];
        let table = table(&figures);
        assert!(table.contains("| at most 1.00x | 20.0 | 20.0 (haproxy) | 1.00x | met |"), "{table}");
        assert!(table.contains("| at most 0.50x | 20.0 | 30.0 (envoy) | 0.67x | missed |"), "{table}");
        assert!(!table.contains("memory"), "{table}");
    }
}
