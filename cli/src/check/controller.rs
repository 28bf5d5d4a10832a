//! Whether a controller runs and leads.

use jiff::Timestamp;

use super::facts::{Controller, Lease, Seen, Workload};
use super::finding::{Finding, Then};
use super::versions::same;

pub(super) fn judge(controller: &Controller, now: Timestamp) -> Vec<Finding> {
    let deployment = match &controller.deployment {
        Ok(Some(deployment)) => workload(deployment),
        Ok(None) => vec![Finding::warning(
            "the controller runs in a Deployment",
            "there is no Deployment spillway-controller in this namespace",
            Then("install the chart on the hub, or name its namespace with --namespace", "controller"),
        )],
        Err(error) => vec![Finding::skipped("the controller runs in a Deployment", error)],
    };
    deployment.into_iter().chain([leader(&controller.lease, now)]).collect()
}

fn workload(deployment: &Workload) -> Vec<Finding> {
    let Workload { version, wanted, ready } = deployment;
    let runs = format!("the controller has {wanted} replicas ready");
    let look = Then(
        "kubectl -n spillway-system describe pods -l app.kubernetes.io/component=controller",
        "controller",
    );
    let ready_is = match ready {
        0 => Finding::failed(runs, "none is ready", look),
        ready if ready < wanted => Finding::warning(runs, format!("{ready} are ready"), look),
        _ => Finding::ok(runs),
    };
    vec![ready_is, same("the controller", version)]
}

fn leader(lease: &Seen<Option<Lease>>, now: Timestamp) -> Finding {
    let check = "a controller leads";
    let look = Then("read the controller's log: it says why it does not lead", "controller");
    match lease {
        Err(error) => Finding::skipped(check, error),
        Ok(None) => Finding::failed(check, "there is no Lease spillway-controller: none has ever led", look),
        Ok(Some(Lease { holder, lasts_seconds, renewed })) => {
            let silent = renewed.map_or(i64::MAX, |renewed| now.as_second() - renewed.as_second());
            // Two clocks are compared here: a little more than the Lease lasts is no news.
            if silent <= i64::from(*lasts_seconds) + 30 {
                Finding::ok(format!("{check}: {holder}"))
            } else {
                Finding::failed(check, format!("{holder} has not renewed its Lease for {silent} s"), look)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::super::versions::OURS;
    use super::*;

    #[test]
    fn a_controller_that_is_silent_is_told() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let with = |ready, version: &str, renewed: Option<&str>| Controller {
            deployment: Ok(Some(Workload { version: version.into(), wanted: 2, ready })),
            lease: Ok(renewed.map(|renewed| Lease {
                holder: "c-0".into(),
                lasts_seconds: 15,
                renewed: renewed.parse().ok(),
            })),
        };
        for (ready, version, renewed, outcomes) in [
            (2, OURS, Some("2026-11-23T11:59:50Z"), [Outcome::Ok, Outcome::Ok, Outcome::Ok]),
            (1, "9.9.9", Some("2026-11-23T11:59:50Z"), [Outcome::Warning, Outcome::Warning, Outcome::Ok]),
            (0, OURS, Some("2026-11-23T11:50:00Z"), [Outcome::Failed, Outcome::Ok, Outcome::Failed]),
            (2, OURS, None, [Outcome::Ok, Outcome::Ok, Outcome::Failed]),
        ] {
            let found = judge(&with(ready, version, renewed), now);
            assert_eq!(found.iter().map(|it| it.outcome).collect::<Vec<_>>(), outcomes, "{found:?}");
        }
    }
}
