//! One step of deciding, per gateway and priority: evidence, votes and reports in; verdicts, shares, grants
//! and an answer out.

use std::collections::{BTreeMap, BTreeSet};

use crate::answers::{self, Answer};
use crate::decision::{Decision, Input};
use crate::exceptions::{Exceptions, Region};
use crate::freeze::Freezer;
use crate::grants::{self, Origin};
use crate::hearing::Hearing;
use crate::last::Last;
use crate::priority::{Enforcement, Intent, Mode, Ordered, Priority, PriorityRegion};
use crate::report::{PriorityReport, PriorityView, RegionView};
use crate::shift::{Course, Field, Shifter};
use crate::standing::{Standing, Word, drain};
use crate::time::Time;
use crate::verdict::{Machine, Signal, Verdict};
use crate::votes::{Opinion, Tally, Vote};
use crate::{observer, voters};

/// The memory from step to step.
#[derive(Clone, Debug)]
pub struct Decider {
    own: Machine,
    /// By reach evidence, of every region, the own one included.
    reach: BTreeMap<String, Machine>,
    /// The last word of each region about itself; it stands while the region is silent.
    declared: BTreeMap<String, Word>,
    drained: BTreeSet<String>,
    /// Routes that are not as their region is.
    exceptions: Exceptions,
    /// Regions that our own probes did not reach when they last said anything.
    out_of_reach: BTreeSet<String>,
    shifter: Shifter,
    freezer: Freezer,
    last: Last,
}

impl Decider {
    /// No opinion on anything.
    #[must_use]
    pub fn new(now: Time) -> Self {
        Self {
            own: Machine::new(now),
            reach: BTreeMap::new(),
            declared: BTreeMap::new(),
            drained: BTreeSet::new(),
            exceptions: Exceptions::default(),
            out_of_reach: BTreeSet::new(),
            shifter: Shifter::default(),
            freezer: Freezer::new(now),
            last: Last::default(),
        }
    }

    /// Decides. To be called every 100 ms, and when a report changes something.
    pub fn step(&mut self, input: &Input<'_>) -> Decision {
        let votes = self.own_votes(input);
        let hearing = Hearing::new(input, &votes);
        self.forget_strangers(input.priority);
        self.exceptions.judge(input, self.own.verdict());
        self.own.step(input.now, &self.self_signal(input), &input.priority.recovery);
        let tallies = self.count_votes(input, &hearing);
        self.note_reach(&votes);
        self.listen(input, &hearing);
        let mut standings = self.standings(input, &hearing);
        // What traffic follows is not always how regions are: people may have frozen one.
        let mut followed = self.freezer.follow(input.now, input.priority, &standings);
        let course = self.course(input, &hearing, &mut followed);
        self.explain(input, &mut standings, &course);
        let suspicion = answers::suspicion(&standings);
        // No address at all is no reason to publish nothing: the last answer stands.
        let answer = self.answer(input, &followed, suspicion).or_else(|| self.last.answer.clone());
        let mut changes = self.last.turn(input, &standings, &course, answer.as_ref());
        changes.extend(self.last.turn_routes(&self.exceptions, input.region));
        Decision {
            report: self.report(input, &votes, &hearing, &standings, &tallies, &course, answer.as_ref()),
            grants: standings.iter().map(|standing| (standing.region.clone(), standing.grant)).collect(),
            routes: self.exceptions.shares(&course.shares),
            shed: self.shed(input),
            unaware: unaware(&hearing),
            watched: self.exceptions.watched(&hearing),
            shares: course.shares,
            answer,
            changes,
        }
    }

    /// What our own evidence says: of the front door and of all requests, and else of the routes.
    fn self_signal(&self, input: &Input<'_>) -> Signal {
        match input.own.signal(input.priority.health.hold()) {
            Signal::Silent => Signal::Silent,
            Signal::Confirmed { reason } => Signal::Confirmed { reason },
            other => {
                self.exceptions.are_the_region(input).map_or(other, |reason| Signal::Confirmed { reason })
            }
        }
    }

    /// The routes that we take from nobody: those that are bad here, unless people want the traffic here.
    fn shed(&self, input: &Input<'_>) -> BTreeMap<String, Time> {
        let enforced = input.priority.enforcement == Enforcement::Enforce;
        let wanted = input.priority.intent(input.region) == Intent::Pinned;
        let wanted = wanted || input.priority.is_frozen(input.region);
        if enforced && !wanted { self.exceptions.shed() } else { BTreeMap::new() }
    }

    fn forget_strangers(&mut self, priority: &Priority) {
        let names: BTreeSet<&str> = priority.names().collect();
        self.reach.retain(|region, _| names.contains(region.as_str()));
        self.declared.retain(|region, _| names.contains(region.as_str()));
        self.out_of_reach.retain(|region| names.contains(region.as_str()));
        self.last.verdicts.retain(|region, _| names.contains(region.as_str()));
    }

    /// Our votes as we tell them. Of two regions, the witness speaks for the one that is left.
    fn own_votes(&self, input: &Input<'_>) -> BTreeMap<String, Vote> {
        if input.priority.regions.len() <= 2 {
            return input.votes.clone();
        }
        let given_up = self.reach.iter().filter(|(_, machine)| machine.verdict() == Verdict::Degraded);
        let given_up: BTreeSet<&str> = given_up.map(|(region, _)| region.as_str()).collect();
        observer::honest(input.votes, &given_up, input.witnesses, &input.priority.health)
    }

    /// Counts the votes on every region, the own one included, and judges by them.
    fn count_votes<'a>(&mut self, input: &Input<'a>, hearing: &Hearing<'_>) -> BTreeMap<&'a str, Tally> {
        let mut tallies = BTreeMap::new();
        for region in input.priority.names() {
            let voters = voters::of(region, input.priority.names());
            let seats = u32::try_from(voters.len()).unwrap_or(u32::MAX);
            let tally = Tally::count(seats, hearing.votes_on(region, &voters));
            let machine = self.reach.entry(region.to_owned()).or_insert_with(|| Machine::new(input.now));
            let signal = tally.signal(input.now);
            machine.step(input.now, &signal, &input.priority.recovery);
            if matches!(signal, Signal::Silent | Signal::Leaning { .. } | Signal::Trouble { .. }) {
                adopt(input, hearing, region, machine);
            }
            tallies.insert(region, tally);
        }
        tallies
    }

    /// Notes whom this gateway reaches; where its own vote abstains, its last one stands.
    fn note_reach(&mut self, votes: &BTreeMap<String, Vote>) {
        for (region, vote) in votes {
            match vote.opinion {
                Opinion::Abstain if vote.unreached => self.out_of_reach.insert(region.clone()),
                Opinion::Good => self.out_of_reach.remove(region),
                Opinion::Bad | Opinion::Suspect => self.out_of_reach.insert(region.clone()),
                Opinion::Abstain => false,
            };
        }
    }

    /// Notes what the other regions say of themselves: of several members, the best.
    fn listen(&mut self, input: &Input<'_>, hearing: &Hearing<'_>) {
        for region in input.priority.names().filter(|region| *region != input.region) {
            let best = hearing.of(region).min_by_key(|report| report.verdict);
            let Some(PriorityReport { verdict, reason, home_percent, .. }) = best else {
                continue;
            };
            let known = self.declared.get(region).filter(|word| word.verdict == *verdict);
            let since = known.map_or(input.now, |word| word.since);
            let (verdict, reason, home_percent) = (*verdict, reason.clone(), *home_percent);
            self.declared.insert(region.to_owned(), Word { verdict, reason, since, home_percent });
        }
    }

    fn standings(&mut self, input: &Input<'_>, hearing: &Hearing<'_>) -> Vec<Standing> {
        let words: BTreeMap<&str, Word> =
            input.priority.names().map(|region| (region, self.word(input, region))).collect();
        let leaving = |region: &str| hearing.of(region).any(|report| report.draining);
        let verdict = |region: &str| words.get(region).map_or(Verdict::Healthy, |word| word.verdict);
        drain(&mut self.drained, input.priority, verdict, leaving);
        let fellows = fellows(input);
        let standing = |entry: &PriorityRegion| {
            let word = words.get(entry.name.as_str())?.clone();
            Some(Standing {
                region: entry.name.clone(),
                intent: entry.intent,
                verdict: word.verdict,
                reason: word.reason,
                since: word.since,
                home_percent: word.home_percent,
                within: self.within(input, &entry.name),
                reached: !self.out_of_reach.contains(&entry.name),
                drained: self.drained.contains(&entry.name),
                grant: granted(input, hearing, &entry.name) / fellows,
            })
        };
        input.priority.regions.iter().filter_map(standing).collect()
    }

    /// Whether a region is within its bounds by its own word, as far as heard, and not given up by a quorum.
    fn within(&self, input: &Input<'_>, region: &str) -> bool {
        let declared = if region == input.region {
            self.own.verdict()
        } else {
            self.declared.get(region).map_or(Verdict::Healthy, |word| word.verdict)
        };
        let given_up = self.reach.get(region).is_some_and(|machine| machine.verdict() >= Verdict::Recovering);
        declared == Verdict::Healthy && !given_up
    }

    /// The effective verdict: the worse of what the region says itself and what the others see of it.
    fn word(&self, input: &Input<'_>, region: &str) -> Word {
        let own = (region == input.region).then(|| Word::of(&self.own, input.priority));
        let declared = own.or_else(|| self.declared.get(region).cloned());
        let reach = self.reach.get(region).map(|machine| Word::of(machine, input.priority));
        match (declared, reach) {
            (Some(declared), Some(reach)) => declared.worse(reach),
            (Some(word), None) | (None, Some(word)) => word,
            (None, None) => Word::of(&Machine::new(input.now), input.priority),
        }
    }

    /// Where our own arrivals go: here a region follows its own evidence, not what others see of its door.
    /// While it is frozen, its last course stands.
    fn course(&mut self, input: &Input<'_>, hearing: &Hearing<'_>, standings: &mut [Standing]) -> Course {
        if let (Some(_), Some((shares, stuck))) = (self.freezer.verdict(input.region), &self.last.course) {
            let reason = "frozen: whatever the verdict, arrivals stay where they are".to_owned();
            return Course { shares: shares.clone(), reason, stuck: *stuck };
        }
        let place = standings.iter().position(|standing| standing.region == input.region);
        let seen = place.and_then(|place| standings.get_mut(place)).map(|own| {
            let Word { verdict, reason, since, home_percent } = Word::of(&self.own, input.priority);
            let inside = Standing { verdict, reason, since, home_percent, ..own.clone() };
            std::mem::replace(own, inside)
        });
        let field = Field {
            now: input.now,
            me: input.region,
            priority: input.priority,
            standings,
            outage: input.own.outage,
        };
        let course = self.shifter.decide(&field);
        let region = Region { standings: field.standings, shifter: &self.shifter };
        self.exceptions.decide(input, hearing, &region);
        if let Some((own, seen)) = place.and_then(|place| standings.get_mut(place)).zip(seen) {
            *own = seen;
        }
        course.under(input.priority.enforcement, input.region)
    }

    /// Adds to the own region's reason what is done about it.
    fn explain(&self, input: &Input<'_>, standings: &mut [Standing], course: &Course) {
        let unwell = self.own.verdict() >= Verdict::Recovering;
        for own in standings.iter_mut().filter(|standing| standing.region == input.region) {
            if unwell {
                own.reason = format!("{}; {}", self.own.reason(), course.reason);
            }
            if let Some(exception) = self.exceptions.worst(input.region) {
                own.reason = format!("{}; except {exception}", own.reason);
            }
        }
        for standing in standings {
            if let Some(ordered) = input.priority.orders.get(&standing.region) {
                standing.reason = format!("{}; {}", ordered.words(), standing.reason);
            }
        }
    }

    fn answer(&self, input: &Input<'_>, standings: &[Standing], suspicion: bool) -> Option<Answer> {
        let last = self.last.answer.as_ref().map(|answer| answer.region.as_str());
        if input.priority.enforcement == Enforcement::Enforce {
            let answer =
                answers::answer(input.region, input.priority, standings, input.peers, last, suspicion)?;
            // A door that may have died this moment: whoever is sent there now must soon ask again.
            let doubted = input.unanswered(&answer.region);
            return Some(if doubted { answer.under_suspicion(input.priority) } else { answer });
        }
        let calm = |standing: &Standing| Standing {
            verdict: Verdict::Healthy,
            within: true,
            reached: true,
            ..standing.clone()
        };
        let calm: Vec<Standing> = standings.iter().map(calm).collect();
        answers::answer(input.region, input.priority, &calm, input.peers, last, false)
    }

    #[expect(clippy::too_many_arguments, reason = "all that was decided, in one report")]
    fn report(
        &self,
        input: &Input<'_>,
        votes: &BTreeMap<String, Vote>,
        hearing: &Hearing<'_>,
        standings: &[Standing],
        tallies: &BTreeMap<&str, Tally>,
        course: &Course,
        answer: Option<&Answer>,
    ) -> PriorityReport {
        let enforced = input.priority.enforcement == Enforcement::Enforce;
        let unwell = self.own.verdict() >= Verdict::Recovering;
        let unreachable = self.reach.iter().filter(|(_, machine)| machine.verdict() == Verdict::Degraded);
        PriorityReport {
            verdict: self.own.verdict(),
            reason: self.own.reason().to_owned(),
            home_percent: self.own.home_percent(&input.priority.recovery),
            draining: enforced && unwell && self.drained.contains(input.region),
            asking: self.asks(input, course),
            digest: input.priority.digest(),
            votes: votes.clone(),
            unreachable: unreachable.map(|(region, _)| region.clone()).collect(),
            grants: grants::offer(
                input.ceiling,
                input.own.local_rate,
                self.freezer.verdict(input.region).unwrap_or(self.own.verdict()),
                &origins(input, hearing),
            ),
            routes: Some(self.exceptions.report(input.region, input.priority)),
            view: self.view(input, hearing, standings, tallies, course, answer),
        }
    }

    fn view(
        &self,
        input: &Input<'_>,
        hearing: &Hearing<'_>,
        standings: &[Standing],
        tallies: &BTreeMap<&str, Tally>,
        course: &Course,
        answer: Option<&Answer>,
    ) -> PriorityView {
        let region = |standing: &Standing| {
            let tally = tallies.get(standing.region.as_str());
            let view = RegionView {
                verdict: standing.verdict,
                reason: standing.reason.clone(),
                command: input.priority.orders.get(&standing.region).map(Ordered::words).unwrap_or_default(),
                since: standing.since.rfc3339(),
                votes_bad: tally.map_or(0, |tally| tally.bad),
                voters: tally.map_or(0, |tally| tally.voters),
                voted_by: voted_by(&standing.region, input.priority),
                sli: (standing.region == input.region).then(|| input.own.sli.clone()),
            };
            (standing.region.clone(), view)
        };
        let (routes, more_routes) = self.exceptions.view(input.region);
        let shares = course.shares.as_slice().iter().map(|share| (share.region.clone(), share.percent));
        PriorityView {
            enforcement: input.priority.enforcement,
            regions: standings.iter().map(region).collect(),
            shares: shares.collect(),
            shares_reason: course.reason.clone(),
            answer: answer.cloned(),
            routes,
            more_routes,
            skewed: hearing.skewed().map(ToOwned::to_owned).collect(),
        }
    }

    /// Whether this gateway spills or soon may.
    fn asks(&self, input: &Input<'_>, course: &Course) -> bool {
        let stands_by =
            input.priority.mode == Mode::Ordered && input.priority.names().next() != Some(input.region);
        stands_by
            || self.own.verdict() != Verdict::Healthy
            || input.priority.intent(input.region) == Intent::Drained
            || course.shares.percent(input.region) < 100
            || self.exceptions.ask()
    }
}

/// A gateway that has just started takes over what the others' quorum has found.
fn adopt(input: &Input<'_>, hearing: &Hearing<'_>, region: &str, machine: &mut Machine) {
    let holds = |report: &PriorityReport| report.unreachable.iter().any(|name| name == region);
    if let Some((witness, _)) = hearing.all().find(|(_, report)| holds(report)) {
        machine.adopt_failure(input.now, &format!("unreachable, says {witness}"));
    }
}

/// Whoever does not know of routes' verdicts forwards a bad route like any other.
fn unaware(hearing: &Hearing<'_>) -> BTreeSet<String> {
    hearing.all().filter(|(_, report)| report.routes.is_none()).map(|(region, _)| region.to_owned()).collect()
}

/// Requests a second that a region grants this gateway's region.
fn granted(input: &Input<'_>, hearing: &Hearing<'_>, region: &str) -> u32 {
    let reports = hearing.of(region).filter(|_| region != input.region);
    reports.filter_map(|report| report.grants.get(input.region)).copied().fold(0, u32::saturating_add)
}

/// Members of this gateway's region, which share what it is granted.
fn fellows(input: &Input<'_>) -> u32 {
    let fellows = input.peers.iter().filter(|peer| peer.region == input.region).count();
    u32::try_from(fellows.max(1)).unwrap_or(u32::MAX)
}

/// The regions that may spill here.
fn origins<'a>(input: &Input<'a>, hearing: &Hearing<'_>) -> Vec<Origin<'a>> {
    let asks = |region: &str| hearing.of(region).any(|report| report.asking);
    let others = input.priority.names().filter(|region| *region != input.region);
    others.map(|region| Origin { region, asking: asks(region) }).collect()
}

/// Who votes on a region, where not all others do.
fn voted_by(region: &str, priority: &Priority) -> Vec<String> {
    if priority.regions.len() <= voters::MOST + 1 {
        return Vec::new();
    }
    voters::of(region, priority.names()).into_iter().map(ToOwned::to_owned).collect()
}
