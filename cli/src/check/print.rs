//! Findings for people: a heading for each group, a mark for each check.

use std::fmt::Write;

use super::finding::{Finding, Findings, Outcome};

impl Outcome {
    const fn mark(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Warning => "‼",
            Self::Failed => "✗",
            Self::Skipped => "-",
        }
    }
}

pub(super) fn text(findings: &Findings) -> String {
    let mut text = String::new();
    for group in &findings.groups {
        let _ = writeln!(text, "{}\n{}", group.name, "-".repeat(group.name.chars().count()));
        group.checks.iter().for_each(|finding| line(&mut text, finding));
        text.push('\n');
    }
    let _ = writeln!(text, "{}", summary(findings));
    text
}

fn line(text: &mut String, finding: &Finding) {
    let _ = writeln!(text, "{} {}", finding.outcome.mark(), finding.check);
    for more in [&finding.found, &finding.advice].into_iter().flatten() {
        let _ = writeln!(text, "    {more}");
    }
    if let Some(see) = &finding.see {
        let _ = writeln!(text, "    see {see}");
    }
}

fn summary(findings: &Findings) -> String {
    let count = |outcome| {
        let all = findings.groups.iter().flat_map(|group| &group.checks);
        all.filter(|finding| finding.outcome == outcome).count()
    };
    let (failed, warnings) = (count(Outcome::Failed), count(Outcome::Warning));
    let skipped = match count(Outcome::Skipped) {
        0 => String::new(),
        skipped => format!(", {skipped} not looked at"),
    };
    match (failed, warnings) {
        (0, 0) => format!("Status: all is well{skipped}"),
        (0, _) => format!("Status: nothing failed, {warnings} to look at{skipped}"),
        _ => format!("Status: {failed} failed, {warnings} to look at{skipped}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Finding, Findings, Group, Then};

    #[test]
    fn each_failure_says_what_to_do_and_where_to_read() {
        let then = Then("install the chart", "definitions");
        let checks = vec![Finding::ok("it is there"), Finding::failed("it is new", "it is old", then)];
        let group = Group { name: "things", checks };
        let findings = Findings::of([group, Group { name: "empty", checks: Vec::new() }]);
        let expected = "things\n------\n✓ it is there\n✗ it is new\n    it is old\n    install the chart\n    \
                        see docs/check.md#definitions\n\nStatus: 1 failed, 0 to look at\n";
        assert_eq!(super::text(&findings), expected);
        assert!(!findings.ok);
    }
}
