//! Requests in flight.

/// A request that this region serves. Dropped without [`InFlight::finish`], the client went away and nothing
/// is learned from it.
#[derive(Debug, Default)]
pub struct InFlight {}

impl InFlight {
    /// The head of the response is there: `failed` when it is a 5xx or there is none.
    pub fn finish(self, _failed: bool) {}
}
