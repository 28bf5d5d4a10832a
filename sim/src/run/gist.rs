//! What of a report is told at once; `gateway/src/traffic/inbox.rs` says the same of real ones.

use spillway_decide::Verdict;
use spillway_decide::report::PriorityReport;

/// Whether two reports differ in nothing that others should know at once.
pub(super) fn same_gist(one: &PriorityReport, other: &PriorityReport) -> bool {
    let plain =
        |report: &PriorityReport| (report.verdict, report.home_percent, report.draining, report.asking);
    let votes = |report: &PriorityReport| report.votes.len();
    let routes = |report: &PriorityReport| {
        let told = report.routes.iter().flat_map(|told| &told.exceptions);
        let moving = told.filter(|(_, told)| told.verdict >= Verdict::Recovering);
        moving
            .map(|(route, told)| (route.clone(), told.verdict, told.home_percent, told.draining))
            .collect::<Vec<_>>()
    };
    plain(one) == plain(other)
        && routes(one) == routes(other)
        && votes(one) == votes(other)
        && one
            .votes
            .iter()
            .zip(&other.votes)
            .all(|(one, other)| one.0 == other.0 && one.1.opinion == other.1.opinion)
        && one.grants.len() == other.grants.len()
        && one
            .grants
            .iter()
            .zip(&other.grants)
            .all(|(one, other)| one.0 == other.0 && (*one.1 > 0) == (*other.1 > 0))
}
