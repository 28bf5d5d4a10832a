//! What was decided last, and what of the next step is a change that people are told of.

use std::collections::BTreeMap;

use crate::answers::Answer;
use crate::decision::{Change, Input};
use crate::exceptions::Exceptions;
use crate::share::Shares;
use crate::shift::Course;
use crate::standing::Standing;
use crate::verdict::Verdict;

/// What was decided last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Last {
    pub(crate) verdicts: BTreeMap<String, Verdict>,
    pub(crate) course: Option<(Shares, bool)>,
    pub(crate) answer: Option<Answer>,
    routes: BTreeMap<String, (Verdict, Shares, bool)>,
}

impl Last {
    /// The exceptions that are new, that are over, or that go another way.
    pub(crate) fn turn_routes(&mut self, exceptions: &Exceptions, me: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        let before = std::mem::take(&mut self.routes);
        for (route, verdict, course, reason) in exceptions.moving(me) {
            let turned = (verdict, course.shares.clone(), course.stuck);
            if before.get(route) != Some(&turned) {
                let (route, to) = (route.clone(), course.shares);
                changes.push(Change::Route { route, verdict, to, reason });
            }
            self.routes.insert(route.clone(), turned);
        }
        for route in before.keys().filter(|route| !self.routes.contains_key(*route)) {
            let (route, to, reason) = (route.clone(), Shares::all(me), "as its region again".to_owned());
            changes.push(Change::Route { route, verdict: Verdict::Healthy, to, reason });
        }
        changes
    }

    /// What of a step's decisions is another than before.
    pub(crate) fn turn(
        &mut self,
        input: &Input<'_>,
        standings: &[Standing],
        course: &Course,
        answer: Option<&Answer>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for standing in standings {
            let from = self.verdicts.get(&standing.region).copied().unwrap_or_default();
            if from != standing.verdict {
                self.verdicts.insert(standing.region.clone(), standing.verdict);
                let (region, reason) = (standing.region.clone(), standing.reason.clone());
                changes.push(Change::Verdict { region, from, to: standing.verdict, reason });
            }
        }
        let turned = Some((course.shares.clone(), course.stuck));
        if self.course != turned {
            self.course = turned;
            changes.push(Change::Shares { to: course.shares.clone(), reason: course.reason.clone() });
        }
        if self.answer.as_ref() != answer
            && let Some(Answer { region, ttl_seconds, .. }) = answer
        {
            let reason = self.why_answer(region, input, standings);
            changes.push(Change::Answer { region: region.clone(), ttl_seconds: *ttl_seconds, reason });
            self.answer = answer.cloned();
        }
        changes
    }

    /// What is said of the region that the answer leaves, or of the first that is unwell.
    fn why_answer(&self, region: &str, input: &Input<'_>, standings: &[Standing]) -> String {
        let before =
            self.answer.as_ref().map(|answer| answer.region.as_str()).filter(|before| *before != region);
        let ordered = |standing: &Standing| input.priority.orders.contains_key(&standing.region);
        let unwell = |standing: &&Standing| standing.verdict != Verdict::Healthy || ordered(standing);
        let left = standings.iter().filter(unwell).find(|standing| Some(standing.region.as_str()) == before);
        match left.or_else(|| standings.iter().find(unwell)) {
            Some(Standing { region, verdict, reason, .. }) => format!("{region} is {verdict}: {reason}"),
            None if input.unanswered(region) => format!("the latest probe of {region} was not answered"),
            None => "every region is Healthy".to_owned(),
        }
    }
}
