//! What the demo does next. The world moves at its own pace; the script waits for what must come, and gives up
//! only long after the YAML's times have passed.

use super::{
    milestones::{Milestone, Milestones},
    terms::Terms,
};

/// Traffic in peace before the fault begins.
const WARM_UP: f64 = 8.0;

/// How long the failed-over world is shown before the region is healed.
const SHOW: f64 = 10.0;

/// How long the healed world is shown before the end.
const CODA: f64 = 4.0;

/// How much later than promised the way there may be, before the demo gives up waiting.
const PATIENCE_AWAY: f64 = 60.0;

/// The same for the way home, whose steps are long.
const PATIENCE_HOME: f64 = 120.0;

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing yet.
    Wait,
    /// Make the region slow.
    BeginFault,
    /// Make it whole.
    EndFault,
    /// The story is over, one way or the other.
    Finish,
}

/// Where the story is, in words for the table's head.
#[must_use]
pub fn chapter(milestones: &Milestones, terms: &Terms) -> String {
    let region = &terms.region;
    match (milestones.onset, milestones.healed) {
        (None, _) => format!("all is well; {region} is going to be slow in a moment"),
        (Some(_), None) => format!("{region} answers slowly"),
        (Some(_), Some(_)) if milestones.home().is_some() => format!("{region} is home again"),
        (Some(_), Some(_)) => format!("{region} is well again; traffic comes home in steps"),
    }
}

/// The next step, `now` seconds after the traffic began.
#[must_use]
pub fn next(now: f64, milestones: &Milestones, terms: &Terms) -> Step {
    let Some(onset) = milestones.onset else {
        return if now >= WARM_UP { Step::BeginFault } else { Step::Wait };
    };
    let Some(healed) = milestones.healed else { return away(now - onset, milestones, terms) };
    let shown = milestones.home().is_some_and(|home| now >= home + CODA);
    let given_up = now - healed > terms.way_home() + PATIENCE_HOME;
    if shown || given_up { Step::Finish } else { Step::Wait }
}

fn away(since_onset: f64, milestones: &Milestones, terms: &Terms) -> Step {
    let gone = [Milestone::Shifted100, Milestone::DnsAway, Milestone::ClientsAway];
    let last = gone
        .into_iter()
        .map(|it| milestones.since_onset(it))
        .try_fold(0.0, |last: f64, at| Some(last.max(at?)));
    match last {
        Some(last) if since_onset >= last + SHOW => Step::EndFault,
        None if since_onset > terms.hold() + PATIENCE_AWAY => Step::Finish,
        _ => Step::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::invented, *};

    #[test]
    fn the_script_follows_the_world() {
        let (terms, frames) = (invented::terms(), invented::story());
        let mut milestones = Milestones::default();
        let mut steps = vec![];
        for frame in &frames {
            milestones.read(frame, &terms);
            match next(frame.at, &milestones, &terms) {
                Step::Wait => continue,
                Step::BeginFault => milestones.onset = Some(frame.at),
                Step::EndFault => milestones.healed = Some(frame.at),
                Step::Finish => {}
            }
            steps.push((next(frame.at - 0.25, &milestones, &terms), frame.at));
            if steps.len() == 3 {
                break;
            }
        }
        let at: Vec<_> = steps.iter().map(|(_, at)| at.round()).collect();
        assert_eq!(at, [8.0, invented::HEALED, invented::HOME + CODA], "{steps:?}");
    }

    #[test]
    fn patience_ends() {
        let terms = invented::terms();
        let cases = [
            (None, 8.0 + 30.0 + 59.0, Step::Wait),
            (None, 8.0 + 30.0 + 61.0, Step::Finish),
            (Some(60.0), 60.0 + 239.0, Step::Wait),
            (Some(60.0), 60.0 + 241.0, Step::Finish),
        ];
        for (healed, now, expected) in cases {
            let mut milestones = Milestones::default();
            (milestones.onset, milestones.healed) = (Some(8.0), healed);
            assert_eq!(next(now, &milestones, &terms), expected, "at {now}, healed {healed:?}");
        }
    }
}
