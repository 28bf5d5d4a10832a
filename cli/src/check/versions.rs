//! Which Kubernetes it is, and whether our own programs are of one version.

use super::facts::Server;
use super::finding::{Finding, Then};

/// As `kubeVersion` of the chart says.
const OLDEST: (u32, u32) = (1, 30);
/// Of this program.
pub(super) const OURS: &str = env!("CARGO_PKG_VERSION");

pub(super) fn kubernetes(server: &Server) -> Vec<Finding> {
    let check = "the hub's API server answers";
    let version = match &server.version {
        Ok(version) => version,
        Err(error) => {
            let then = Then("check --kubeconfig and --context, and that the API server runs", "kubernetes");
            return vec![Finding::failed(check, error, then)];
        }
    };
    let new_enough = format!("Kubernetes is {}.{} or later ({version})", OLDEST.0, OLDEST.1);
    let found = match numbers(version) {
        Some(numbers) if numbers >= OLDEST => Finding::ok(new_enough),
        Some(_) => Finding::failed(
            new_enough,
            "the chart refuses it",
            Then("upgrade the cluster, or take another as the hub", "kubernetes"),
        ),
        None => Finding::skipped(new_enough, "the version cannot be read"),
    };
    vec![Finding::ok(check), found]
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    let mut parts = version.trim_start_matches('v').split('.');
    Some((digits(parts.next()?)?, digits(parts.next()?)?))
}

/// Neighbouring versions understand each other, so another one is no failure.
pub(super) fn same(what: &str, version: &str) -> Finding {
    let check = format!("{what} is of this program's version, {OURS}");
    if version == OURS {
        return Finding::ok(check);
    }
    Finding::warning(check, format!("it is {version}"), Then("finish the upgrade", "versions"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    #[test]
    fn the_oldest_kubernetes_is_the_charts() {
        let chart = include_str!("../../../charts/spillway/Chart.yaml");
        assert!(chart.contains(&format!("kubeVersion: \">={}.{}.0-0\"", OLDEST.0, OLDEST.1)), "{chart}");
    }

    #[test]
    fn versions_are_numbers() {
        for (version, outcome) in [
            ("v1.34.1", Outcome::Ok),
            ("v1.30.0-eks-1", Outcome::Ok),
            ("v1.29.9", Outcome::Failed),
            ("v2.0", Outcome::Ok),
            ("v1.30+", Outcome::Ok),
            ("new", Outcome::Skipped),
        ] {
            let server = Server { version: Ok(version.into()), definitions: Ok(Vec::new()) };
            assert_eq!(kubernetes(&server)[1].outcome, outcome, "{version}");
        }
    }
}
