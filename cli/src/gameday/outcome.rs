//! What a game day showed, beside what was foreseen: the report at its end.

use std::fmt::Write;

use serde::Serialize;

use crate::simulate::Foreseen;
use crate::table::{columns, dash};

/// Seconds since it began; none: it was not seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Milestones {
    /// The region is Degraded.
    pub(super) degraded: Option<f64>,
    /// All its arrivals go elsewhere.
    pub(super) left: Option<f64>,
    /// No gateway's DNS answers with it.
    pub(super) out_of_dns: Option<f64>,
    /// The last request that it served itself, to a second or two.
    pub(super) last_client: Option<f64>,
    /// It played ill no more.
    pub(super) ended: Option<f64>,
    /// Everything is as it was.
    pub(super) recovered: Option<f64>,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Moment {
    pub(super) seconds: f64,
    pub(super) gateway: String,
    pub(super) what: String,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    pub(super) region: String,
    pub(super) fault: String,
    pub(super) by: String,
    /// It was left and came home, and nobody stopped it.
    pub(super) ok: bool,
    /// Why it ended before its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aborted: Option<String>,
    pub(super) foreseen: Foreseen,
    pub(super) observed: Milestones,
    pub(super) log: Vec<Moment>,
}

impl Outcome {
    /// In words, why it is not `ok`.
    pub(super) fn verdict(&self) -> String {
        let Milestones { degraded, left, out_of_dns, recovered, ended, .. } = &self.observed;
        let region = &self.region;
        match (&self.aborted, degraded, left.or(*out_of_dns), recovered) {
            (Some(why), ..) => format!("aborted: {why}"),
            (_, None, ..) => format!("{region} was not left: nobody found it Degraded"),
            (_, _, None, _) => format!("{region} was Degraded, and its traffic stayed"),
            (_, _, _, None) if ended.is_none() => {
                format!("{region} may still play ill: end it with `kubectl spillway end-gameday {region}`")
            }
            (_, _, _, None) => format!("{region} was left, and not everything came home while this looked"),
            _ => format!("{region} was left and taken back"),
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Milestones { degraded, left, out_of_dns, last_client, ended, recovered } = &self.observed;
        let Foreseen { degraded: d, left: l, out_of_dns: o, recovered: r } = &self.foreseen;
        let rows = [
            ("Degraded", *d, *degraded),
            ("all arrivals elsewhere", *l, *left),
            ("out of every DNS answer", *o, *out_of_dns),
            ("its last client", None, *last_client),
            ("the end of the fault", None, *ended),
            ("everything as before", *r, *recovered),
        ];
        let seconds = |at: Option<f64>| at.map_or_else(dash, |at| format!("{at:+.1}s"));
        let rows = rows.map(|(what, foreseen, seen)| vec![what.to_owned(), seconds(foreseen), seconds(seen)]);
        let mut text = format!("\nGame day of {} ({}), by {}\n", self.region, self.fault, self.by);
        text += &columns(&["", "FORESEEN", "SEEN"], rows.into_iter());
        let _ = writeln!(text, "\n{}", self.verdict());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_in_words() {
        let all = Milestones {
            degraded: Some(30.1),
            left: Some(33.0),
            out_of_dns: Some(30.5),
            last_client: None,
            ended: Some(60.0),
            recovered: Some(95.0),
        };
        for (observed, aborted, words) in [
            (all.clone(), None, "was left and taken back"),
            (all.clone(), Some("Ctrl-C"), "aborted: Ctrl-C"),
            (Milestones::default(), None, "was not left"),
            (Milestones { left: None, out_of_dns: None, ..all.clone() }, None, "its traffic stayed"),
            (Milestones { recovered: None, ..all.clone() }, None, "not everything came home"),
            (Milestones { recovered: None, ended: None, ..all.clone() }, None, "may still play ill"),
        ] {
            let outcome = Outcome {
                region: "r".into(),
                fault: "f".into(),
                by: "me".into(),
                ok: false,
                aborted: aborted.map(str::to_owned),
                foreseen: Foreseen::default(),
                observed,
                log: Vec::new(),
            };
            assert!(outcome.verdict().contains(words), "{}", outcome.verdict());
            assert!(outcome.text().contains(words));
        }
    }
}
