//! Whether an answer is the one that was asked for. Pure, so that every way of being wrong has a test.

use http::Uri;

use super::record::{LossReason, Outcome, WrongReason};

/// What the client asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Unique for each request; the backend writes it into the body.
    pub(super) id: &'a str,
    /// The host (and port) that the public knows.
    pub(super) authority: &'a str,
    /// Whether a redirect was asked for.
    pub(super) redirect: bool,
}

/// What came back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered<'a> {
    pub(super) status: u16,
    pub(super) served_by: Option<&'a str>,
    pub(super) location: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// Judges one complete answer.
pub(super) fn judge(asked: Asked<'_>, answered: Answered<'_>) -> Outcome {
    if answered.status >= 500 {
        return Outcome::Lost(LossReason::Status(answered.status));
    }
    let expected = if asked.redirect { 300..400 } else { 200..300 };
    if !expected.contains(&answered.status) {
        return Outcome::Wrong(WrongReason::Status(answered.status));
    }
    let wrong = wrong_body(asked, answered)
        .or_else(|| wrong_region(answered))
        .or_else(|| wrong_location(asked, answered));
    wrong.map_or(Outcome::Ok, Outcome::Wrong)
}

fn wrong_body(asked: Asked<'_>, answered: Answered<'_>) -> Option<WrongReason> {
    let body = String::from_utf8_lossy(answered.body);
    (!body.contains(asked.id))
        .then(|| WrongReason::Body(format!("asked {}, got {}", asked.id, excerpt(&body))))
}

fn wrong_region(answered: Answered<'_>) -> Option<WrongReason> {
    let Some(region) = answered.served_by else {
        return Some(WrongReason::Region("no x-served-by".to_owned()));
    };
    let body = String::from_utf8_lossy(answered.body);
    (!body.contains(region))
        .then(|| WrongReason::Region(format!("x-served-by is {region}, the body says {}", excerpt(&body))))
}

fn wrong_location(asked: Asked<'_>, answered: Answered<'_>) -> Option<WrongReason> {
    if !asked.redirect {
        return None;
    }
    let Some(location) = answered.location else {
        return Some(WrongReason::Location("none".to_owned()));
    };
    let authority = location.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
    let public = authority.is_some_and(|authority| authority.eq_ignore_ascii_case(asked.authority));
    (!public).then(|| WrongReason::Location(location.to_owned()))
}

fn excerpt(body: &str) -> String {
    body.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'_> = Asked { id: "7-42", authority: "portal.gov-prod.cn:8080", redirect: false };
    const GOOD: Answered<'_> =
        Answered { status: 200, served_by: Some("shenzhen"), location: None, body: b"shenzhen 7-42" };

    fn kind(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Ok => "ok",
            Outcome::Lost(_) => "lost",
            Outcome::Wrong(WrongReason::Body(_)) => "body",
            Outcome::Wrong(WrongReason::Location(_)) => "location",
            Outcome::Wrong(WrongReason::Status(_)) => "status",
            Outcome::Wrong(WrongReason::Region(_)) => "region",
        }
    }

    #[test]
    fn ordinary_answers() {
        let cases = [
            (GOOD, "ok"),
            (Answered { status: 204, ..GOOD }, "ok"),
            (Answered { status: 503, ..GOOD }, "lost"),
            (Answered { status: 404, ..GOOD }, "status"),
            (Answered { status: 302, ..GOOD }, "status"),
            (Answered { body: b"shenzhen 7-43", ..GOOD }, "body"),
            (Answered { body: b"", ..GOOD }, "body"),
            (Answered { served_by: None, ..GOOD }, "region"),
            (Answered { served_by: Some("chengdu"), ..GOOD }, "region"),
        ];
        for (answered, expected) in cases {
            assert_eq!(kind(&judge(ASKED, answered)), expected, "{answered:?}");
        }
    }

    #[test]
    fn redirects_must_lead_to_the_public_host() {
        let asked = Asked { redirect: true, ..ASKED };
        let cases = [
            (302, Some("http://portal.gov-prod.cn:8080/api/next"), "ok"),
            (307, Some("https://PORTAL.gov-prod.cn:8080/"), "ok"),
            (302, Some("http://portal.gov-prod.cn/api/next"), "location"),
            (302, Some("http://portal.sz.example:8080/api/next"), "location"),
            (302, Some("http://portal.gov-prod.cn:8080@evil.example/"), "location"),
            (302, Some("/api/next"), "location"),
            (302, None, "location"),
            (200, Some("http://portal.gov-prod.cn:8080/api/next"), "status"),
            (502, None, "lost"),
        ];
        for (status, location, expected) in cases {
            let outcome = judge(asked, Answered { status, location, ..GOOD });
            assert_eq!(kind(&outcome), expected, "{status} {location:?}: {outcome}");
        }
    }
}
