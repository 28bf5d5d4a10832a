//! What invariants see of a world in one step of 100 ms.

use spillway_decide::report::PriorityReport;
use spillway_decide::{Answer, Decision, Priority};

use super::clients::Client;
use crate::world::{Millis, Truth};

/// One step.
#[derive(Debug)]
pub struct Beat<'a> {
    /// The moment.
    pub now: Millis,
    /// What is true.
    pub truth: &'a Truth<'a>,
    /// Each region's gateway.
    pub gateways: &'a [Seen<'a>],
    /// Everybody who asks.
    pub clients: &'a [Client],
    /// Requests since the last step.
    pub requests: &'a [Path],
    /// DNS replies since the last step.
    pub replies: &'a [Reply],
    /// What regions have begun to offer others since the last step.
    pub offers: &'a [Offer],
    /// Requests a second that each region serves, over the last second.
    pub rates: &'a [f64],
}

/// A gateway, as whoever watches it sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When its process began; none while it is dead.
    pub since: Option<Millis>,
    /// What it has decided last, but for the report; none before it has.
    pub decision: Option<&'a Decision>,
    /// What it reports.
    pub report: Option<&'a PriorityReport>,
    /// What it takes for people's wish.
    pub priority: &'a Priority,
}

/// The way of one request.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// When it began.
    pub at: Millis,
    /// The number of the client.
    pub client: usize,
    /// The number of its route, where routes are told apart.
    pub route: Option<usize>,
    /// The front door that it came to.
    pub door: usize,
    /// Regions that it was forwarded to, in order.
    pub forwards: [Option<usize>; 2],
    /// Who served it; none when it was lost.
    pub served: Option<usize>,
    /// It was to go elsewhere, but the grant was spent or nobody took it: it was served at the door.
    pub returned: bool,
}

/// A DNS reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// When.
    pub at: Millis,
    /// The region whose gateway was asked.
    pub gateway: usize,
    /// The answer; none is SERVFAIL.
    pub answer: Option<Answer>,
}

/// A region begins to offer another a grant, or ends it with zero.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// When.
    pub at: Millis,
    /// Who offers.
    pub target: usize,
    /// To whom.
    pub origin: usize,
    /// Requests a second.
    pub rate: u32,
}
