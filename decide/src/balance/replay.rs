//! Whether a request that brought no good answer is sent once more, to another endpoint.
//!
//! A request is never sent twice unless it provably was not processed, or it is idempotent, small enough to be
//! kept, at the first hop, and within the budget.

/// Endpoints that one request may be brought to in vain: what never left costs no backend anything.
pub const MOST_ENDPOINTS: u32 = 4;

/// How an attempt ended without an answer to pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing was sent: there was no connection, or the one that was kept had ended.
    Unsent,
    /// The endpoint says that it has not processed it (HTTP/2: `REFUSED_STREAM`).
    Refused,
    /// It was sent, and no byte of an answer came.
    Unanswered,
    /// The answer is this status.
    Status(u16),
}

/// What is known of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask<'a> {
    /// The method's, by RFC 9110 section 9.2.2.
    pub idempotent: bool,
    /// It is there to be sent once more, body and all.
    pub kept: bool,
    /// It came from a client. Of two hops that both repeat, each failure would make four.
    pub first_hop: bool,
    /// How often it may be repeated.
    pub retries: u32,
    /// Statuses for which it is.
    pub statuses: &'a [u16],
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Send it once more.
    Yes,
    /// Send it once more if the budget has a retry left.
    IfTheBudgetAllows,
    /// Pass on what there is.
    No,
}

/// Decides after `attempts` attempts, of which `repeats` may have been processed.
#[must_use]
pub fn again(ask: &Ask<'_>, loss: Loss, attempts: u32, repeats: u32) -> Again {
    if !ask.kept || attempts >= MOST_ENDPOINTS.max(ask.retries + 1) {
        return Again::No;
    }
    let wanted = match loss {
        Loss::Unsent | Loss::Refused => {
            return if attempts < MOST_ENDPOINTS { Again::Yes } else { Again::No };
        }
        Loss::Unanswered => true,
        Loss::Status(code) => ask.statuses.contains(&code),
    };
    if wanted && ask.idempotent && ask.first_hop && repeats < ask.retries {
        Again::IfTheBudgetAllows
    } else {
        Again::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Ask<'_> = Ask { idempotent: true, kept: true, first_hop: true, retries: 1, statuses: &[503] };

    #[test]
    fn never_twice_unless_it_is_harmless() {
        let post = Ask { idempotent: false, ..GET };
        let gone = Ask { kept: false, ..GET };
        let spilled = Ask { first_hop: false, ..GET };
        let never = Ask { retries: 0, ..GET };
        for (name, ask, loss, attempts, repeats, expected) in [
            ("a GET that was lost", GET, Loss::Unanswered, 1, 0, Again::IfTheBudgetAllows),
            ("a second time", GET, Loss::Unanswered, 2, 1, Again::No),
            ("a POST that was lost", post, Loss::Unanswered, 1, 0, Again::No),
            ("a POST that never left", post, Loss::Unsent, 1, 0, Again::Yes),
            ("a POST that was refused", post, Loss::Refused, 3, 0, Again::Yes),
            ("nobody is there", post, Loss::Unsent, 4, 0, Again::No),
            ("nothing was kept", gone, Loss::Refused, 1, 0, Again::No),
            ("the second hop", spilled, Loss::Unanswered, 1, 0, Again::No),
            ("the second hop, unsent", spilled, Loss::Unsent, 1, 0, Again::Yes),
            ("retries are off", never, Loss::Unanswered, 1, 0, Again::No),
            ("retries are off, unsent", never, Loss::Unsent, 1, 0, Again::Yes),
            ("a listed status", GET, Loss::Status(503), 1, 0, Again::IfTheBudgetAllows),
            ("another status", GET, Loss::Status(502), 1, 0, Again::No),
            ("a listed status of a POST", post, Loss::Status(503), 1, 0, Again::No),
            ("the second hop's status", spilled, Loss::Status(503), 1, 0, Again::No),
        ] {
            assert_eq!(again(&ask, loss, attempts, repeats), expected, "{name}");
        }
    }
}
