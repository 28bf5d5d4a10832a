//! What a check finds: one line, and for what is not well the next step and where to read more.

use serde::Serialize;

/// The page whose anchors findings name.
pub(super) const PAGE: &str = "docs/check.md";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Outcome {
    /// As it should be.
    Ok,
    /// It works, but somebody should look.
    Warning,
    /// It does not work, or soon will not.
    Failed,
    /// It could not be looked at.
    Skipped,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What should be so.
    pub(super) check: String,
    pub(super) outcome: Outcome,
    /// What is so instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) see: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: impl Into<String>) -> Self {
        Self { check: check.into(), outcome: Outcome::Ok, found: None, advice: None, see: None }
    }

    /// It could not be looked at; the exit code does not tell.
    pub(super) fn skipped(check: impl Into<String>, why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Skipped, found: Some(why.into()), ..Self::ok(check) }
    }

    pub(super) fn warning(check: impl Into<String>, found: impl Into<String>, then: Then<'_>) -> Self {
        let Then(advice, anchor) = then;
        Self {
            outcome: Outcome::Warning,
            found: Some(found.into()),
            advice: Some(advice.to_owned()),
            see: Some(format!("{PAGE}#{anchor}")),
            ..Self::ok(check)
        }
    }

    pub(super) fn failed(check: impl Into<String>, found: impl Into<String>, then: Then<'_>) -> Self {
        Self { outcome: Outcome::Failed, ..Self::warning(check, found, then) }
    }
}

/// What to do next, and the anchor on [`PAGE`] that says more.
#[derive(Clone, Copy)]
pub(super) struct Then<'a>(pub(super) &'a str, pub(super) &'static str);

/// Checks that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) checks: Vec<Finding>,
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Findings {
    /// Nothing failed.
    pub(super) ok: bool,
    pub(super) groups: Vec<Group>,
}

impl Findings {
    /// Groups in which nothing was looked at are left out.
    pub(super) fn of(groups: impl IntoIterator<Item = Group>) -> Self {
        let groups: Vec<Group> = groups.into_iter().filter(|group| !group.checks.is_empty()).collect();
        let failed = |finding: &Finding| finding.outcome == Outcome::Failed;
        Self { ok: !groups.iter().flat_map(|group| &group.checks).any(failed), groups }
    }
}
