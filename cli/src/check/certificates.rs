//! What ends, and when somebody should have renewed it.

use jiff::{SignedDuration, Timestamp};

use super::facts::{Asked, Expiring, Seen};
use super::finding::{Finding, Then};

/// Gateways' identities last 90 days and are renewed 30 days before their end; the CA lasts ten years. Who has less than
/// this is not being renewed.
const SOON: SignedDuration = SignedDuration::from_hours(21 * 24);

pub(super) fn judge(
    expiring: &[Seen<Expiring>],
    gateways: &Seen<Vec<Asked>>,
    now: Timestamp,
) -> Vec<Finding> {
    let told = gateways.iter().flatten().filter_map(|gateway| {
        let ends = gateway.told.as_ref().ok()?.expires?;
        Some(Expiring { what: format!("the identity of {}'s gateway", gateway.member), ends: Some(ends) })
    });
    let known = expiring.iter().map(|found| match found {
        Ok(found) => lasts(found, now),
        Err(error) => Finding::skipped("what the hub keeps is valid", error),
    });
    known.chain(told.map(|found| lasts(&found, now))).collect()
}

fn lasts(found: &Expiring, now: Timestamp) -> Finding {
    let Expiring { what, ends } = found;
    let Some(ends) = ends else { return Finding::ok(format!("{what} does not end")) };
    let left = ends.duration_since(now);
    let check = format!("{what} is valid for three weeks or more");
    let renew = Then(
        "see that the hub reaches the member: it renews identities; `kubectl spillway join` makes a credential anew",
        "certificates",
    );
    if left <= SignedDuration::ZERO {
        Finding::failed(check, format!("it ended at {ends}"), renew)
    } else if left < SOON {
        Finding::warning(check, format!("it ends at {ends}, in {} days", left.as_hours() / 24), renew)
    } else {
        Finding::ok(format!("{what} is valid until {ends}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    #[test]
    fn what_ends_soon_is_told_before_it_does() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        for (ends, outcome) in [
            (None, Outcome::Ok),
            (Some("2027-02-01T00:00:00Z"), Outcome::Ok),
            (Some("2026-12-01T00:00:00Z"), Outcome::Warning),
            (Some("2026-11-22T23:59:59Z"), Outcome::Failed),
        ] {
            let found = Expiring { what: "x".into(), ends: ends.map(|ends| ends.parse().unwrap()) };
            let finding = judge(&[Ok(found)], &Ok(Vec::new()), now).remove(0);
            assert_eq!(finding.outcome, outcome, "{finding:?}");
        }
    }
}
